"""The messages of WS_INS2: request checked and read, answer and faults written (WSDL DESIR_ICIR_EXP 1.5.0)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from dui_fhir.simulators.insi.people import Person
from dui_fhir.simulators.soap import SOAP, Element, Message, SoapFault

REQUEST = "http://www.cnamts.fr/INSiRecSans"
RESULT = "http://www.cnamts.fr/INSiResultat"
BAM = "urn:siram:bam:ctxbam"
LPS = "urn:siram:lps:ctxlps"
SIRAM = "urn:siram"
BODY = f"{{{REQUEST}}}RECSANSVITALE"
ACTION = "urn:ServiceIdentiteCertifiee:1.0.0:rechercherInsAvecTraitsIdentite"
BAM_HEADER, LPS_HEADER = f"{{{BAM}}}ContexteBAM", f"{{{LPS}}}ContexteLPS"

_ORDER = ("NomNaissance", "Prenom", "Sexe", "DateNaissance", "LieuNaissance")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# Upper case without diacritics; two hyphens in a row only in a family name.
_FAMILY = re.compile(r"[A-Z'](?:[A-Z]|[ '](?![ '])|--?(?!-))*")
_GIVEN = re.compile(r"[A-Z](?:[A-Z]|[ '-](?=[A-Z]))*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLACE = re.compile(r"[A-Z0-9]{5}")
_LABELS = {"00": "OK", "01": "Aucune identite trouvee", "02": "Plusieurs identites trouvees"}
_ERRORS = {
    "desir_550": ("siram_100", "Numéro d'autorisation du logiciel inconnu."),
    "desir_560": ("siram_100", "Certificat non autorisé : CN INSI-AUTO ou INSI-MANU attendu."),
    "insi_102": ("siram_40", "Erreur technique."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What is searched for."""

    family: str
    given: list[str]
    sex: str
    born: str
    place: str


def read(message: Message, authorisations: frozenset[str]) -> Traits:
    """Check the contexts and the traits; ``authorisations`` empty = any software.

    Raises: SoapFault.
    """
    _check_contexts(message, authorisations)
    names = [etree.QName(child).localname for child in message.body if isinstance(child.tag, str)]
    places = [_ORDER.index(name) if name in _ORDER else -1 for name in names]
    if places != sorted(places) or -1 in places or any(names.count(n) > 1 for n in _ORDER if n != "Prenom"):
        raise malformed(message, "Éléments de RECSANSVITALE inconnus, répétés ou hors de l'ordre du schéma.")
    traits = Traits(
        family=_value(message.body, "NomNaissance"),
        given=[(e.text or "").strip() for e in message.body.iterfind(f"{{{REQUEST}}}Prenom")],
        sex=_value(message.body, "Sexe"),
        born=_value(message.body, "DateNaissance"),
        place=_value(message.body, "LieuNaissance"),
    )
    _check_traits(message, traits)
    return traits


def _check_traits(message: Message, traits: Traits) -> None:
    checks = (
        (_FAMILY.fullmatch(traits.family), "NomNaissance : majuscules sans diacritique attendues."),
        (traits.given, "Prenom est obligatoire."),
        (all(_GIVEN.fullmatch(name) for name in traits.given), "Prenom : majuscules sans diacritique attendues."),
        (traits.sex in ("M", "F"), "Sexe : M ou F attendu."),
        (_DATE.fullmatch(traits.born), "DateNaissance : AAAA-MM-JJ attendu."),
        (not traits.place or _PLACE.fullmatch(traits.place), "LieuNaissance : code de 5 caractères attendu."),
    )
    for right, reason in checks:
        if not right:
            raise malformed(message, reason)


def _check_contexts(message: Message, authorisations: frozenset[str]) -> None:
    bam, lps = _context(message, BAM_HEADER, BAM, "01_02"), _context(message, LPS_HEADER, LPS, "01_00")
    if bam.find(f"{{{BAM}}}COUVERTURE") is None:
        raise malformed(message, "ContexteBAM/COUVERTURE est absent.")
    if bam.findtext(f"{{{BAM}}}Emetteur") != lps.findtext(f"{{{LPS}}}Emetteur"):
        raise malformed(message, "Les deux contextes ne désignent pas le même Emetteur.")
    software = lps.find(f"{{{LPS}}}LPS")
    if lps.get("Nature") != "CTXLPS" or software is None:
        raise malformed(message, "ContexteLPS : Nature CTXLPS et LPS attendus.")
    idam = software.find(f"{{{LPS}}}IDAM")
    number = "" if idam is None else (idam.text or "").strip()
    if idam is None or idam.get("R") != "4" or not number:
        raise malformed(message, "LPS/IDAM : numéro d'autorisation et R=4 attendus.")
    instance, name = (str(software.findtext(f"{{{LPS}}}{n}") or "") for n in ("Instance", "Nom"))
    if not _UUID.fullmatch(instance) or not name.startswith("urn:lps:") or not software.findtext(f"{{{LPS}}}Version"):
        raise malformed(message, "LPS : Version, Instance (uuid) et Nom (urn:lps:nom:version) attendus.")
    if authorisations and number not in authorisations:
        raise technical("desir_550", message.message_id)


