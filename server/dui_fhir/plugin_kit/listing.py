"""``dui-fhir plugin list``: what is in force, on one screen."""

from collections.abc import Sequence

from dui_fhir.plugin_host import Plugin, PluginHost

_HEADER = ("couloir", "vague", "état", "version", "règles", "documents", "catégories FINESS", "points d'extension")


def list_plugins(host: PluginHost) -> str:
    """Return a table of the plugins in force, in their order, and the number of their rules by kind."""
    rows = [_HEADER, *(_row(plugin) for plugin in host.plugins)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return "\n".join(_line(row, widths) for row in rows)


def _row(plugin: Plugin) -> tuple[str, ...]:
    kinds = [rule.kind for rule in plugin.rules]
    rules = f"{len(kinds)} ({', '.join(f'{k} {kinds.count(k)}' for k in 'SAP' if k in kinds)})" if kinds else "0"
    return (
        plugin.id,
        plugin.wave,
        plugin.status,
        plugin.version,
        rules,
        str(len(plugin.documents)),
        " ".join(plugin.categories) or "-",
        " ".join(plugin.hooks) or "-",
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
