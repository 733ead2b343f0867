"""The work-list of identito-vigilance: reasons, resemblances, order; through the operation of the trunk."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from dui_fhir_plugins.commun import identity_worklist, ins
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.app import build_engine
from dui_fhir.domain import json
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.structure import Structure
from dui_fhir.service import router
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.structures import register
from dui_fhir.settings import Settings

CORE = "https://hl7.fr/ig/fhir/core"
NIR = "urn:oid:1.2.250.1.213.1.4.8"
FINESS = "330000001"
Patient = dict[str, Any]


def patient(id: str, family: str = "FICTIF", given: str = "ZOE", born: str = "1940-05-20", **options: Any) -> Patient:
    """A Patient of FR Core 2.2.0; ``status``, ``checked`` (day of both checks), ``matricule``, ``comment``, ``sex``, ``link``."""
    parts = [
        {
            "url": "identityStatus",
            "valueCoding": {
                "system": f"{CORE}/CodeSystem/fr-core-cs-identity-status",
                "code": options.get("status", "QUAL"),
            },
        }
    ]
    if checked := options.get("checked", "2026-01-10"):
        parts += [
            {"url": "validationMode", "valueCoding": {"code": "CN"}},
            {"url": "validationDate", "valueDate": checked},
            {"url": "dateInterrogationINSi", "valueDate": checked},
        ]
    if comment := options.get("comment"):
        parts.append({"url": "comment", "valueCoding": {"code": comment}})
    place = {
        "extension": [
            {"url": f"{CORE}/StructureDefinition/fr-core-address-insee-code", "valueCoding": {"code": "63220"}}
        ]
    }
    made: Patient = {
        "resourceType": "Patient",
        "id": id,
        "extension": [
            {"url": f"{CORE}/StructureDefinition/fr-core-identity-reliability", "extension": parts},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": place},
        ],
        "name": [
            {
                "use": "official",
                "family": family,
                "given": given.split(" ")[:1],
                "extension": [
                    {"url": f"{CORE}/StructureDefinition/fr-core-patient-birth-list-given-name", "valueString": given}
                ],
            }
        ],
        "gender": options.get("sex", "female"),
        "birthDate": born,
        "link": options.get("link", []),
    }
    if matricule := options.get("matricule", f"2400563220{abs(hash(id)) % 10**5:05d}"):
        coding = {"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR"}
        made["identifier"] = [{"type": {"coding": [coding]}, "system": NIR, "value": matricule}]
    return {name: value for name, value in made.items() if value != []}


def lines(*people: Patient) -> dict[str, set[str]]:
    found = identity_worklist.lines_of(iter(people), high_trust=ins.HIGH_TRUST, before=date(2024, 1, 1))
    return {line.reference: line.reasons for line in found}


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({}, None),
        ({"status": "PROV", "matricule": "", "checked": ""}, {"provisoire"}),
        ({"status": "VALI", "matricule": ""}, {"validee"}),
        ({"status": "RECUP"}, {"recuperee"}),
        ({"status": "PROV"}, {"provisoire", "matricule-interdit"}),
        ({"status": "PROV", "matricule": "", "comment": "DOUT"}, {"provisoire", "douteuse"}),
        ({"status": "PROV", "matricule": "", "comment": "FICT"}, {"provisoire", "fictive"}),
        ({"checked": "2024-01-01"}, None),
        ({"checked": "2023-12-31"}, {"recontrole"}),
        ({"checked": ""}, {"preuve-manquante"}),
        ({"born": "1940"}, {"traits-manquants"}),
    ],
)
def test_line__one_person__reasons(options: dict[str, Any], reasons: set[str] | None) -> None:
    assert lines(patient("p", **options)).get("Patient/p") == reasons


def test_resemblance__same_matricule__is_the_strongest() -> None:
    one, other = patient("a", matricule="240056322012345"), patient("b", matricule="240056322012345")

    assert lines(one, other) == {"Patient/a": {"doublon-ins"}, "Patient/b": {"doublon-ins"}}


def test_resemblance__typography_only__is_a_duplicate_by_traits() -> None:
    found = lines(
        patient("a", family="D'ÉTÉ-LŒIL", given="ANNE-ZOÉ LEA"),
        patient("b", family="d’ete loeil", given="Anne Zoe Léa"),
    )

    assert found == {"Patient/a": {"doublon-traits"}, "Patient/b": {"doublon-traits"}}


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"sex": "male"}, "doublon-possible"), ({"born": "1941-05-20"}, "homonyme"), ({"given": "ANNE"}, None)],
)
def test_resemblance__one_trait_differs__weaker(options: dict[str, Any], reason: str | None) -> None:
    assert lines(patient("a"), patient("b", **options)).get("Patient/b") == ({reason} if reason else None)


@pytest.mark.parametrize("side", ["a", "b"])
def test_resemblance__linked_files__are_settled(side: str) -> None:
    other = "b" if side == "a" else "a"
    link = [{"other": {"reference": f"Patient/{other}"}, "type": "seealso"}]

    assert lines(patient("a", link=link if side == "a" else []), patient("b", link=link if side == "b" else [])) == {}


def test_resemblance__replaced_file__is_out() -> None:
    link = [{"other": {"reference": "Patient/b"}, "type": "replaced-by"}]

    assert lines(patient("a", link=link), patient("b")) == {}


@given(st.text(max_size=30))
def test_normalised__again__is_the_same(text: str) -> None:
    once = identity_worklist.normalised(text)

    assert identity_worklist.normalised(once) == once
    assert "  " not in once


Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def ask() -> Ask:
    """Return a function that asks the operation of a tenant of ten people, four of whom are in order."""
    clock = FixedClock(int(datetime(2026, 10, 15, tzinfo=UTC).timestamp() * 1000))
    engine = build_engine(
        Settings({"store": "memory", "validation_structure": "warn", "plugin_folders": [], "log_level": "ERROR"}),
        clock=clock,
    )
    store = engine.stores.create("t")
    register(
        store, Structure(finess=FINESS, category="500", name="E", address="1 rue", corridors=("pa",)), engine.extractor
    )

    def request(method: str, path: str, params: Any = (), resource: Any = None) -> Any:
        asked = ServiceRequest(
            tenant="t", method=method, path=path, base_url="http://essai/fhir", params=tuple(params), resource=resource
        )
        body = router.dispatch(engine, asked).body
        return json.loads(body) if isinstance(body, bytes) else body

    names = ["UN", "DEUX", "TROIS", "QUATRE"]
    people = [patient(f"ok{n}", family=name) for n, name in enumerate(names)]
    people += [patient(f"prov{n}", family=f"P{'ABCDE'[n]}", status="PROV", matricule="", checked="") for n in range(4)]
    people += [
        patient("twin", family="UN", sex="male", matricule="", status="VALI"),
        patient("old", family="VIEUX", checked="2019-01-01"),
    ]
    for one in people:
        request("PUT", f"Patient/{one['id']}", resource=one)
    request(
        "PUT",
        "EpisodeOfCare/e",
        resource={
            "resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": {"reference": "Patient/prov0"},
            "period": {"start": "2026-01-01"}, "managingOrganization": {"reference": f"Organization/finess-{FINESS}"},
        },
    )  # fmt: skip

    def worklist(**params: Any) -> dict[str, Any]:
        return dict(request("GET", "Patient/$identity-worklist", [(n, str(v)) for n, v in params.items()]))

    return worklist


def _ids(bundle: dict[str, Any]) -> list[str]:
    return [e["resource"]["id"] for e in bundle.get("entry", ())]


def _reasons(entry: dict[str, Any]) -> list[str]:
    return [p["valueCoding"]["code"] for p in entry["search"]["extension"][0]["extension"] if p["url"] == "motif"]


def test_worklist__whole__most_urgent_first_and_says_why(ask: Ask) -> None:
    bundle = ask()

    assert bundle["total"] == 7
    assert _ids(bundle) == ["twin", "ok0", "prov0", "prov1", "prov2", "prov3", "old"]
    assert _reasons(bundle["entry"][0]) == ["doublon-possible", "validee"]
    scores = [e["search"]["score"] for e in bundle["entry"]]
    assert scores == sorted(scores, reverse=True)
    likes = [
        p["valueReference"]["reference"]
        for p in bundle["entry"][0]["search"]["extension"][0]["extension"]
        if p["url"] == "semblable"
    ]
    assert likes == ["Patient/ok0"]


def test_worklist__pages__hold_everybody_once(ask: Ask) -> None:
    first, second, third = (ask(_count=3, page=n) for n in (1, 2, 3))

    assert _ids(first) + _ids(second) + _ids(third) == _ids(ask())
    assert [link["relation"] for link in first["link"]] == ["self", "next"]
    assert [link["relation"] for link in third["link"]] == ["self"]
    assert "entry" not in ask(_count=3, page=4)


def test_worklist__by_reason_and_structure__narrowed(ask: Ask) -> None:
    assert _ids(ask(reason="recontrole")) == ["old"]
    assert _ids(ask(structure=FINESS)) == ["prov0"]
    assert ask(structure="339999999")["total"] == 0


def test_worklist__links__name_nobody(ask: Ask) -> None:
    shown = [link["url"] for link in ask(_count=1)["link"]]

    assert shown == ["Patient/$identity-worklist?_count=1&page=1", "Patient/$identity-worklist?_count=1&page=2"]


def test_worklist__unknown_reason__is_refused(ask: Ask) -> None:
    with pytest.raises(BadRequest):
        ask(reason="autre")
