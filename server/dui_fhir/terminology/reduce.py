"""Make ``profiles/terminology`` from published resources.

``python -m dui_fhir.terminology.reduce ../shared/reference profiles/terminology``

Only facts are kept: canonicals, versions, codes, labels, hierarchy, compositions. One resource a line, so that a resource can
be read alone at the offset that ``index.json`` gives.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson

from dui_fhir.terminology import transcribed
from dui_fhir.terminology.concepts import Resource

_HEADER = (
    "resourceType", "url", "version", "name", "title", "status", "experimental", "language", "content", "caseSensitive",
    "supplements", "hierarchyMeaning", "property", "compose", "sourceUri", "sourceCanonical", "targetUri", "targetCanonical",
    "group",
)  # fmt: skip
_CONCEPT = ("code", "display", "designation", "property")
_PROPERTY = ("code", "uri", "type")
_PACKAGES = (
    "agendas", "annuaire", "cahier-de-liaison", "cercle-de-soins", "fr-core-2.1.0", "fr-core-2.2.0", "mss-api",
    "notification-evenements", "pdsm", "tddui-2.4.0-ballot", "tracabilite-evenements",
)  # fmt: skip
_SVS = "{urn:ihe:iti:svs:2008}"
_MOS = "https://mos.esante.gouv.fr/NOS/"
_SMT = "https://smt.esante.gouv.fr/fhir/ValueSet/"
_V3 = "http://terminology.hl7.org/CodeSystem/v3-"
SYSTEMS = {
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
    "2.16.840.1.113883.6.73": "http://www.whocc.no/atc",
    "2.16.840.1.113883.6.254": "http://hl7.org/fhir/sid/icf",
    "0.4.0.127.0.16.1.1.2.1": "http://standardterms.edqm.eu",
    "1.2.840.10008.2.16.4": "http://dicom.nema.org/resources/ontology/DCM",
    "URN": _MOS + "TRE_A10-NomenclatureURN/FHIR/TRE-A10-NomenclatureURN",
    "1.2.250.1.213.1.1.4.1": _MOS + "TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument",
    "1.2.250.1.213.1.1.4.12": _MOS + "TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire",
    "1.2.250.1.213.1.1.4.322": "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis",
    "1.2.250.1.213.3.3.60": "https://smt.esante.gouv.fr/terminologie-SERAFINPH",
    "1.2.250.1.213.2.28": _MOS + "TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale",
    **{
        f"2.16.840.1.113883.5.{number}": _V3 + name
        for number, name in {
            "1": "AdministrativeGender", "4": "ActCode", "7": "ActPriority", "14": "ActStatus", "25": "Confidentiality",
            "79": "mediaType", "83": "ObservationInterpretation", "84": "ObservationMethod", "88": "ParticipationFunction",
            "90": "ParticipationType", "110": "RoleClass", "111": "RoleCode", "139": "TimingEvent", "1001": "ActMood",
        }.items()
    },
}  # fmt: skip
"""Canonical of a code system by OID; the others are ``urn:oid:``."""
_ELSEWHERE = frozenset({"2.16.840.1.113883.6.96", "2.16.840.1.113883.6.43.1", "2.16.840.1.113883.6.3"})
"""SNOMED CT, ICD-O, ICD-10: terminologies under licence, of which lists that are mostly theirs are not carried."""
_CODES_MAX = 1000


def reduced(resource: Resource) -> dict[str, Any]:
    """Return the facts of a resource."""
    kept = {name: resource[name] for name in _HEADER if name in resource}
    if "concept" in resource:
        kept["concept"] = [_concept(c) for c in resource["concept"]]
    if "property" in kept:
        kept["property"] = [{k: p[k] for k in _PROPERTY if k in p} for p in kept["property"]]
    return kept


def _concept(concept: Resource) -> dict[str, Any]:
    kept = {name: concept[name] for name in _CONCEPT if name in concept}
    if "concept" in concept:
        kept["concept"] = [_concept(c) for c in concept["concept"]]
    return kept


_EXAMPLE = re.compile(r"(?:^|-)example(?:-|$)")


def r4(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the code systems and value sets of R4, examples left out."""
    for name in ("code-systems.json", "value-sets.json"):
        for resource in orjson.loads((folder / "fhir" / "r4" / name).read_bytes()):
            if _EXAMPLE.search(resource["url"].rsplit("/", 1)[-1]) is None:
                yield reduced(resource)


_TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui/CodeSystem/"
_TDDUI_CODES = {
    "tddui-identifier": "PIN PLI",
    "tddui-encounter-identifier": "SEJ NUMDOSS",
    "tddui-goal-identifier": "PDV",
    "tddui-service-request-identifier": "BES DEMANDE_ORIENTATION",
    "tddui-slot-identifier": "PA",
    "tddui-basic-type": "DECISION",
    "tddui-basic-decision-identifier": "IDDECISION IDDECISIONMAJ NUMENREG IDNATDECISION NUMALLOC",
    "tddui-discriminator": "accordUsager accordStructure titreObjectif avisUsagerObjectif "
    "strategieMiseEnOeuvreObjectif origineAttente commentaireAttente demandeOrientation depotPoste reponseOrientation "
    "pieceComplementaire",
    "tddui-task-input-action": "titre evaluation avisUsager resultatAttendu pieceJointe objectif",
    "tddui-task-input-moyen-ressource": "titre evaluation pieceJointe",
    "tddui-task-input-prestation": "titre typePrestation evaluation pieceJointe",
    "tddui-task-input-bilan": "perimetre problematique invite pieceJointe dateProchainBilan synthesePreparationBilan",
    "tddui-task-output-bilan": "syntheseBilan",
    "tddui-task-input-transport": "typeMotorisation adresseDepart adresseDestination budgetPrevisionnel budgetReel distance "
    "dureeTheorique accompagnement asepsie natureTransport",
    "tddui-observation-identifier": "REP",
    "tddui-observation-type": "PERIODESCOL OBSAMENAGEMENT REPAS",
    "tddui-observation-periode-scolaire": "typeEnseignementSpecialise diplome volumeScolarisation",
}
"""Codes that the profiles of TDDUI 2.4 use; its package, once added, says all of them."""
_TDDUI_COMPLETE = frozenset(
    {
        "tddui-task-input-transport", "tddui-observation-identifier", "tddui-observation-type",
        "tddui-observation-periode-scolaire", "tddui-slot-identifier", "tddui-service-request-identifier",
        "tddui-task-input-bilan",
    }
)  # fmt: skip
"""Those whose published page, or source in the guide's repository, was read: all their codes are above."""
_TDDUI_VS = _TDDUI.replace("CodeSystem", "ValueSet")
_V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
_IDENTIFIER_TYPE = {"valueSet": ["http://hl7.org/fhir/ValueSet/identifier-type"]}


def _whole(*systems: str) -> list[dict[str, Any]]:
    return [{"system": system if ":" in system else _TDDUI + system} for system in systems]


def _one(system: str, code: str) -> dict[str, Any]:
    return {"system": _TDDUI + system, "concept": [{"code": code}]}


