"""Lots that may be under way together, and lots whose order could be noticed."""

import pytest

from dui_fhir.cli.import_order import touch


def _bundle(*entries):
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def _put(type, id, **content):
    return {
        "resource": {"resourceType": type, "id": id, **content},
        "request": {"method": "PUT", "url": f"{type}/{id}"},
    }


def _post(type, id, **content):
    return {
        "fullUrl": f"https://editeur.example/fhir/{type}/{id}",
        "resource": {"resourceType": type, "id": id, **content},
        "request": {"method": "POST", "url": type},
    }


def _of(reference):
    return {"subject": {"reference": reference}}


PERSON = [{"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "1"}]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(_put("Patient", "a"), _put("Observation", "o", **_of("Patient/a")), id="cites"),
        pytest.param(_put("Observation", "o", **_of("Patient/a")), _put("Patient", "a"), id="is cited by what is before"),
        pytest.param(_put("Goal", "g"), _put("Goal", "g"), id="same resource"),
        pytest.param(_put("Goal", "g"), {"request": {"method": "DELETE", "url": "Goal/g"}}, id="deletes"),
        pytest.param(_put("Goal", "g", **_of("Patient/a")), _put("Goal", "h", **_of("Patient/a")), id="same person"),
        pytest.param(_post("Patient", "a", identifier=PERSON), _post("Patient", "b", identifier=PERSON), id="same INS"),
        pytest.param(_put("Organization", "s"), _put("Goal", "g"), id="structures rule everything"),
        pytest.param(_put("Goal", "g"), _post("Subscription", "s"), id="subscriptions see everything"),
        pytest.param(
            _put("Goal", "g", **_of("Patient?identifier=1")), _put("Goal", "h"), id="reference by criteria"
        ),
        pytest.param(
            {"resource": {"resourceType": "Goal"}, "request": {"method": "PUT", "url": "Goal?identifier=1"}},
            _put("Goal", "h"),
            id="write by criteria",
        ),
        pytest.param(
            {"resource": {"resourceType": "Goal"}, "request": {"method": "POST", "url": "Goal", "ifNoneExist": "x=1"}},
            _put("Goal", "h"),
            id="create by criteria",
        ),
        pytest.param({"request": {"method": "GET", "url": "Goal"}}, _put("Goal", "h"), id="reads"),
        pytest.param("no entry", _put("Goal", "h"), id="no Bundle"),
    ],
)  # fmt: skip
def test_meets__order_that_could_be_noticed__true_both_ways(first, second):
    one, other = touch(_bundle(first)), touch(_bundle(second))

    assert one.meets(other)
    assert other.meets(one)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            [_post("Patient", "usager"), _post("Goal", "but", **_of("Patient/usager"))],
            [_post("Patient", "usager"), _post("Goal", "but", **_of("Patient/usager"))],
            id="created resources have names inside their Bundle only",
        ),
        pytest.param(
            [_put("Patient", "a"), _put("Goal", "g", **_of("Patient/a"))],
            [_put("Patient", "b"), _put("Goal", "h", **_of("Patient/b"))],
            id="two persons",
        ),
        pytest.param(
            [_put("Goal", "g", **_of("Practitioner/p"))],
            [_put("Goal", "h", **_of("Practitioner/p"))],
            id="both only cite",
        ),
    ],
)
def test_meets__lots_that_ignore_each_other__false(first, second):
    assert not touch(_bundle(*first)).meets(touch(_bundle(*second)))


def test_touch__references_of_another_server__not_ours():
    touched = touch(_bundle(_put("Goal", "g", **_of("https://autre.example/fhir/Patient/a"))))

    assert touched.reads == frozenset()
    assert touched.changes == {"Goal/g"}
