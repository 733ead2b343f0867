"""COM-80 (decision D8): a document whose required sections are empty is a draft; it may not be final."""

from collections.abc import Iterator

from dui_fhir.api import Change, Context, Issue, Resource

from .document_metadata import LACKING
from .identities import fault
from .reading import extensions, value_of


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check a DocumentReference made here: the layout noted which required sections it found empty."""
    document: Resource = change.after or {}
    lacking = [str(value_of(e)) for e in extensions(document, LACKING)]
    if lacking:
        text = f"Rubriques obligatoires non renseignées : {', '.join(lacking)}."
        yield fault("COM-80", "DocumentReference.extension", text=text)
