"""Negotiation, metrics and log, without a server."""

import logging
import sys
from collections import Counter

import pytest

from dui_fhir.domain.errors import NotAcceptable
from dui_fhir.rest import negotiation
from dui_fhir.rest.incoming import prefer
from dui_fhir.rest.log import JsonFormatter
from dui_fhir.rest.metrics import Metrics


@pytest.mark.parametrize(
    ("format", "accept", "wanted"),
    [
        (None, "", "json"),
        (None, "*/*", "json"),
        (None, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "xml"),
        (None, "application/fhir+json; fhirVersion=4.0", "json"),
        (None, "application/fhir+xml;q=0.2, application/fhir+json;q=0.8", "json"),
        (None, "application/fhir+json;q=0, application/fhir+xml", "xml"),
        ("xml", "application/fhir+json", "xml"),
        ("application/fhir json", "", "json"),
    ],
)
def test_wanted__each_way_to_ask__is_understood(format: str | None, accept: str, wanted: str) -> None:
    assert negotiation.wanted(format, accept, native=False) == wanted


def test_wanted__own_type_of_a_binary__only_for_a_binary() -> None:
    assert negotiation.wanted(None, "application/pdf", native=True) == "native"
    with pytest.raises(NotAcceptable):
        negotiation.wanted(None, "application/pdf", native=False)
    with pytest.raises(NotAcceptable):
        negotiation.wanted("pdf", "", native=True)


@pytest.mark.parametrize(("format", "accept"), [("application/pdf", ""), ("pdf", "*/*"), (None, "application/pdf")])
def test_wanted__pdf__only_of_an_operation(format: str | None, accept: str) -> None:
    assert negotiation.wanted(format, accept, native=False, printable=True) == "native"
    with pytest.raises(NotAcceptable):
        negotiation.wanted("pdf", accept, native=False)


def test_wanted__operation_asked_for_json_first__is_json() -> None:
    assert (
        negotiation.wanted(None, "application/fhir+json, application/pdf;q=0.5", native=False, printable=True) == "json"
    )


def test_prefer__several_headers__are_read_together_and_unknown_ones_ignored() -> None:
    found = prefer(["return=minimal; x=1", "handling=lenient, respond-async", "return=tout"])

    assert (found.answer, found.handling) == ("minimal", "lenient")
    assert prefer([]).answer == ""


def test_metrics__requests__are_counted_and_timed() -> None:
    metrics = Metrics()
    metrics.count("read", 200, 0.002)
    metrics.count("read", 200, 99.0)

    lines = metrics.text(Counter({("pa", "on_committed"): 2})).splitlines()

    assert any(
        line.startswith("dui_fhir_requests_total{") and line.endswith('interaction="read",status="200"} 2')
        for line in lines
    )
    assert [line.rsplit(" ", 1)[1] for line in lines if 'le="0.0025"' in line or 'le="+Inf"' in line] == ["1", "2"]
    assert any('plugin="pa",hook="on_committed"} 2' in line for line in lines)


def test_log__exception__shows_its_place_and_not_its_message() -> None:
    try:
        raise ValueError("Mme Durand")
    except ValueError:
        record = logging.LogRecord("dui_fhir", logging.ERROR, __file__, 1, "unexpected", None, sys.exc_info())

    line = JsonFormatter().format(record)

    assert "Durand" not in line
    assert "ValueError" in line
    assert "test_rest_values.py" in line
