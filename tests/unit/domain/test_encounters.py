"""Which Encounter is a stay, which is an event."""

from typing import Any

import pytest

from dui_fhir.domain.encounters import EVENT_IDENTIFIER, EVENT_PROFILE, STAY_IDENTIFIER, STAY_PROFILE, is_event, is_stay

STAY, EVENT, OTHER = (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("encounter", "expected"),
    [
        ({}, OTHER),
        ({"identifier": [{"system": STAY_IDENTIFIER, "value": "x"}]}, STAY),
        ({"identifier": [{"system": "urn:autre"}, {"system": EVENT_IDENTIFIER}]}, EVENT),
        ({"meta": {"profile": [STAY_PROFILE]}}, STAY),
        ({"meta": {"profile": ["urn:autre", f"{EVENT_PROFILE}|2.4.0-ballot"]}}, EVENT),
        ({"meta": {"profile": [f"{STAY_PROFILE}-autre"]}}, OTHER),
    ],
)
def test_kind__profile_or_identifier__says_what_it_is(encounter: dict[str, Any], expected: tuple[bool, bool]) -> None:
    assert (is_stay(encounter), is_event(encounter)) == expected