def _context(message: Message, tag: str, namespace: str, version: str) -> Element:
    found = message.header.findall(tag)
    name = etree.QName(tag).localname
    if len(found) != 1:
        raise malformed(message, f"Il faut un en-tête {name} et un seul.")
    identifier, time, emitter = (
        str(found[0].findtext(f"{{{namespace}}}{n}") or "") for n in ("Id", "Temps", "Emetteur")
    )
    if (
        found[0].get("Version") != version
        or not _UUID.fullmatch(identifier)
        or not _TIME.fullmatch(time)
        or not emitter
    ):
        raise malformed(
            message, f"{name} : Version {version}, Id (uuid), Temps (UTC, millisecondes, Z), Emetteur attendus."
        )
    return found[0]


def _value(body: Element, name: str) -> str:
    return str(body.findtext(f"{{{REQUEST}}}{name}") or "").strip()


def malformed(message: Message, reason: str) -> SoapFault:
    """Build the fault of a request that the service does not admit (the published list of codes is not complete)."""
    return _fault("Sender", "siram_100", "sim_format", "erreur", reason, message.message_id)


def technical(code: str, message_id: str) -> SoapFault:
    """Build a fault of the service from its code (``desir_550``, ``desir_560``, ``insi_102``)."""
    subcode, reason = _ERRORS.get(code, ("siram_40", "Erreur simulée."))
    sender = subcode == "siram_100"
    return _fault(
        "Sender" if sender else "Receiver", subcode, code, "erreur" if sender else "fatal", reason, message_id
    )


def _fault(code: str, subcode: str, error: str, severity: str, reason: str, message_id: str) -> SoapFault:
    detail = etree.Element(f"{{{SIRAM}}}Erreur", nsmap={"siram": SIRAM})
    for name, value in (("code", error), ("severite", severity), ("messageID", message_id)):
        detail.set(name, value)
    detail.text = reason
    return SoapFault(code, reason, subcode=f"{{{SOAP}}}{subcode}", detail=detail, status=500)


def answer(found: Sequence[Person]) -> tuple[str, Element]:
    """Return the result code (``00``, ``01``, ``02``) and the ``RESULTAT`` element."""
    code = "00" if len(found) == 1 else "02" if found else "01"
    result = etree.Element(f"{{{RESULT}}}RESULTAT", nsmap={None: RESULT})
    report = _add(result, "CR")
    _add(report, "CodeCR", code)
    _add(report, "LibelleCR", _LABELS[code])
    if code == "00":
        _add_person(result, found[0])
    return code, result


def _add_person(result: Element, person: Person) -> None:
    individual = _add(result, "INDIVIDU")
    active = _add(individual, "INSACTIF")
    _add_number(active, person.number, person.key)
    _add(active, "OID", person.oid)
    for number, key, *dates in person.former:
        former = _add(individual, "INSHISTO")
        # The published answers put the dates before IdIndividu, against their own schema.
        for name, date in zip(("DateDeb", "DateFin"), dates, strict=False):
            _add(former, name, date)
        _add_number(former, number, key)
        _add(former, "OID", person.oid)
    traits = _add(individual, "TIQ")
    for name, value in (
        ("NomNaissance", person.family),
        ("ListePrenom", person.given),
        ("Sexe", person.sex),
        ("DateNaissance", person.born),
        ("LieuNaissance", person.birth_place),
    ):
        if value:
            _add(traits, name, value)


def _add_number(parent: Element, number: str, key: str) -> None:
    identifier = _add(parent, "IdIndividu")
    _add(identifier, "NumIdentifiant", number)
    if key:
        _add(identifier, "Cle", key)


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    element = etree.SubElement(parent, f"{{{RESULT}}}{name}")
    element.text = text
    return element
