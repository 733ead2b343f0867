"""Head of every document: the structure, the person, the INS; and what a person's protection keeps off the paper.

A person received anonymously (D12) is never named. A protected address is never printed, nor that of the structure where
she lives, which would tell it (D14).
"""

from collections.abc import Mapping
from typing import Any, Final

from dui_fhir.api import Context, Resource

from .document_text import SEXES, address_lines, date, items, orderly, part, text
from .gatherer import Gatherer
from .ins import HIGH_TRUST, INS_OIDS, identity
from .lenient import codes, extension_value, tags

IDNAT_ST: Final = "urn:oid:1.2.250.1.71.4.2.2"
LOCAL_ID: Final = "https://identifiant-medicosocial-localusager.esante.gouv.fr"
LABEL: Final = "urn:dui-fhir:label"
PROTECTED_ADDRESS: Final = "adresse-protegee"
ANONYMOUS: Final = "anonyme"
NAMELESS: Final = "Personne accueillie sous anonymat"
VERY_RESTRICTED: Final = "V"
SILENT_LABELS: Final = ("cat-RDR", "cat-PDE", "cat-PSY", "cat-FIN", "cat-JUR", "consommation")
"""Default of the parameter ``commun.documents_etiquettes_tues``."""
_FR_CORE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
_FIELDS: Final = (
    "birth_name", "birth_given", "used_name", "used_given", "sex", "birth_date", "birth_place", "local_id",
)  # fmt: skip


def may_be_printed(resource: Mapping[str, Any], context: Context | None) -> bool:
    """False for what is labelled very restricted, or of a category that no gathered document shows."""
    labels = codes(part(resource, "meta", "security")) | codes(part(resource, "securityLabel"))
    parameters = context.parameters if context else {}
    silent = parameters.get("commun.documents_etiquettes_tues", SILENT_LABELS)
    return VERY_RESTRICTED not in labels and labels.isdisjoint(silent)


def is_anonymous(patient: Resource) -> bool:
    """True for a person received anonymously."""
    return ANONYMOUS in tags(patient)


def is_protected(resource: Mapping[str, Any] | None) -> bool:
    """True where the address of a person, or an Address itself, is labelled as protected."""
    addresses = items(part(resource or {}, "address"))
    own = extension_value(resource, "urn:dui-fhir:extension:adresse-protegee") is True
    labelled = PROTECTED_ADDRESS in codes(part(resource, "meta", "security"), LABEL)
    return own or labelled or any(map(is_protected, addresses))


def structure_of(finess: str, gather: Gatherer, context: Context | None, *, silent: bool = False) -> dict[str, Any]:
    """Return name, FINESS, address lines and phone of the structure of the request, else of that FINESS.

    ``silent``: without address nor phone.
    """
    known = context.structure if context else None
    finess = known.finess if known else finess
    organization = organization_of(finess, gather)
    name = (known.name if known else "") or text(part(organization, "name"))
    line = " – ".join(w for w in (name, f"FINESS {finess}" if finess else "") if w)
    head = {"name": name, "finess": finess, "address": [], "phone": "", "line": line, "silent": silent}
    if silent:
        return head
    lines = [w.strip() for w in known.address.split("\n") if w.strip()] if known else []
    addresses = items(part(organization, "address"))
    phones = [text(t.get("value")) for t in items(part(organization, "telecom")) if t.get("system") == "phone"]
    lines = lines or (address_lines(addresses[0]) if addresses else [])
    return {**head, "address": lines, "phone": next(iter(phones), "")}


def organization_of(finess: str, gather: Gatherer) -> Resource | None:
    """Return the Organization of a FINESS, None where the tenant has none."""
    if not finess:
        return None
    found = gather.search("Organization", ("identifier", f"{IDNAT_ST}|1{finess}"))
    # the one that stands for the structure, before one received in a bundle
    return next((o for o in found if "structure" in tags(o)), found[0] if found else None)


def person_of(patient: Resource) -> dict[str, str]:
    """Return names, sex, birth and local number, as printed; ``short`` is the name of headings."""
    if is_anonymous(patient):
        return {**dict.fromkeys(_FIELDS, ""), "short": NAMELESS, "local_id": _local_id(patient)}
    names = items(patient.get("name"))
    official = next((n for n in names if n.get("use") == "official"), names[0] if names else {})
    usual = next((n for n in names if n.get("use") == "usual"), {})
    birth_name, used_name = text(official.get("family")), text(usual.get("family"))
    listed = text(extension_value(official, f"{_FR_CORE}fr-core-patient-birth-list-given-name"))
    first_given, first_used = _given(official), _given(usual)
    short = " ".join(w for w in (first_used or first_given, (used_name or birth_name).upper()) if w)
    return {
        "short": short or "personne accompagnée",
        "birth_name": birth_name.upper(),
        "birth_given": listed or first_given,
        "used_name": used_name.upper() if used_name != birth_name else "",
        "used_given": first_used if first_used != first_given else "",
        "sex": SEXES.get(text(patient.get("gender")), ""),
        "birth_date": date(patient.get("birthDate")),
        "birth_place": _birth_place(patient),
        "local_id": _local_id(patient),
    }


def _given(name: Mapping[str, Any]) -> str:
    given = name.get("given") if isinstance(name.get("given"), list) else []
    return " ".join(text(g) for g in given or [])


def _birth_place(patient: Resource) -> str:
    place = extension_value(patient, "http://hl7.org/fhir/StructureDefinition/patient-birthPlace")
    if not isinstance(place, dict):
        return ""
    code = text(part(extension_value(place, f"{_FR_CORE}fr-core-address-insee-code"), "code"))
    town = text(place.get("city"))
    if town and code:
        return f"{town} (code INSEE {code})"
    return town or (f"code INSEE {code}" if code else "")


def _local_id(patient: Resource) -> str:
    found = items(patient.get("identifier"))
    return next((text(i.get("value")) for i in found if i.get("system") == LOCAL_ID), "")


def ins_of(patient: Resource, context: Context | None) -> dict[str, Any] | None:
    """Return the INS for the first page; None unless the identity is qualified and shows it (EXI DIF 02)."""
    parameters = context.parameters if context else {}
    who = identity(orderly(patient))
    if is_anonymous(patient) or not who.qualified(parameters.get("commun.ins_pieces_haut_niveau", HIGH_TRUST)):
        return None
    traits = {
        "matricule": who.matricule,
        "oid": who.oid,
        "given": who.traits.given,
        "family": who.traits.family,
        "sex": "M" if who.traits.sex == "male" else "F",
        "birth_date": who.traits.birth_date,
        "cog": who.traits.cog,
    }
    kind = INS_OIDS.get(who.oid, "")
    return {
        "matricule": f"{who.matricule[:13]} {who.matricule[13:]}",
        "oid": who.oid,
        "label": "Matricule INS" if kind in ("NIR", "") else f"Matricule INS ({kind})",
        "datamatrix": {"image": "datamatrix-ins", "traits": traits},
    }
