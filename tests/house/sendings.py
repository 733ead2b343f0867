"""Rows of the table of docs/fr/envois.md, from documents.json of every corridor: ``python tests/house/sendings.py``.

The page is what people decide and read; ``tests/plugins/corridors/test_sending_table.py`` replays it against the rules. Run this
after adding a document type, then read the new rows before keeping them. ``--write`` puts them in the page.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from dui_fhir.plugin_host import DocumentType, PluginHost
from dui_fhir.settings import Settings

PAGE = Path(__file__).parents[2] / "docs/fr/envois.md"
CORRIDORS = ("commun", "pa", "ph", "dom", "pde", "pds", "ahi", "pjm")
_STANCES = {"auto": "d'office", "decision": "sur décision", "never": "jamais"}


def rows(host: PluginHost) -> Iterator[str]:
    """Yield one row per corridor and document type that its codes can name."""
    closed = set(host.parameters()["commun.citoyen_couloirs_fermes"])
    for corridor in CORRIDORS:
        active = [] if corridor == "commun" else [corridor]
        for kind in host.documents(active):
            if host.document_of(_document(kind), active) == kind:
                category = f" {kind.category.code}" if kind.category else ""
                cells = (
                    corridor,
                    f"{kind.plugin}/{kind.id}",
                    f"{kind.type.code}{category}",
                    *_cells(kind, corridor, closed),
                )
                yield f"| {' | '.join(cells)} |"


def _cells(kind: DocumentType, corridor: str, closed: set[str]) -> tuple[str, str, str]:
    """AHI-09 lets health professionals' documents go; PJM-14 lets none go, and none to the person."""
    stance = _STANCES[kind.dmp]
    if kind.dmp == "auto" and corridor in ("ahi", "pjm"):
        stance = "professionnel de santé" if corridor == "ahi" else "jamais"
    citizen = kind.mssante and corridor != "pjm" and not (kind.dmp == "never" and kind.plugin in closed)
    return stance, "oui" if kind.mssante else "non", "oui" if citizen else "non"


def _document(kind: DocumentType) -> dict[str, object]:
    found: dict[str, object] = {"type": {"coding": [kind.type.as_fhir()]}}
    if kind.category is not None:
        found["category"] = [{"coding": [kind.category.as_fhir()]}]
    return found


def main() -> None:
    """Print the rows, or put them in the page."""
    made = list(rows(PluginHost.load(Settings({"plugins": list(CORRIDORS), "plugin_folders": []}))))
    if "--write" not in sys.argv:
        print("\n".join(made))
        return
    kept = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if not re.match(r"\| [a-z]+ \| [a-z]+/", line)
    ]
    at = next(n for n, line in enumerate(kept) if line.startswith("| couloir |")) + 2
    PAGE.write_text("\n".join([*kept[:at], *made, *kept[at:]]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
