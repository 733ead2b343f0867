"""FHIR facts shipped with dui-fhir (R4 tables, French profiles), imported as ``dui_fhir_profiles``."""

if not __name__.startswith("dui_fhir_profiles"):
    raise ImportError("import dui_fhir_profiles, not profiles: the folder is mapped by setup.py")
