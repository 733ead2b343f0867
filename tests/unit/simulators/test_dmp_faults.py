"""Faults on demand, as far as a test client shows them."""

import pytest

from dui_fhir.simulators.faults import MODES


def order(dmp, **fault):
    return dmp.client.post("/_simulateur/pannes", json=fault)


def test_order__http_500__hits_once_and_stores_nothing(dmp):
    assert order(dmp, mode="http-500").get_json()[0]["mode"] == "http-500"

    assert dmp.provide_response().status_code == 500
    assert dmp.received() == []
    assert dmp.provide() == "Success"


def test_order__count__hits_that_many_times(dmp):
    order(dmp, mode="http-500", count=2)

    assert [dmp.provide_response().status_code for _ in range(3)] == [500, 500, 200]


def test_order__soap_fault__is_a_receiver_fault(dmp):
    order(dmp, mode="soap-fault")

    response = dmp.provide_response()

    assert (response.status_code, b"soap:Receiver" in response.data) == (500, True)


@pytest.mark.parametrize("code", ["XDSRegistryBusy", "XDSRepositoryError"])
def test_order__registry_error__answers_the_code_and_stores_nothing(dmp, code):
    order(dmp, mode="registry-error", code=code)

    assert dmp.provide() == [code]
    assert dmp.received() == []


def test_order__drop_after_store__stores_without_an_answer(dmp):
    order(dmp, mode="drop-after-store")

    assert dmp.provide_response().data == b""
    assert len(dmp.received()) == 1
    assert dmp.provide() == ["XDSDuplicateUniqueIdInRegistry"]


def test_order__truncate__announces_more_than_it_sends(dmp):
    order(dmp, mode="truncate")

    response = dmp.provide_response()

    assert int(response.headers["Content-Length"]) > len(response.data) > 0


def test_order__slow__answers_in_the_end(dmp):
    order(dmp, mode="slow", seconds=0.01)

    assert dmp.provide() == "Success"


def test_order__for_another_service__spares_this_one(dmp):
    order(dmp, mode="http-500", service="patients")

    assert dmp.provide() == "Success"
    assert len(dmp.client.get("/_simulateur/pannes").get_json()) == 1


def test_order__deleted__is_forgotten(dmp):
    order(dmp, mode="http-500", count=5)
    dmp.client.delete("/_simulateur/pannes")

    assert dmp.provide() == "Success"


@pytest.mark.parametrize(
    "fault",
    [{}, {"mode": "x"}, {"mode": "slow", "seconds": 10_000}, {"mode": "slow", "count": 0}, {"mode": "slow", "count": "x"},
     {"mode": "slow", "other": 1}],
)  # fmt: skip
def test_order__unreadable__is_400_with_a_reason(dmp, fault):
    response = order(dmp, **fault)

    assert response.status_code == 400
    assert response.get_json()["erreur"]


def test_modes__list__is_the_documented_one():
    assert set(MODES) == {
        "http-500", "timeout", "slow", "soap-fault", "registry-error", "drop-after-store", "truncate", "refuse-connection",
    }  # fmt: skip


def test_home__after_a_document__lists_it_in_french(dmp):
    assert "Aucun document reçu" in dmp.client.get("/").text
    dmp.provide()

    page = dmp.client.get("/").text

    assert '<html lang="fr">' in page
    assert "Projet personnalisé d&#39;accompagnement" in page


def test_document__unknown__is_404(dmp):
    assert dmp.client.get("/_simulateur/documents/1.2.3").status_code == 404


@pytest.mark.parametrize("order_", [{}, {"ins": "1", "etat": "x"}, {"etat": "ferme"}, []])
def test_patient__unreadable_order__is_400(dmp, order_):
    assert dmp.client.post("/_simulateur/patients", json=order_).status_code == 400
