"""From a Patient of FR Core to an identity, and back: one encoding per version.

=================  ===========================  ==========================================  ==============================
version            status                       attributes                                  INSi
=================  ===========================  ==========================================  ==============================
``2.1.0``          fr-core-cs-v2-0445           second occurrence of the extension          methodCollection, dateCollection
``2.2.0``          the same                     the same                                    the same
``2.2.0-rniv``     fr-core-cs-identity-status   ``comment``                                 dateInterrogationINSi
=================  ===========================  ==========================================  ==============================

``2.2.0`` is the package of March 2026; ``2.2.0-rniv`` the builds of August 2026, which still bear that number. The two first have
no code for RECUP and QUAL: with an INS identifier, PROV is read as RECUP and VALI as QUAL (their invariant fr-core-1 wants an
INS beside VALI). The same OID with the type NH is a social security number (slice NSS of 2.1.0) and no INS. Source: FR Core,
fr-core-patient-ins, fr-core-identity-reliability.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dui_fhir.domain.change import Resource
from dui_fhir.domain.ins import CARRYING, DOUBTFUL, INS_OIDS, Attribute, Identity, Status, Traits

CoreVersion = Literal["2.1.0", "2.2.0", "2.2.0-rniv"]

CORE: Final = "https://hl7.fr/ig/fhir/core"
RELIABILITY: Final = f"{CORE}/StructureDefinition/fr-core-identity-reliability"
GIVEN_LIST: Final = f"{CORE}/StructureDefinition/fr-core-patient-birth-list-given-name"
INSEE_CODE: Final = f"{CORE}/StructureDefinition/fr-core-address-insee-code"
BIRTH_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
STATUS_0445: Final = f"{CORE}/CodeSystem/fr-core-cs-v2-0445"
STATUS_RNIV: Final = f"{CORE}/CodeSystem/fr-core-cs-identity-status"
COMMENT_RNIV: Final = f"{CORE}/CodeSystem/fr-core-cs-identity-status-comment"
COMMUNES: Final = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
TYPE_SYSTEMS: Final = frozenset(
    {f"{CORE}/CodeSystem/fr-core-cs-v2-0203", "http://interopsante.org/CodeSystem/fr-v2-0203"}
)
INS_TYPES: Final[Mapping[str, str]] = {
    "INS-NIR": "1.2.250.1.213.1.4.8",
    "INS-NIA": "1.2.250.1.213.1.4.9",
    "INS-NIR-TEST": "1.2.250.1.213.1.4.10",
    "INS-NIR-DEMO": "1.2.250.1.213.1.4.11",
}
"""Codes of ``identifier.type`` that make an identifier an INS, with their OID."""

_ATTRIBUTES: Final[Mapping[Attribute, str]] = {"homonyme": "HOMA", "douteux": "DOUT", "fictif": "FICT"}
_FOUR: Final[Mapping[str, Status]] = {"PROV": "PROV", "VALI": "VALI", "RECUP": "RECUP", "QUAL": "QUAL"}
_Parts = list[tuple[str, dict[str, Any]]]


# ------------------------------------------------------------------------------------------------------------- reading


def read(patient: Mapping[str, Any]) -> Identity:
    """Return the identity of a Patient, in whatever encoding; never raises, whatever the shape of the resource."""
    parts = list(_parts(patient))
    oid, matricule = next(ins_identifiers(patient), ("", ""))
    status, explicit = _status(parts, has_matricule=bool(matricule))
    by_insi = any(_code(part) == "INSI" for url, part in parts if url == "methodCollection")
    asked = _date(parts, "dateInterrogationINSi")
    name = _official_name(patient)
    return Identity(
        status=status,
        explicit=explicit,
        traits=_traits(patient, name),
        oid=oid,
        matricule=matricule,
        first_name=" ".join(str(g) for g in _list(name.get("given"))[:1]),
        document=next((_code(part) for url, part in parts if url == "validationMode"), ""),
        document_date=_date(parts, "validationDate"),
        insi=by_insi or bool(asked),
        insi_date=asked or (_date(parts, "dateCollection") if by_insi else ""),
        attributes=frozenset(_attributes(parts)),
    )


def claimed_ins(patient: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return ``(oid, matricule)`` of each INS in force of a person whose identity claims to be qualified (``Identity.claimed``).

    The same judgement as that of :func:`read`, without the traits: asked at each write of a Patient.
    """
    found = tuple(ins_identifiers(patient))
    if not found:
        return ()
    parts = list(_parts(patient))
    status, _ = _status(parts, has_matricule=True)
    return found if status == "QUAL" and not DOUBTFUL.intersection(_attributes(parts)) else ()


