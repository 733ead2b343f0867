"""The corridors shipped with dui-fhir, imported as ``dui_fhir_plugins``."""

if not __name__.startswith("dui_fhir_plugins"):
    raise ImportError("import dui_fhir_plugins, not plugins: the folder is mapped by setup.py")
