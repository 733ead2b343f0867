"""COM-33 (L331-8-1): what the account of a serious adverse event says; that the authority was told is the clock's."""

from collections.abc import Iterator
from typing import Final

from dui_fhir.api import Change, Context, Issue, Resource

from .reading import EXTENSION, codes, extension_value

MEASURES: Final = f"{EXTENSION}mesures-prises"
_FACTS: Final = (
    ("date", "sa date"), ("location", "son lieu"), ("contributor", "les personnes présentes"), ("", "les mesures prises"),
)  # fmt: skip


def is_serious(event: Resource) -> bool:
    """True for what happened and is not said to be without gravity."""
    return event.get("actuality") == "actual" and "Non-serious" not in codes(event.get("seriousness"))


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Yield COM-33 with what is missing."""
    event = change.after or {}
    if not is_serious(event):
        return
    missing = [(f"AdverseEvent.{name or 'extension'}", french) for name, french in _FACTS if not _says(event, name)]
    if missing:
        paths, words = zip(*missing, strict=True)
        text = f"L'événement indésirable grave est incomplet ; il manque : {', '.join(words)}."
        yield Issue(severity="error", code="business-rule", id="COM-33", text=text, expression=paths)


def _says(event: Resource, name: str) -> bool:
    if name:
        return bool(event.get(name))
    return bool(event.get("referenceDocument") or extension_value(event, MEASURES))
