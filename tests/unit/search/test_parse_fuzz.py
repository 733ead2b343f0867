"""Whatever is asked, a search is understood or refused with a reason: never anything else."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dui_fhir.definitions import search_parameters
from dui_fhir.domain.errors import DuiError
from dui_fhir.search import match
from dui_fhir.search.extract import extract
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import FORMATS, RESULTS, ParsedSearch, parse

TYPES = (None, "Patient", "Observation", "Location", "Bundle", "Nothing", "")
CODES = sorted(
    {c for t in TYPES[:5] for c in search_parameters().for_type(t)} | RESULTS | FORMATS | {"_has", "_filter"}
)
MODIFIERS = (
    "",
    ":missing",
    ":not",
    ":exact",
    ":contains",
    ":text",
    ":of-type",
    ":identifier",
    ":Patient",
    ":in",
    ":below",
    ":iterate",
    ":",
    "::",
)
TAILS = (
    "",
    ".name",
    ".identifier:of-type",
    ":Observation:patient:code",
    ":Observation",
    ".",
    "..",
    "._has:Group:member:_id",
)
NAMES = st.builds(
    "".join, st.tuples(st.sampled_from(CODES), st.sampled_from(MODIFIERS), st.sampled_from(TAILS))
) | st.text(max_size=12)
VALUES = st.text(max_size=12) | st.text(alphabet="0123456789-+.eT:Z|,$\\/apgtlneqsb# ", max_size=14) | st.sampled_from((
    "true", "2020-01", "Patient/1", "http://x/y|1", "a|b", "1|http://unitsofmeasure.org|mg", "-name", "*", "Observation:subject",
))  # fmt: skip
RESOURCE = extract(
    {"resourceType": "Patient", "id": "1", "name": [{"family": "A"}], "birthDate": "2000", "active": True}
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(TYPES), st.lists(st.tuples(NAMES, VALUES), max_size=3), st.booleans())
@example("Observation", [("value-quantity", "1" * 40 + "e250|http://unitsofmeasure.org|Ym")], False)
@example("Patient", [("birthdate", "ap9999")], False)
@example("Patient", [("birthdate", "0000")], False)
@example("Patient", [("birthdate", "0001-01-01T00:00:00+14:00")], False)
@example("RiskAssessment", [("probability", "ap1e250")], False)
def test_parse__anything__is_a_search_or_a_refusal(type_, params, lenient):
    options = SearchOptions(lenient=lenient, zone=ZoneInfo("Europe/Paris"), now_ms=10**12)
    parsed = _outcome(type_, params, options)
    if isinstance(parsed, DuiError):
        assert parsed.status == 400
        assert all(issue.id.startswith("search-") for issue in parsed.issues)
    else:
        match.page([match.Entry(type="Patient", id="1", instant_ms=0, index=RESOURCE)], parsed.query)


def _outcome(type_, params, options) -> ParsedSearch | DuiError:
    try:
        return parse(type_, params, options)
    except DuiError as error:
        return error


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/Martinique")])
def test_parse__self_params__parse_to_the_same_search(zone):
    options = SearchOptions(zone=zone)
    params = [
        ("name", "a\\,b"),
        ("birthdate", "ge1940"),
        ("_count", "9999"),
        ("_sort", "-birthdate"),
        ("_include", "Patient:link"),
    ]
    parsed = parse("Patient", params, options)
    assert parse("Patient", parsed.self_params, options) == parsed