_DISCRIMINATOR = {"valueSet": [_TDDUI_VS + "tddui-discriminator"]}
_TDDUI_SETS: dict[str, list[dict[str, Any]]] = {
    **{
        name: _whole(name)
        for name in (
            "tddui-basic-type",
            "tddui-basic-decision-identifier",
            "tddui-discriminator",
            "tddui-task-input-action",
            "tddui-task-input-moyen-ressource",
            "tddui-task-input-prestation",
            "tddui-task-input-bilan",
            "tddui-task-output-bilan",
        )
    },
    "tddui-service-request-identifier-besoin": [_one("tddui-service-request-identifier", "BES"), _IDENTIFIER_TYPE],
    "tddui-service-request-identifier-demande-orientation": [
        _one("tddui-service-request-identifier", "DEMANDE_ORIENTATION"),
        _IDENTIFIER_TYPE,
    ],
    "tddui-slot-identifier-presence-absence": [_one("tddui-slot-identifier", "PA")],
    **{
        name: [_DISCRIMINATOR]
        for name in (
            "tddui-goal-attente-note",
            "tddui-goal-objectif-note",
            "tddui-care-plan-supporting-info",
            "tddui-servicerequest-supportinginfo",
        )
    },
    "tddui-task-input-transport": _whole("tddui-task-input-transport"),
    "tddui-observation-identifier-repas": _whole("tddui-observation-identifier"),
    "tddui-observation-periode-scolaire": _whole("tddui-observation-periode-scolaire"),
    "tddui-observation-type": [
        *_whole("tddui-observation-type"),
        {"system": "http://loinc.org", "concept": [{"code": "79378-6"}, {"code": "LP73551-1"}]},
    ],
    # published as one include of both lists, which is their (empty) intersection: the guide's text says direct and indirect
    "tddui-serafin": [
        {"valueSet": [_MOS + f"JDV_{name}_SERAFIN/FHIR/JDV-{name}-SERAFIN"]}
        for name in ("J283-PrestationsIndirects", "J284-PrestationsDirects")
    ],
    "tddui-encounter-type": [
        {"valueSet": ["https://hl7.fr/ig/fhir/core/ValueSet/fr-core-vs-encounter-type"]},
        {"valueSet": [_TDDUI_VS + "tddui-serafin"]},
        {"valueSet": [_SMT + "jdv-type-evenement-ssiad-cisis"]},
        *_whole("http://terminology.hl7.org/CodeSystem/data-absent-reason"),
    ],
    "tddui-encounter-identifier": [*_whole("tddui-encounter-identifier"), _IDENTIFIER_TYPE],
    "tddui-patient-identifier": [
        *_whole("tddui-identifier", _V2_0203, "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"),
        _IDENTIFIER_TYPE,
    ],
}
"""Value set → what it includes, from its published page or its source in the guide's repository."""
_AGREEMENTS = "accordUsager accordStructure"
_OF_GOAL = "titreObjectif avisUsagerObjectif strategieMiseEnOeuvreObjectif"
_OF_WISH = "origineAttente commentaireAttente"
_TDDUI_LEFT_OUT = {
    "tddui-goal-attente-note": f"{_AGREEMENTS} {_OF_GOAL}",
    "tddui-goal-objectif-note": f"{_AGREEMENTS} {_OF_WISH}",
    "tddui-care-plan-supporting-info": f"{_OF_GOAL} {_OF_WISH}",
    "tddui-servicerequest-supportinginfo": f"{_AGREEMENTS} {_OF_GOAL} {_OF_WISH}",
}
"""Discriminators that a value set excludes."""


