"""Transmissions over HTTP: said, read, corrected, followed since the last time, published to the shared notebook (D27)."""

from base64 import b64decode
from typing import Any

import pytest

from dui_fhir.app import build_engine, create_app
from dui_fhir.domain.clock import FixedClock
from dui_fhir.settings import Settings
from dui_fhir.store.memory import MemoryStores

Resource = dict[str, Any]
PERSON = {"reference": "Patient/p"}
IDNPS = "urn:oid:1.2.250.1.71.4.2.1"
NURSE, AIDE = "3010000001/IDE", "3010000001/AS"
CATEGORY = [{"coding": [{"system": "urn:dui-fhir:communication", "code": "transmission"}]}]


@pytest.fixture
def team(fhir: Any) -> Any:
    fhir.structure("010000001")
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p", "name": [{"family": "FICTIVE"}]})
    for id, number in (("ide", NURSE), ("as", AIDE)):
        practitioner = {"resourceType": "Practitioner", "id": id, "name": [{"family": "FICTIF"}],
                        "identifier": [{"system": IDNPS, "value": number}]}  # fmt: skip
        assert fhir.put(f"Practitioner/{id}", practitioner).status_code == 201
    return fhir


def say(fhir: Any, text: str = "Nuit calme", roles: tuple[str, ...] = (), **more: Any) -> Resource:
    extension = [
        {"url": "urn:dui-fhir:extension:role-cible", "valueCoding": {"system": "urn:dui-fhir:role", "code": r}}
        for r in roles
    ]
    said = {"resourceType": "Communication", "status": "completed", "category": CATEGORY, "subject": PERSON,
            "sender": {"reference": "Practitioner/as"}, "sent": "2026-01-12T10:00:00Z",
            "payload": [{"contentString": text}]}  # fmt: skip
    return dict(fhir.create(said | ({"extension": extension} if extension else {}) | more))


def parameters(**given: Any) -> Resource:
    types = {"role": "valueCode", "unread": "valueBoolean", "patient": "valueReference", "since": "valueInstant",
             "version": "valuePositiveInt", "reader": "valueReference"}  # fmt: skip
    pairs = [(n, v) for n, values in given.items() for v in (values if isinstance(values, list) else [values])]
    return {"resourceType": "Parameters", "parameter": [{"name": n, types[n]: v} for n, v in pairs]}


def who(number: str = NURSE) -> dict[str, str]:
    return {"X-Dui-Professional": number, "X-Dui-Structure": "010000001"}


def feed(fhir: Any, number: str = NURSE, **given: Any) -> list[str]:
    body = parameters(**given) if given else None
    answer = fhir.post("Communication/$feed", body, headers=who(number))
    assert answer.status_code == 200, answer.text
    return [
        e["resource"]["payload"][0]["contentString"]
        for e in answer.json.get("entry", ())
        if e["search"]["mode"] == "match"
    ]


def acknowledge(fhir: Any, id: str, number: str = NURSE, **given: Any) -> Any:
    return fhir.post(f"Communication/{id}/$acknowledge", parameters(**given) if given else None, headers=who(number))


def issue(answer: Any) -> str:
    return str(answer.json["issue"][0]["details"]["coding"][0]["code"])


# ------------------------------------------------------------------------------------------------------------- reading


def test_receipt__of_the_version_read__says_who_and_when_once(team: Any) -> None:
    said = say(team)
    first, again = acknowledge(team, said["id"]), acknowledge(team, said["id"])
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert first.json["owner"] == {"reference": "Practitioner/ide"}
    assert first.json["focus"] == {"reference": f"Communication/{said['id']}/_history/1"}
    assert first.json["executionPeriod"]["end"]
    assert team.get(f"Communication/{said['id']}").json["meta"]["versionId"] == "1"


def test_receipt__after_a_correction__the_new_version_is_unread_and_the_old_receipt_stays(team: Any) -> None:
    said = say(team)
    acknowledge(team, said["id"])
    team.put(f"Communication/{said['id']}", {**said, "payload": [{"contentString": "Nuit agitée"}]})
    assert feed(team, unread=True) == ["Nuit agitée"]
    acknowledge(team, said["id"])
    assert feed(team, unread=True) == []
    found = team.get(f"Task?focus=Communication/{said['id']}&code=urn:dui-fhir:task|accuse-lecture").json["entry"]
    versions = sorted(e["resource"]["focus"]["reference"].rpartition("/")[2] for e in found)
    assert versions == ["1", "2"]


def test_receipt__of_an_earlier_version__can_be_said_of_a_later_one_cannot(team: Any) -> None:
    said = say(team)
    team.put(f"Communication/{said['id']}", {**said, "payload": [{"contentString": "Nuit agitée"}]})
    assert acknowledge(team, said["id"], version=1).json["focus"]["reference"].endswith("/_history/1")
    assert issue(acknowledge(team, said["id"], version=3)) == "receipt-version"


