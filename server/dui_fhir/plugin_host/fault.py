"""A fault of a plugin, and the error of a plugin that fails while it serves."""

from dataclasses import dataclass

from dui_fhir.domain.errors import DuiError
from dui_fhir.domain.issues import Issue


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault: ``file`` relative to the plugin's folder (or the folder itself), ``path`` inside the file (``[2].title``,
    ``line 4``), ``text`` a French sentence."""

    file: str
    path: str = ""
    text: str

    def as_issue(self, plugin: str) -> Issue:
        """Return the issue of a refused start, naming plugin and file."""
        where = f"{self.file} ({self.path})" if self.path else self.file
        text = f"Couloir « {plugin} », {where} : {self.text}"
        return Issue(severity="error", code="exception", id="plugin-invalid", text=text)


class PluginFailed(DuiError):
    """A plugin raised, or answered what its contract forbids, while a request needed it: nothing was written or shown."""

    status = 500
    code = "exception"
