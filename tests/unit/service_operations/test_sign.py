"""``$sign`` (decision D28): states, binding to the content, who may sign (D10)."""

import hashlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, Conflict, DuiError, Forbidden, Unprocessable
from dui_fhir.service.operations.sign import operation, sign, state_of
from dui_fhir.service.operations.signature_states import DEFINITION, NEXT, STATES
from dui_fhir.service.operations.signers import rpps_key_is_right

DIRECTOR = {"reference": "Practitioner/dir"}
PERSON = {"reference": "Patient/p"}
Make = Callable[..., Resource]


def idnat(number: str, **more: str) -> dict[str, Any]:
    return {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": number}, **more}


def act(world: Any, host: Any, **parameters: Any) -> Any:
    answer = sign(world.request(**{"signer": DIRECTOR, "capacity": "directeur", **parameters}), host)
    world.store(answer)
    return answer


def refusal(error: type[DuiError], world: Any, host: Any, **parameters: Any) -> str:
    with pytest.raises(error) as raised:
        act(world, host, **parameters)
    return raised.value.issues[0].id


def test_sign__director__makes_the_document_final(world: Any, host: Any) -> None:
    evidence, final = act(world, host).writes
    assert (final["docStatus"], final["authenticator"]) == ("final", DIRECTOR)
    assert final["meta"]["versionId"] == "1", "only the version that was read is made final"
    assert evidence["signature"][0]["who"] == DIRECTOR
    assert evidence["agent"][0]["type"]["coding"][0]["code"] == "directeur"
    assert evidence["extension"][0]["valueString"] == hashlib.sha1(b"%PDF-1.4 contenu").hexdigest()
    assert state_of(evidence) == "signed"


def test_sign__person__is_recorded_and_leaves_the_document_preliminary(world: Any, host: Any) -> None:
    (evidence,) = act(world, host, signer=PERSON, capacity="usager").writes
    assert evidence["signature"][0]["type"][0]["display"] == "Consent Signature"


def test_sign__states__follow_one_another_on_one_evidence(world: Any, host: Any) -> None:
    ids = {act(world, host, state=state).writes[0]["id"] for state in ("prepared", "requested", "refused", "signed")}
    assert len(ids) == 1
    (evidence,) = [r for r in world.stored.values() if r["resourceType"] == "Provenance"]
    assert evidence["meta"]["versionId"] == "4"


def test_sign__same_state_again__changes_nothing(world: Any, host: Any) -> None:
    first = act(world, host).writes[0]
    again = act(world, host)
    assert again.result["id"] == first["id"]
    assert not again.writes


def test_sign__after_a_signature__nothing_else_is_possible(world: Any, host: Any) -> None:
    act(world, host)
    assert refusal(Conflict, world, host, state="refused", motive="x") == "sign-transition"


def test_sign__two_signers__have_an_evidence_each(world: Any, host: Any) -> None:
    act(world, host)
    act(world, host, signer=PERSON, capacity="usager")
    act(world, host, signer={"reference": "Practitioner/ide"})
    evidence = [r for r in world.stored.values() if r["resourceType"] == "Provenance"]
    assert len(evidence) == 3
    assert world.stored["DocumentReference/doc"]["authenticator"] == DIRECTOR


def test_sign__refusal__keeps_the_motive_and_finalises_nothing(world: Any, host: Any) -> None:
    (evidence,) = act(world, host, state="refused", motive="Objectif contesté").writes
    assert evidence["reason"] == [{"text": "Objectif contesté"}]
    assert "signature" not in evidence


def test_sign__on_paper__needs_the_scan_and_finalises(world: Any, host: Any) -> None:
    assert refusal(BadRequest, world, host, state="signed-on-paper") == "sign-scan-missing"
    scan = {"reference": "DocumentReference/scan"}
    evidence, final = act(world, host, state="signed-on-paper", scan=scan).writes
    assert evidence["entity"] == [{"role": "source", "what": scan}]
    assert final["docStatus"] == "final"


def test_sign__content_changed__voids_what_was_pending(
    world: Any, host: Any, make_document: Make, make_binary: Make
) -> None:
    act(world, host, signer=PERSON, capacity="usager", state="requested")
    world.stored["DocumentReference/doc"] = make_document(content=b"autre")
    world.stored["Binary/doc-b"] = make_binary(content=b"autre")
    act(world, host)
    states = sorted(state_of(r) for r in world.stored.values() if r["resourceType"] == "Provenance")
    assert states == ["signed", "voided"]


def test_sign__content_changed__keeps_the_evidence_of_the_former_signature(
    world: Any, host: Any, make_document: Make, make_binary: Make
) -> None:
    former = act(world, host).writes[0]
    world.stored["DocumentReference/doc"] = make_document(content=b"autre")
    world.stored["Binary/doc-b"] = make_binary(content=b"autre")
    act(world, host)
    assert state_of(world.stored[f"Provenance/{former['id']}"]) == "signed"


def test_sign__hash_of_another_content__is_refused(world: Any, host: Any) -> None:
    other = b64encode(hashlib.sha1(b"autre").digest()).decode()
    assert refusal(Conflict, world, host, hash=other) == "sign-content-changed"
    assert refusal(Conflict, world, host, hash="pas du base64 !") == "sign-content-changed"
    good = b64encode(hashlib.sha1(b"%PDF-1.4 contenu").digest()).decode()
    assert act(world, host, hash=good).writes


def test_sign__stored_bytes_are_not_those_declared__is_refused(world: Any, host: Any, make_binary: Make) -> None:
    world.stored["Binary/doc-b"] = make_binary(content=b"autre")
    assert refusal(Conflict, world, host) == "sign-content-changed"


def test_sign__new_version__supersedes_the_signed_one(
    world: Any, host: Any, make_document: Make, make_binary: Make
) -> None:
    act(world, host)
    link = [{"code": "replaces", "target": {"reference": "DocumentReference/doc"}}]
    world.stored["DocumentReference/new"] = make_document("new", b"neuf", relatesTo=link)
    world.stored["Binary/new-b"] = make_binary("new", b"neuf")
    act(world, host, id="new")
    assert world.stored["DocumentReference/new"]["docStatus"] == "final"
    assert world.stored["DocumentReference/doc"]["status"] == "superseded"
    assert world.stored["DocumentReference/doc"]["docStatus"] == "final"
    assert refusal(Conflict, world, host) == "sign-not-current"


def test_sign__capacity_not_of_this_type__is_kept_without_finality(world: Any, host: Any) -> None:
    answer = act(world, host, capacity="educateur")
    assert len(answer.writes) == 1
    assert answer.issues[0].id == "sign-capacity-unexpected"
    assert not answer.issues[0].blocking


def test_sign__type_unknown_or_without_signers__any_professional_finalises(world: Any, host: Any) -> None:
    host.kind = None
    assert len(act(world, host, capacity="educateur").writes) == 2


def test_sign__not_final_asked__leaves_the_document_preliminary(world: Any, host: Any) -> None:
    assert len(act(world, host, final=False).writes) == 1


@pytest.mark.parametrize(
    "signer",
    [
        {"reference": "Practitioner/wrong"},
        {"reference": "Practitioner/no-rpps"},
        {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810101234567"}},
        {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "DIR1"}},
        {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "10101234567"}},
    ],
)
def test_sign__number_that_allows_no_signature__is_com_37(world: Any, host: Any, signer: dict[str, Any]) -> None:
    assert refusal(Unprocessable, world, host, signer=signer) == "COM-37"
    assert not any(r["resourceType"] == "Provenance" for r in world.stored.values())