def test_receipt__by_the_person_or_for_a_colleague__the_first_only(team: Any) -> None:
    said = say(team, recipient=[PERSON])
    assert acknowledge(team, said["id"], reader=PERSON).json["owner"] == PERSON
    colleague = acknowledge(team, said["id"], reader={"reference": "Practitioner/as"})
    assert (colleague.status_code, issue(colleague)) == (403, "reader-other")
    nobody = team.post(f"Communication/{said['id']}/$acknowledge")
    assert (nobody.status_code, issue(nobody)) == (400, "reader-unknown")


def test_receipt__professional_without_a_resource__is_named_by_his_identifier(team: Any) -> None:
    receipt = acknowledge(team, say(team)["id"], "3010000001/VACATAIRE")
    assert receipt.json["owner"]["identifier"] == {"system": IDNPS, "value": "3010000001/VACATAIRE"}


# ---------------------------------------------------------------------------------------------------------------- feed


def test_feed__since_my_last_time__new_and_corrected_only(fhir: Any) -> None:
    clock = FixedClock(1_768_000_000_000)
    settings = Settings({"store": "memory", "log_level": "ERROR"})
    engine = build_engine(settings, stores=MemoryStores(clock), clock=clock)
    engine.stores.create("horloge")
    team = type(fhir)(create_app(settings, engine=engine).test_client(), engine, "horloge")
    team.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    said = say(team, "Un")
    clock.ms += 60_000
    assert feed(team) == ["Un"]
    clock.ms += 60_000
    assert feed(team) == []
    team.put(f"Communication/{said['id']}", {**said, "payload": [{"contentString": "Un, corrigé"}]})
    clock.ms += 1000
    say(team, "Deux")
    clock.ms += 60_000
    assert feed(team) == ["Deux", "Un, corrigé"]
    # a colleague has a place of his own
    assert feed(team, AIDE) == ["Deux", "Un, corrigé"]


def test_feed__with_since_or_for_one_person__does_not_move_my_place(team: Any) -> None:
    say(team, "Un")
    for given in ({"since": "2020-01-01T00:00:00Z"}, {"patient": PERSON}):
        assert feed(team, **given) == ["Un"]
    assert team.count("Basic") == 0
    assert feed(team) == ["Un"]
    assert team.count("Basic") == 1


def test_feed__roles__what_aims_at_others_is_left_out_unless_i_am_named(team: Any) -> None:
    say(team, "À tous")
    say(team, "Aux infirmiers", ("ide", "idec"))
    say(team, "Aux éducateurs", ("educateur",))
    say(team, "À moi", ("educateur",), recipient=[{"reference": "Practitioner/ide"}])
    say(team, "À ma collègue", recipient=[{"reference": "Practitioner/as"}])
    since = "2020-01-01T00:00:00Z"
    assert sorted(feed(team, role="ide", since=since)) == ["Aux infirmiers", "À moi", "À tous"]
    assert sorted(feed(team, role=["ide", "educateur"], since=since)) == [
        "Aux infirmiers",
        "Aux éducateurs",
        "À moi",
        "À tous",
    ]
    assert len(feed(team, since=since)) == 5
    found = team.get("Communication?target-role=urn:dui-fhir:role|ide").json["entry"]
    assert [e["resource"]["payload"][0]["contentString"] for e in found] == ["Aux infirmiers"]


def test_feed__of_the_person__what_was_sent_to_her_only(team: Any) -> None:
    say(team, "Entre nous")
    say(team, "Pour vous", recipient=[PERSON])
    answer = team.post("Communication/$feed", parameters(reader=PERSON))
    assert [e["resource"]["payload"][0]["contentString"] for e in answer.json["entry"]] == ["Pour vous"]


