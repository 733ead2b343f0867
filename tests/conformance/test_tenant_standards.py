"""What each tenant is judged by, over HTTP: stored terminology, packages, policy. Sources: terminologies.html#binding,
search.html#modifiers, validation.html."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from dui_fhir import app
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.service import standards, tenant_settings
from dui_fhir.service.standards import policy_of
from dui_fhir.validation.guides import tenant_folder
from dui_fhir.validation.packages import add_resources, remove
from dui_fhir.validation.policy import Policy

SYSTEM = "https://example.org/CodeSystem/ateliers"
LIST = "https://example.org/ValueSet/ateliers"
PROFILE = "https://example.org/StructureDefinition/atelier"


def _system(*codes: str) -> dict[str, Any]:
    concepts = [{"code": "tout", "concept": [{"code": code} for code in codes]}]
    return {
        "resourceType": "CodeSystem",
        "url": SYSTEM,
        "status": "active",
        "content": "complete",
        "hierarchyMeaning": "is-a",
        "concept": concepts,
    }


def _list() -> dict[str, Any]:
    return {
        "resourceType": "ValueSet",
        "url": LIST,
        "status": "active",
        "compose": {"include": [{"system": SYSTEM}]},
    }


def _profile() -> dict[str, Any]:
    binding = {"strength": "required", "valueSet": LIST}
    return {
        "resourceType": "StructureDefinition",
        "url": PROFILE,
        "version": "1.0.0",
        "type": "Observation",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "differential": {"element": [{"path": "Observation.code", "binding": binding}]},
    }


def _seen(code: str, *profiles: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": SYSTEM, "code": code}]},
    }
    return body | ({"meta": {"profile": list(profiles)}} if profiles else {})


@pytest.fixture
def guide(fhir: Any) -> Iterator[None]:
    """A package of this tenant, with a profile whose codes the tenant itself stores."""
    folder = tenant_folder(app.ig_folder(fhir.engine.settings), fhir.tenant)
    add_resources({"name": "ateliers", "version": "1.0.0"}, [_profile()], folder)
    yield
    remove("ateliers", "1.0.0", folder)


def _set(fhir: Any, name: str, *lines: str) -> None:
    assert tenant_settings.save(fhir.engine.stores.open(fhir.tenant), fhir.engine.extractor, {name: lines})


def _post(fhir: Any, body: dict[str, Any]) -> Any:
    return fhir.post(body["resourceType"], body)


def _said(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json.get("issue", [])]


def test_search__value_set_stored_by_the_tenant__in_and_not_in_follow_it(fhir: Any) -> None:
    for code in ("bois", "cuir"):
        fhir.create(_seen(code))
    assert fhir.get(f"Observation?code:in={LIST}").status_code in (400, 404)
    stored = fhir.create(_system("bois"))
    fhir.create(_list())

    found = fhir.get(f"Observation?code:in={LIST}").json["entry"]
    assert [e["resource"]["code"]["coding"][0]["code"] for e in found] == ["bois"]
    others = fhir.get(f"Observation?code:not-in={LIST}").json["entry"]
    assert [e["resource"]["code"]["coding"][0]["code"] for e in others] == ["cuir"]

    fhir.put(f"CodeSystem/{stored['id']}", _system("bois", "cuir") | {"id": stored["id"]})
    assert len(fhir.get(f"Observation?code:in={LIST}").json["entry"]) == 2


def test_search__code_system_stored_by_the_tenant__below_and_above_follow_it(fhir: Any) -> None:
    fhir.create(_system("bois"))
    for code in ("tout", "bois"):
        fhir.create(_seen(code))

    assert len(fhir.get(f"Observation?code:below={SYSTEM}|tout").json["entry"]) == 2
    assert len(fhir.get(f"Observation?code:below={SYSTEM}|bois").json["entry"]) == 1
    assert len(fhir.get(f"Observation?code:above={SYSTEM}|bois").json["entry"]) == 2


def test_search__terminology_of_another_tenant__is_not_seen(fhir: Any) -> None:
    other = f"{fhir.tenant}-autre"
    fhir.engine.stores.create(other)
    client = type(fhir)(fhir.client, fhir.engine, other)
    client.create(_system("bois"))
    client.create(_list())

    assert client.get(f"Observation?code:in={LIST}").status_code == 200
    assert fhir.get(f"Observation?code:in={LIST}").status_code in (400, 404)


@pytest.mark.usefixtures("guide")
def test_binding__value_set_stored_then_changed__counts_at_the_next_write(fhir: Any) -> None:
    _set(fhir, "validation.declared", "refuse")
    system = fhir.create(_system("bois"))
    assert _post(fhir, _seen("fer", PROFILE)).status_code == 201  # the list is not known: not checkable, not refused
    fhir.create(_list())

    assert _post(fhir, _seen("bois", PROFILE)).status_code == 201
    refused = _post(fhir, _seen("fer", PROFILE))
    assert refused.status_code == 422
    assert _said(refused) == ["validation-code"]
    fhir.put(f"CodeSystem/{system['id']}", _system("bois", "fer") | {"id": system["id"]})
    assert _post(fhir, _seen("fer", PROFILE)).status_code == 201


@pytest.mark.usefixtures("guide")
def test_binding__list_changed_by_another_process__never_refuses_by_the_older_one(fhir: Any) -> None:
    _set(fhir, "validation.declared", "refuse")
    fhir.create(_system("bois"))
    fhir.create(_list())
    assert _post(fhir, _seen("bois", PROFILE)).status_code == 201
    held = fhir.engine.standards
    other = standards.Standards(fhir.engine.stores, held._guides, held._policy)
    system = fhir.get(f"CodeSystem?url={SYSTEM}").json["entry"][0]["resource"]
    changed = _system("bois", "verre") | {"id": system["id"]}
    fhir.put(f"CodeSystem/{system['id']}", changed)
    held._held[fhir.tenant].looked_s = time.monotonic()  # as a process that was told nothing, just after it looked

    assert other.of(fhir.tenant) is not held.of(fhir.tenant)
    assert _post(fhir, _seen("verre", PROFILE)).status_code == 201


@pytest.mark.usefixtures("guide")
def test_package__of_the_tenant__is_followed_by_its_writes_and_by_validate(fhir: Any) -> None:
    fhir.create(_system("bois"))
    fhir.create(_list())
    warned = fhir.post("Observation/$validate", _seen("fer", PROFILE))
    assert "validation-code" in _said(warned)
    other = f"{fhir.tenant}-voisin"
    fhir.engine.stores.create(other)
    ignored = type(fhir)(fhir.client, fhir.engine, other).post("Observation/$validate", _seen("fer", PROFILE))
    assert "validation-profile-unknown" in _said(ignored)


def test_policy__one_tenant_refuses__the_others_still_warn(fhir: Any) -> None:
    patient = {"resourceType": "Patient", "meta": {"profile": [_FR]}, "gender": "female"}
    assert _post(fhir, patient).status_code == 201
    _set(fhir, "validation.profiles", f"refuse {_FR}")
    fhir.engine.standards.forget(fhir.tenant)

    assert _post(fhir, patient).status_code == 422
    _set(fhir, "validation.profiles")
    fhir.engine.standards.forget(fhir.tenant)
    assert _post(fhir, patient).status_code == 201


_FR = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-ins"


@pytest.mark.usefixtures("guide")
def test_policy__declared_profile_not_followed__the_write_says_so(fhir: Any) -> None:
    fhir.create(_system("bois"))
    fhir.create(_list())
    answer = fhir.post("Observation", _seen("fer", PROFILE), headers={"Prefer": "return=OperationOutcome"})

    assert answer.status_code == 201
    told = [i for i in answer.json["issue"] if i["details"]["coding"][0]["code"] == "validation-code"]
    assert [(i["severity"], i["expression"]) for i in told] == [("warning", ["Observation.code"])]
    assert "validation-code" in answer.headers["X-Dui-Issues"]


def test_policy__profile_chosen_for_a_type__counts_undeclared(fhir: Any) -> None:
    _set(fhir, "validation.chosen", f"Patient {_FR}")
    _set(fhir, "validation.declared", "refuse")
    fhir.engine.standards.forget(fhir.tenant)

    assert _post(fhir, {"resourceType": "Patient", "gender": "female"}).status_code == 422


def test_policy__profile_chosen_by_a_corridor__counts_undeclared(fhir: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(resource: dict[str, Any], context: Any) -> tuple[str, ...]:
        assert context.tenant == fhir.tenant
        return (_FR,) if resource["resourceType"] == "Patient" else ()

    _set(fhir, "validation.profiles", f"refuse {_FR}")
    fhir.engine.standards.forget(fhir.tenant)
    assert _post(fhir, {"resourceType": "Patient", "gender": "female"}).status_code == 201
    monkeypatch.setattr(fhir.engine.host, "choose_profiles", chosen)

    assert _post(fhir, {"resourceType": "Patient", "gender": "female"}).status_code == 422


def test_settings__written_by_a_client__are_refused(fhir: Any) -> None:
    body = {"resourceType": "Basic", "id": tenant_settings.ID, "code": {"text": "x"}}
    assert fhir.put(f"Basic/{tenant_settings.ID}", body).status_code == 422


def test_precedence__server_and_tenant__the_tenants_word_wins_key_by_key() -> None:
    server = Policy(
        structure="refuse", declared="warn", profiles={"a": "refuse", "b": "off"}, chosen={"Patient": ("p",)}
    )
    found = policy_of(
        server,
        {
            "validation.declared": ("refuse",),
            "validation.profiles": ("warn a", "off a|2"),
            "validation.chosen": ("Patient q", "Patient r"),
        },
    )

    assert (found.structure, found.declared) == ("refuse", "refuse")
    assert [found.mode(c) for c in ("a", "a|1", "a|2", "b", "c")] == ["warn", "warn", "off", "off", "refuse"]
    assert found.chosen == {"Patient": ("q", "r")}


@pytest.mark.parametrize(
    "values",
    [
        {"validation.structure": ("sévère",)},
        {"validation.declared": ("non",)},
        {"validation.profiles": ("refuse",)},
        {"validation.profiles": ("peut-être urn:p",)},
        {"validation.chosen": ("Patient",)},
    ],
)
def test_policy_of__value_that_means_nothing__is_refused(values: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ConfigurationError) as error:
        policy_of(Policy(), values)
    assert error.value.issues[0].id == "tenant-setting"


def test_write__code_that_an_extensible_binding_admits__is_told_by_validate_only(fhir: Any) -> None:
    """French identifiers have types that HL7's list does not have, rightly: every write would say so."""
    type = {"coding": [{"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR"}]}
    patient = {"resourceType": "Patient", "identifier": [{"type": type, "system": "urn:x", "value": "1"}]}

    assert "validation-code-extensible" in _said(fhir.post("Patient/$validate", patient))
    written = fhir.post("Patient", patient, headers={"Prefer": "return=OperationOutcome"})
    assert written.status_code == 201
    assert "validation-code-extensible" not in _said(written)