@pytest.mark.parametrize(
    ("signer", "recorded"),
    [
        ({"reference": "Practitioner/ide"}, {"reference": "Practitioner/ide"}),
        ({"reference": "PractitionerRole/role"}, {"reference": "PractitionerRole/role"}),
        (idnat("3750000001/DIR1"), DIRECTOR),
        (idnat("810101234564"), {"reference": "Practitioner/ide"}),
        (
            {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "10101234564"}},
            {"reference": "Practitioner/ide"},
        ),
        (idnat("3750000001/EDU9", display="M. Roy"), idnat("3750000001/EDU9", display="M. Roy")),
    ],
)
def test_sign__professional_in_order__signs(
    world: Any, host: Any, signer: dict[str, Any], recorded: dict[str, Any]
) -> None:
    _, final = act(world, host, signer=signer).writes
    assert final["authenticator"] == recorded


@pytest.mark.parametrize(
    "signer",
    [
        {"reference": "Practitioner/absent"},
        idnat("3750000001/EDU9"),
        {"reference": "Binary/doc-b"},
        {"display": "Mme X"},
        {},
    ],
)
def test_sign__signer_unknown__is_refused(world: Any, host: Any, signer: dict[str, Any]) -> None:
    assert refusal(Unprocessable, world, host, signer=signer) == "sign-signer-unknown"


def test_sign__for_another_professional__is_forbidden(world: Any, host: Any) -> None:
    assert refusal(Forbidden, world, host, professional="810101234564") == "sign-other-person"
    requested = act(world, host, professional="810101234564", state="requested").writes[0]
    assert requested["agent"][1]["who"]["identifier"]["value"] == "810101234564"
    assert act(world, host, professional="3750000001/DIR1").writes


def test_sign__unknown_state__is_refused(world: Any, host: Any) -> None:
    assert refusal(BadRequest, world, host, state="voided") == "sign-state-unknown"


def test_definition__inputs__are_those_read(host: Any) -> None:
    assert operation(host).definition is DEFINITION
    assert {p["name"] for p in DEFINITION["parameter"] if p["use"] == "in"} >= {"signer", "capacity", "state", "hash"}
    assert set(STATES) == set(NEXT) - {""}


@given(st.integers(0, 9_999_999_999))
def test_rpps_key__any_ten_digits__one_key_only_is_right(number: int) -> None:
    right = [key for key in range(10) if rpps_key_is_right(f"{number:010d}{key}")]
    assert len(right) == 1


def test_rpps_key__other_than_eleven_digits__is_wrong() -> None:
    assert not any(map(rpps_key_is_right, ("", "1010123456", "1010123456A", "810101234564", "1010123456٩")))
