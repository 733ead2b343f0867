"""The parts of a section, as JSON for the templates: fields, table, text, list, sub-section. An empty part is no part."""

from collections.abc import Mapping, Sequence
from typing import Any

Block = dict[str, Any]
Blocks = list[Block]


def fields(*pairs: tuple[str, str]) -> Blocks:
    """Return label and value pairs; those without a value are left out."""
    kept = [[label, value] for label, value in pairs if value]
    return [{"kind": "fields", "pairs": kept}] if kept else []


def table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float] = ()) -> Blocks:
    """Return a table; ``widths`` are proportions. Without a row, nothing."""
    if not rows:
        return []
    return [
        {
            "kind": "table",
            "header": list(header),
            "widths": list(widths or [1] * len(header)),
            "rows": [list(r) for r in rows],
        }
    ]


def words(text: str) -> Blocks:
    """Return a text, one paragraph a line."""
    return [{"kind": "text", "text": text}] if text.strip() else []


def bullets(lines: Sequence[str]) -> Blocks:
    """Return a list of short lines."""
    kept = list(dict.fromkeys(line for line in lines if line))
    return [{"kind": "list", "items": kept}] if kept else []


def sub(title: str, blocks: Blocks, *, always: bool = False) -> Blocks:
    """Return a sub-section; with ``always`` even empty, where it prints *non renseigné*."""
    return [{"kind": "sub", "title": title, "blocks": blocks}] if blocks or always else []


def note(text: str) -> Blocks:
    """Return a remark of ours: printed, but no content (a section that has nothing else is empty)."""
    return [{"kind": "note", "text": text}] if text else []


def filled(blocks: Sequence[Mapping[str, Any]]) -> bool:
    """True where the parts say something."""
    return any(filled(b["blocks"]) if b["kind"] == "sub" else b["kind"] != "note" for b in blocks)


def plain(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the parts as lines of text, for the narrative of a FHIR section."""
    lines: list[str] = []
    for block in blocks:
        match block["kind"]:
            case "fields":
                lines += [f"{label} : {value}" for label, value in block["pairs"]]
            case "table":
                lines += [" – ".join(cell for cell in row if cell) for row in block["rows"]]
            case "list":
                lines += block["items"]
            case "sub":
                lines += [block["title"], *plain(block["blocks"])]
            case _:
                lines.append(block["text"])
    return lines
