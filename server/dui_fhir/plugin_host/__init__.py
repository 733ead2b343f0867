"""The plugin host: the only place that knows pluggy and the folders of plugins.

``PluginHost.load(settings)`` finds the plugins by entry point or folder, checks them all, and refuses to start with all
their faults at once. Then it answers the service: rules, additions, limits, document types, tables.
"""

from dui_fhir.plugin_host.documents import Coding, DocumentType, Section
from dui_fhir.plugin_host.fault import Fault, PluginFailed
from dui_fhir.plugin_host.finder import Source
from dui_fhir.plugin_host.host import Additions, PluginHost
from dui_fhir.plugin_host.plugin import Plugin
from dui_fhir.plugin_host.rules import Rule

__all__ = [
    "Additions",
    "Coding",
    "DocumentType",
    "Fault",
    "Plugin",
    "PluginFailed",
    "PluginHost",
    "Rule",
    "Section",
    "Source",
]