def ins_identifiers(patient: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield ``(oid, matricule)`` of each INS in force: an old or ended one is history."""
    for identifier in _dicts(patient.get("identifier")):
        oid = str(identifier.get("system", "")).removeprefix("urn:oid:")
        if oid not in INS_OIDS:
            continue
        period = identifier.get("period")
        ended = identifier.get("use") == "old" or (isinstance(period, dict) and "end" in period)
        value = identifier.get("value")
        if isinstance(value, str) and value.strip() and not ended and _is_ins(identifier):
            yield oid, value.strip().upper()


def _is_ins(identifier: Mapping[str, Any]) -> bool:
    kind = identifier.get("type")
    codings = _dicts(kind.get("coding")) if isinstance(kind, dict) else []
    return any(c.get("code") in INS_TYPES and c.get("system") in (*TYPE_SYSTEMS, None) for c in codings)


def _parts(patient: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the sub-extensions of every reliability extension: status and attribute may be two occurrences."""
    for extension in _dicts(patient.get("extension")):
        if extension.get("url") == RELIABILITY:
            for part in _dicts(extension.get("extension")):
                yield str(part.get("url", "")), part


def _status(parts: _Parts, *, has_matricule: bool) -> tuple[Status, bool]:
    stated = [_coding(part) for url, part in parts if url == "identityStatus"]
    for coding in stated:
        code = str(coding.get("code", ""))
        if coding.get("system") == STATUS_RNIV and code in _FOUR:
            return _FOUR[code], True
        if code in CARRYING:
            return _FOUR[code], True
    codes = {coding.get("code") for coding in stated}
    if "VALI" in codes and not codes & {"PROV", "VIDE"}:
        return ("QUAL" if has_matricule else "VALI"), False
    return ("RECUP" if has_matricule else "PROV"), False


def _attributes(parts: _Parts) -> Iterator[Attribute]:
    codes = {_code(part) for url, part in parts if url in ("identityStatus", "comment")}
    for attribute, code in _ATTRIBUTES.items():
        if any(c.startswith(code) for c in codes):
            yield attribute


def _traits(patient: Mapping[str, Any], name: Mapping[str, Any]) -> Traits:
    place = _value(_extension(patient, BIRTH_PLACE))
    return Traits(
        family=str(name.get("family", "")),
        given=str(_value(_extension(name, GIVEN_LIST)) or ""),
        birth_date=str(patient.get("birthDate", "")),
        sex=str(patient.get("gender", "")),
        cog=_code(_extension(place, INSEE_CODE)) if isinstance(place, dict) else "",
    )


def _official_name(patient: Mapping[str, Any]) -> dict[str, Any]:
    return next((n for n in _dicts(patient.get("name")) if n.get("use") == "official"), {})


def _extension(element: Mapping[str, Any], url: str) -> dict[str, Any]:
    return next((e for e in _dicts(element.get("extension")) if e.get("url") == url), {})


def _value(extension: Mapping[str, Any]) -> Any:
    return next((v for k, v in extension.items() if k.startswith("value")), None)


def _coding(extension: Mapping[str, Any]) -> dict[str, Any]:
    value = _value(extension)
    if isinstance(value, dict) and "coding" in value:
        return next(iter(_dicts(value["coding"])), {})
    return value if isinstance(value, dict) else {"code": value} if isinstance(value, str) else {}


def _code(extension: Mapping[str, Any]) -> str:
    return str(_coding(extension).get("code", ""))


def _date(parts: _Parts, url: str) -> str:
    return next((v for u, part in parts if u == url and isinstance(v := _value(part), str)), "")


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# ------------------------------------------------------------------------------------------------------------- writing


@dataclass(frozen=True, kw_only=True, slots=True)
class _Encoding:
    """How one version of FR Core writes an identity. ``four``: it has the four statuses of the RNIV."""

    four: bool
    nia_use: str


_ENCODINGS: Final[Mapping[CoreVersion, _Encoding]] = {
    "2.1.0": _Encoding(four=False, nia_use="temp"),
    "2.2.0": _Encoding(four=False, nia_use="official"),
    "2.2.0-rniv": _Encoding(four=True, nia_use="official"),
}


def write(patient: Resource, identity: Identity, version: CoreVersion) -> Resource:
    """Return the Patient with this identity in the encoding of a version of FR Core; the rest of it is kept.

    A matricule is written beside RECUP and QUAL only, and the one in force before is dropped: its history, kept with the use
    ``old``, stays. Who sends the Patient outside gives an identity without matricule unless it is qualified (EXI ID 29).
    """
    encoding = _ENCODINGS[version]
    kept = [e for e in _dicts(patient.get("extension")) if e.get("url") not in (RELIABILITY, BIRTH_PLACE)]
    made: Resource = {
        **patient,
        "extension": [*_reliability(identity, encoding), *_birth_place(patient, identity.traits.cog), *kept],
        "identifier": [*_identifier(identity, encoding), *_other_identifiers(patient)],
        "name": [*_official(patient, identity), *_other_names(patient)],
        "gender": identity.traits.sex,
        "birthDate": identity.traits.birth_date,
    }
    return {key: value for key, value in made.items() if value not in ("", [])}


def _reliability(identity: Identity, encoding: _Encoding) -> list[dict[str, Any]]:
    parts = [_part("identityStatus", STATUS_RNIV if encoding.four else STATUS_0445, _status_code(identity, encoding))]
    if identity.document:
        parts.append(
            _part("validationMode", f"{CORE}/CodeSystem/fr-core-cs-mode-validation-identity", identity.document)
        )
    if identity.document_date:
        parts.append({"url": "validationDate", "valueDate": identity.document_date})
    if identity.insi:
        parts.append(_part("methodCollection", f"{CORE}/CodeSystem/fr-core-cs-method-collection", "INSI"))
    if identity.insi and identity.insi_date:
        parts.append(
            {"url": "dateInterrogationINSi" if encoding.four else "dateCollection", "valueDate": identity.insi_date}
        )
    codes = [code for attribute, code in _ATTRIBUTES.items() if attribute in identity.attributes]
    if encoding.four:
        concepts = [{"coding": [{"system": COMMENT_RNIV, "code": code}]} for code in codes]
        parts += [{"url": "comment", "valueCodeableConcept": concept} for concept in concepts]
        return [{"url": RELIABILITY, "extension": parts}]
    more = [{"url": RELIABILITY, "extension": [_part("identityStatus", STATUS_0445, code)]} for code in codes]
    return [{"url": RELIABILITY, "extension": parts}, *more]


def _status_code(identity: Identity, encoding: _Encoding) -> str:
    if encoding.four:
        return identity.status
    return "VALI" if identity.status in ("VALI", "QUAL") else "PROV"


def _part(url: str, system: str, code: str) -> dict[str, Any]:
    return {"url": url, "valueCoding": {"system": system, "code": code}}


def _birth_place(patient: Mapping[str, Any], cog: str) -> list[dict[str, Any]]:
    place = _value(_extension(patient, BIRTH_PLACE))
    address = dict(place) if isinstance(place, dict) else {}
    kept = [e for e in _dicts(address.pop("extension", None)) if e.get("url") != INSEE_CODE]
    if cog:
        kept.insert(0, {"url": INSEE_CODE, "valueCoding": {"system": COMMUNES, "code": cog}})
    if kept:
        address["extension"] = kept
    return [{"url": BIRTH_PLACE, "valueAddress": address}] if address else []


def _identifier(identity: Identity, encoding: _Encoding) -> list[dict[str, Any]]:
    if not identity.matricule or identity.status not in CARRYING:
        return []
    code = next(code for code, oid in INS_TYPES.items() if oid == identity.oid)
    return [
        {
            "use": encoding.nia_use if code == "INS-NIA" else "official",
            "type": {"coding": [{"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0203", "code": code}]},
            "system": f"urn:oid:{identity.oid}",
            "value": identity.matricule,
        }
    ]


def _other_identifiers(patient: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [i for i in _dicts(patient.get("identifier")) if i.get("use") == "old" or not _is_ins(i)]


def _official(patient: Mapping[str, Any], identity: Identity) -> list[dict[str, Any]]:
    name = dict(_official_name(patient))
    kept = [e for e in _dicts(name.pop("extension", None)) if e.get("url") != GIVEN_LIST]
    if identity.traits.given:
        kept.insert(0, {"url": GIVEN_LIST, "valueString": identity.traits.given})
    said = {
        **name,
        "extension": kept,
        "family": identity.traits.family,
        "given": [identity.first_name] if identity.first_name else [],
    }
    content = {key: value for key, value in said.items() if value not in ("", []) and key != "use"}
    return [{"use": "official", **content}] if content else []


def _other_names(patient: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [n for n in _dicts(patient.get("name")) if n.get("use") != "official"]
