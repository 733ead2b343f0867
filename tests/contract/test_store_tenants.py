"""Tenants: names, isolation."""

import pytest

from dui_fhir.domain.errors import BadRequest, Conflict, NotFound


def _id(error):
    return error.value.issues[0].id


def test_create__valid_name__is_listed_and_empty(stores):
    store = stores.create("organisme-1")
    assert "organisme-1" in stores.names()
    assert list(stores.names()) == sorted(stores.names())
    assert store.history().versions == ()
    assert stores.open("organisme-1").history(total=True).total == 0


def test_create__existing_name__raises_conflict(stores):
    stores.create("organisme-2")
    with pytest.raises(Conflict) as error:
        stores.create("organisme-2")
    assert _id(error) == "tenant-exists"


@pytest.mark.parametrize("name", ["", "A", "1a", "../etc", "a/b", "a.b", "é", "a" * 64, "a\n", "a b", "-a"])
def test_create__bad_name__raises_bad_request(stores, name):
    with pytest.raises(BadRequest) as error:
        stores.create(name)
    assert _id(error) == "tenant-name"


@pytest.mark.parametrize("name", ["nobody", "../nobody", ""])
def test_open__unknown_name__raises_not_found(stores, name):
    with pytest.raises(NotFound) as error:
        stores.open(name)
    assert _id(error) == "tenant-unknown"


def test_tenants__same_ids_and_keys__do_not_mix(stores, make):
    one, other = stores.create("mix-1"), stores.create("mix-2")
    make.submit(one, make.put("Patient", "a", content=1, unique=("k",)), request_key="r", jobs=(make.job("j"),))
    answer = make.submit(other, make.put("Patient", "b", content=2, unique=("k",)), request_key="r")
    assert not answer.replayed
    assert one.read("Patient", "b") is None
    assert other.read("Patient", "a") is None
    assert other.job("j") is None
    assert other.claim_jobs(kinds=["dmp"], limit=9, lease_s=1) == ()


def test_open__again__sees_the_same_data(stores, make):
    make.submit(stores.create("again"), make.put("Patient", "a"))
    assert stores.open("again").read("Patient", "a").version == 1


def test_ready__working__has_nothing_to_say(stores):
    assert stores.ready() == ()