def tddui(known: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield what the profiles of TDDUI show of its code systems, those that are published otherwise left out."""
    for id, codes in _TDDUI_CODES.items():
        if _TDDUI + id not in known:
            rows = [{"code": code} for code in codes.split()]
            header = {"resourceType": "CodeSystem", "url": _TDDUI + id, "version": "2.4.0-ballot", "status": "draft"}
            content = "complete" if id in _TDDUI_COMPLETE else "fragment"
            yield {**header, "content": content, "caseSensitive": True, "concept": rows}
    for id, include in _TDDUI_SETS.items():
        header = {"resourceType": "ValueSet", "url": _TDDUI_VS + id, "version": "2.4.0-ballot", "status": "draft"}
        left_out = [{"code": code} for code in _TDDUI_LEFT_OUT.get(id, "").split()]
        exclude = [{"system": _TDDUI + "tddui-discriminator", "concept": left_out}]
        yield {**header, "compose": {"include": include, **({"exclude": exclude} if left_out else {})}}


def french(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the terminology resources of the French packages, and the lists of the NOS."""
    for package in _PACKAGES:
        for kind in ("CodeSystem", "ValueSet", "ConceptMap"):
            for path in sorted((folder / "fhir" / package).glob(f"{kind}-*.json")):
                yield reduced(orjson.loads(path.read_bytes()))


class Lists:
    """The lists of the NOS: value sets, the fragments of code systems that they show, other names of the value sets."""

    def __init__(self) -> None:
        self.sets: list[dict[str, Any]] = []
        self.aliases: dict[str, str] = {}
        self._systems: dict[str, dict[str, str]] = {}

    def read(self, path: Path) -> None:
        """Add a list published in the SVS format; those mostly of licensed terminologies, or very long, are left out."""
        root = ElementTree.parse(path).getroot()  # noqa: S314 - a tool for files at hand, never for what a client sends
        found = root.find(f"{_SVS}ValueSet")
        rows = [] if found is None else [c.attrib for c in found.iter(f"{_SVS}Concept")]
        elsewhere = sum(row["codeSystem"] in _ELSEWHERE for row in rows)
        if found is not None and rows and 2 * elsewhere <= len(rows) <= _CODES_MAX:
            name = found.attrib["displayName"].removesuffix(".tabs")
            date, url = found.attrib["revisionDate"][:10], found.attrib.get("urlFichier")
            self.add(name, date, rows, found.attrib["id"], url)

    def add(
        self, name: str, date: str, rows: Iterable[Resource], oid: str | None = None, url: str | None = None
    ) -> None:
        """Add a list: rows of ``code``, ``codeSystem`` (OID) and ``displayName``."""
        includes: dict[str, list[dict[str, str]]] = {}
        for row in rows:
            system = SYSTEMS.get(row["codeSystem"], f"urn:oid:{row['codeSystem']}")
            shown = {"display": row["displayName"]} if row["displayName"] else {}
            includes.setdefault(system, []).append({"code": row["code"], **shown})
            known = self._systems.setdefault(system, {})
            known[row["code"]] = known.get(row["code"]) or row["displayName"]
        canonical = _canonical(name, url)
        composed = [
            {"system": system} if name in PARTIAL else {"system": system, "concept": concepts}
            for system, concepts in includes.items()
        ]
        self.sets.append(
            {
                "resourceType": "ValueSet",
                "url": canonical,
                "version": date.replace("-", ""),
                "name": name,
                "status": "active",
                "language": "fr",
                "compose": {"include": composed},
            }
        )
        others = [_SMT + _kebab(name), *([f"urn:oid:{oid}"] if oid else [])]
        self.aliases |= {alias: canonical for alias in others if alias != canonical}

    def systems(self, known: frozenset[str]) -> Iterator[dict[str, Any]]:
        """Yield what the lists show of the code systems that are not known otherwise."""
        for url, concepts in sorted(self._systems.items()):
            if url not in known:
                rows = [{"code": c, "display": d} if d else {"code": c} for c, d in sorted(concepts.items())]
                header = {"resourceType": "CodeSystem", "url": url, "status": "active", "content": "fragment"}
                yield {**header, "language": "fr", "caseSensitive": True, "concept": rows}


def _canonical(name: str, url: str | None) -> str:
    match = re.fullmatch(r"(JDV_J[0-9]+)_(.+)_([A-Za-z]+)", name)
    if url is None and match is None:
        return _SMT + _kebab(name)
    folder = url.rsplit("/", 1)[-1] if url is not None else f"{match[1]}-{match[2]}-{match[3]}" if match else name
    return f"{_MOS}{folder}/FHIR/{folder.replace('_', '-')}"


def _kebab(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name.replace("_", "-"))
    return re.sub(r"-+", "-", spaced).lower()


_TSV = re.compile(r"# (JDV_J[0-9]+_\w+?)(?: ([0-9]{8})[0-9]*)?\b")
_TYPES = "typeCode_class_X04_J66.tsv"
_TABLE_SYSTEMS = {"TRE_A06": "1.2.250.1.213.1.1.4.2.282", "TRE_A11": "1.3.6.1.4.1.19376.1.2.3"}
_CLASSES = {
    "10": "Compte rendu", "11": "Synthèse", "31": "Imagerie médicale", "42": "Prescription", "43": "Dispensation",
    "44": "Plan de soins, protocole de soins", "45": "Traitement administré", "52": "Certificat, déclaration",
    "60": "Données de remboursement", "90": "Autres documents déposés par le patient", "95": "Document de gestion",
    "99": "Document technique",
}  # fmt: skip
"""Classes of JDV_J06 (20230922), read in its published page; the DMP's (J57) are the same but for 99."""
_SIGNATURE = {"code": "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "codeSystem": "URN", "displayName": "Digital Signature"}
PARTIAL = frozenset({"JDV_J60_FormatCode_DMP"})
"""Lists that the source does not give whole: a code that is not in them is not known to be wrong."""


def tables(folder: Path, lists: Lists) -> None:
    """Add the lists of XDS metadata that are tables of code, code system and label; and the types of the DMP (J66)."""
    for path in sorted((folder / "xds" / "valuesets").glob("*.tsv")):
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        cells = [line.split("\t") for line in lines]
        if path.name == _TYPES:
            lists.add(
                "JDV_J66_TypeCode_DMP",
                "20240927",
                [row for c in cells if c[3] == "DMP" for row in _rows(c[0], c[1], c[5])],
            )
            continue
        match = _TSV.match(first)
        if match is not None and match[1] not in {s["name"] for s in lists.sets}:
            lists.add(match[1], match[2] or "", [row for c in cells if len(c) == 3 for row in _rows(*c)])
    classes = [row for code, label in _CLASSES.items() for row in _rows(code, "1.2.250.1.213.1.1.4.1", label)]
    lists.add("JDV_J06_XdsClassCode_CISIS", "20230922", [*classes, _SIGNATURE], "1.2.250.1.213.1.1.5.462")


def _rows(code: str, system: str, label: str) -> Iterator[dict[str, str]]:
    oid = _TABLE_SYSTEMS.get(system, system)
    if re.fullmatch(r"[0-9.]+", oid):
        yield {"code": code, "codeSystem": oid, "displayName": label}


def write(target: Path, name: str, resources: Iterable[Resource], index: dict[str, Any]) -> None:
    """Write a file of resources and complete the index."""
    out = bytearray(b"[\n")
    for position, resource in enumerate(resources):
        line = orjson.dumps(resource)
        out += b",\n" if position else b""
        rows = index.setdefault(resource["resourceType"], {}).setdefault(resource["url"], [])
        rows.append([resource.get("version", ""), name, len(out), len(line)])
        out += line
    (target / name).write_bytes(bytes(out + b"\n]\n"))


def main(source: str, target: str) -> None:
    """Write the files."""
    folder, out = Path(source), Path(target)
    out.mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {}
    write(out, "r4.json", r4(folder), index)
    write(out, "fr.json", french(folder), index)
    lists = Lists()
    for path in sorted((folder / "cda" / "jeuxDeValeurs").glob("JDV_*.xml")):
        lists.read(path)
    tables(folder, lists)
    known = frozenset(index["CodeSystem"])
    write(out, "nos.json", [*lists.systems(known), *lists.sets], index)
    write(out, "tddui.json", [*tddui(known), *transcribed.lists(known)], index)
    index["aliases"] = lists.aliases
    (out / "index.json").write_bytes(orjson.dumps(index, option=orjson.OPT_SORT_KEYS))


if __name__ == "__main__":
    main(*sys.argv[1:])
