"""Parameters of corridors set by a tenant or by one of its structures (decision D7)."""

import pytest

from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.structure import Structure
from dui_fhir.service.own_parameters import ALL, OwnParameters, changed

SHIPPED = {
    "pa.dlu_redaction_jours": 7, "pa.severity.PA-06": "warning", "pa.listes": ["a"], "pa.oui": True, "pa.table": {"a": "b"},
    "pa.nom": "x", "pa.jour_date": "",
}  # fmt: skip
ONE, TWO = (Structure(finess=f, category="500", name="n", address="a") for f in ("010000001", "010000002"))


def values(*changes):
    found = {}
    for place, name, text in changes:
        found = {**found, **changed(found, place, name, text, SHIPPED)}
    return found


def test_over__nothing_set__is_what_the_corridors_say():
    assert OwnParameters().over(SHIPPED, ONE) is SHIPPED


def test_over__structure_tenant_corridor__win_in_that_order():
    own = OwnParameters(values((ALL, "pa.dlu_redaction_jours", "5"), ("010000001", "pa.dlu_redaction_jours", "3")))
    assert own.over(SHIPPED, ONE)["pa.dlu_redaction_jours"] == 3
    assert own.over(SHIPPED, TWO)["pa.dlu_redaction_jours"] == 5
    assert own.over(SHIPPED, None)["pa.dlu_redaction_jours"] == 5
    assert own.over(SHIPPED, ONE)["pa.severity.PA-06"] == "warning"
    assert SHIPPED["pa.dlu_redaction_jours"] == 7


def test_over__asked_twice__is_merged_once():
    own = OwnParameters(values((ALL, "pa.dlu_redaction_jours", "5")))
    assert own.over(SHIPPED, ONE) is own.over(SHIPPED, ONE)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("pa.severity.PA-06", "error", "error"),
        ("pa.listes", '["b", "c"]', ["b", "c"]),
        ("pa.oui", "false", False),
        ("pa.table", '{"a": "c"}', {"a": "c"}),
        ("pa.nom", "deux mots", "deux mots"),
        ("pa.dlu_redaction_jours", "2.5", 2.5),
        ("pa.jour_date", "2026-12-01", "2026-12-01"),
        ("pa.jour_date", '""', ""),
    ],
)
def test_changed__value_of_the_same_sort__is_kept_and_read_back(name, text, value):
    assert OwnParameters(values((ALL, name, text))).over(SHIPPED, None)[name] == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pa.inconnu", "1"), ("pa.severity.PA-06", "grave"), ("pa.dlu_redaction_jours", "bientôt"),
        ("pa.dlu_redaction_jours", "true"), ("pa.oui", "1"), ("pa.listes", "a"),
        ("pa.jour_date", "2026-13-01"), ("pa.jour_date", "demain"),
    ],
)  # fmt: skip
def test_changed__unknown_or_of_another_sort__is_refused(name, text):
    with pytest.raises(BadRequest):
        changed({}, ALL, name, text, SHIPPED)


def test_changed__given_back__leaves_the_others():
    found = values((ALL, "pa.dlu_redaction_jours", "5"), (ALL, "pa.nom", "y"), (ALL, "pa.dlu_redaction_jours", None))
    assert found == {"parameters.*": ('pa.nom "y"',)}
