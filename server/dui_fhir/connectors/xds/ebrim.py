"""ebRIM 3.0 elements. Order inside a registry object: slots, Name, Description, classifications, external identifiers."""

from collections.abc import Sequence

from dui_fhir.connectors.cda.values import Author
from dui_fhir.connectors.markup import Element, maker
from dui_fhir.connectors.nomenclature import Code
from dui_fhir.connectors.xds import formats

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
OBJECT_TYPES = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject"

rim = maker(RIM)


def slot(name: str, *values: str) -> Element:
    """Return a Slot with its values."""
    return rim("Slot", rim("ValueList", *(rim("Value", value) for value in values)), name=name)


def label(tag: str, text: str | None) -> Element | None:
    """Return a Name or a Description; None where there is no text."""
    if text is None:
        return None
    return rim(tag, rim("LocalizedString", charset="UTF8", xml_lang="FR", value=text))


class Owner:
    """The registry object that classifications and identifiers belong to; numbers their ids within the message."""

    def __init__(self, id: str) -> None:
        self.id = id
        self._count = 0

    def classification(self, scheme: str, code: Code) -> Element:
        """Return the Classification that carries a code."""
        return rim(
            "Classification",
            slot("codingScheme", code.system),
            label("Name", code.display),
            classificationScheme=f"urn:uuid:{scheme}",
            classifiedObject=self.id,
            nodeRepresentation=code.code,
            id=self._next("cl"),
            objectType=f"{OBJECT_TYPES}:Classification",
        )

    def author(self, scheme: str, author: Author) -> Element:
        """Return the Classification that carries an author."""
        return rim(
            "Classification",
            slot("authorPerson", formats.xcn(author.who)),
            slot("authorInstitution", formats.xon(author.organization)),
            slot("authorSpecialty", formats.specialty(author.who.code)),
            classificationScheme=f"urn:uuid:{scheme}",
            classifiedObject=self.id,
            nodeRepresentation="",
            id=self._next("cl"),
            objectType=f"{OBJECT_TYPES}:Classification",
        )

    def marker(self, node: str) -> Element:
        """Return the Classification that says what a package is."""
        return rim(
            "Classification",
            classificationNode=f"urn:uuid:{node}",
            classifiedObject=self.id,
            id=self._next("cl"),
            objectType=f"{OBJECT_TYPES}:Classification",
        )

    def identifier(self, scheme: str, name: str, value: str) -> Element:
        """Return an ExternalIdentifier."""
        return rim(
            "ExternalIdentifier",
            label("Name", name),
            identificationScheme=f"urn:uuid:{scheme}",
            registryObject=self.id,
            value=value,
            id=self._next("ei"),
            objectType=f"{OBJECT_TYPES}:ExternalIdentifier",
        )

    def _next(self, kind: str) -> str:
        self._count += 1
        return f"{self.id}-{kind}{self._count}"


def association(id: str, type: str, source: str, target: str, slots: Sequence[Element] = ()) -> Element:
    """Return an Association."""
    return rim(
        "Association",
        *slots,
        associationType=type,
        sourceObject=source,
        targetObject=target,
        id=id,
        objectType=f"{OBJECT_TYPES}:Association",
    )