def test_feed__more_than_one_answer_holds__the_latest_and_it_is_said(
    team: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dui_fhir.service import reader as reader_module

    for number in range(6):
        say(team, str(number))
    # so few that three are found before the window is down to nothing: the six were said within a second
    monkeypatch.setattr(reader_module, "MATCHES_MAX", 5)
    answer = team.post("Communication/$feed", parameters(since="2020-01-01T00:00:00Z"), headers=who())
    assert answer.status_code == 200, answer.text
    assert answer.json["total"] <= 5
    assert answer.json["entry"][-1]["resource"]["issue"][0]["details"]["coding"][0]["code"] == "feed-shortened"


# ------------------------------------------------------------------------------------------------------------ messages


def test_message__to_another_person__is_refused(team: Any) -> None:
    team.put("Patient/q", {"resourceType": "Patient", "id": "q"})
    said = {
        "resourceType": "Communication",
        "status": "completed",
        "subject": PERSON,
        "recipient": [{"reference": "Patient/q"}],
    }
    assert "COM-68" in team.post("Communication", said).text


def test_transmission__deleted__is_refused_and_said_in_error_is_in_the_feed(team: Any) -> None:
    said = say(team)
    assert "COM-67" in team.delete(f"Communication/{said['id']}").text
    team.put(f"Communication/{said['id']}", {**said, "status": "entered-in-error"})
    assert feed(team, since="2020-01-01T00:00:00Z") == ["Nuit calme"]


def test_journal__in_out_and_internal__each_way_the_most_recent_first(team: Any) -> None:
    say(team, "Équipe", sent="2026-01-10T10:00:00Z")
    say(team, "À la personne", sent="2026-01-11T10:00:00Z", recipient=[PERSON])
    say(team, "De la personne", sent="2026-01-12T10:00:00Z", sender=PERSON)
    received = {"resourceType": "DocumentReference", "status": "current", "subject": PERSON, "date": "2026-01-13T10:00:00Z",
                "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "recu-mssante"}]},
                "content": [{"attachment": {"title": "CR"}}]}  # fmt: skip
    team.create(received)

    def journal(query: str = "") -> list[str]:
        entries = team.get(f"Patient/p/$exchanges{query}").json["entry"]
        return [
            (e["resource"].get("payload") or e["resource"]["content"])[0].get("contentString", "document")
            for e in entries
        ]

    assert journal() == ["document", "De la personne", "À la personne", "Équipe"]
    assert journal("?direction=in") == ["document", "De la personne"]
    assert journal("?direction=out") == ["À la personne"]
    assert journal("?direction=internal") == ["Équipe"]
    assert journal("?start=2026-01-11&end=2026-01-12") == ["De la personne", "À la personne"]
    assert issue(team.get("Patient/p/$exchanges?direction=sideways")) == "exchanges-direction"


# ------------------------------------------------------------------------------------------------------ shared notebook


def test_notebook__transmission_published__is_a_note_of_the_volet_and_follows_the_correction(team: Any) -> None:
    said = say(team, priority="urgent")
    path = f"Communication/{said['id']}/$liaison-note"
    first, again = team.post(path), team.post(path)
    assert (first.status_code, again.status_code, again.json["meta"]["versionId"]) == (201, 200, "1")
    note = first.json
    assert note["extension"][0]["valueBoolean"] is True
    assert b64decode(note["content"][0]["attachment"]["data"]).decode() == "Nuit calme"
    assert not {"docStatus", "authenticator", "custodian"} & set(note)
    checked = team.post(
        "DocumentReference/$validate?profile=https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/cdl-document-reference",
        note,
    )
    assert [i for i in checked.json["issue"] if i["severity"] in ("error", "fatal")] == []
    team.put(f"Communication/{said['id']}", {**said, "payload": [{"contentString": "Nuit agitée"}]})
    corrected = team.post(path)
    assert (corrected.json["id"], corrected.json["meta"]["versionId"]) == (note["id"], "2")


def test_notebook__answer_to_a_published_transmission__appends_to_its_note(team: Any) -> None:
    asked = say(team, "Faut-il appeler le médecin ?")
    note = team.post(f"Communication/{asked['id']}/$liaison-note").json
    answered = say(team, "Oui", inResponseTo=[{"reference": f"Communication/{asked['id']}"}])
    made = team.post(f"Communication/{answered['id']}/$liaison-note").json
    assert made["relatesTo"] == [{"code": "appends", "target": {"reference": f"DocumentReference/{note['id']}"}}]


def test_notebook__transmission_without_author__says_what_is_missing(team: Any) -> None:
    said = team.create(
        {"resourceType": "Communication", "status": "completed", "subject": PERSON, "payload": [{"contentString": "x"}]}
    )
    answer = team.post(f"Communication/{said['id']}/$liaison-note")
    assert (answer.status_code, issue(answer)) == (422, "liaison-incomplete")
    assert "l’auteur, la date" in answer.json["issue"][0]["details"]["text"]


def test_notebook__note_received__becomes_a_transmission_once(team: Any) -> None:
    note = team.post(f"Communication/{say(team, 'Tension à 18')['id']}/$liaison-note").json
    first, again = (team.post(f"DocumentReference/{note['id']}/$transmission") for _ in range(2))
    assert (first.status_code, again.status_code, first.json["id"]) == (201, 200, again.json["id"])
    assert first.json["payload"] == [{"contentString": "Tension à 18"}]
    assert first.json["about"] == [{"reference": f"DocumentReference/{note['id']}"}]
    other = team.create(
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "subject": PERSON,
            "content": [{"attachment": {"title": "x"}}],
        }
    )
    assert issue(team.post(f"DocumentReference/{other['id']}/$transmission")) == "liaison-not-a-note"
