"""What authors of plugins use: list, check and start a folder; run its examples in tests."""

from dui_fhir.plugin_host.fault import Fault
from dui_fhir.plugin_kit.checking import check_folder
from dui_fhir.plugin_kit.examples import Example, examples_of, issues_of
from dui_fhir.plugin_kit.listing import list_plugins
from dui_fhir.plugin_kit.scaffold import new_folder

__all__ = ["Example", "Fault", "check_folder", "examples_of", "issues_of", "list_plugins", "new_folder"]
