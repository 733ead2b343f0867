"""The XHTML of narratives is what FHIR allows, and nothing that runs. Source: FHIR R4, narrative.html#xhtml (txt-1, txt-2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.validation.narrative import narrative_fault
from dui_fhir.validation.validator import Validator

ALLOWED = (
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p "
    "pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var"
).split()
"""Chapters 7 to 11 (but 9.4, dates of change) and 15 of HTML 4.0, and ``a``, ``img``: narrative.html#rules."""
RUNNING = (
    "script style link meta base iframe frame frameset object embed applet form input button select textarea option video "
    "audio canvas svg math template html head body ins del"
).split()


def div(inner: str, attributes: str = "") -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml"{attributes}>{inner}</div>'


@pytest.mark.parametrize("name", ALLOWED)
def test_narrative__element_of_the_list__is_allowed(name: str) -> None:
    assert narrative_fault(div(f"x<{name}/>")) is None


@pytest.mark.parametrize("name", RUNNING)
def test_narrative__element_out_of_the_list__is_refused(name: str) -> None:
    assert narrative_fault(div(f"x<{name}/>")) == f"element {name} is not allowed"


@given(st.from_regex(r"[a-z][a-z0-9]{0,11}", fullmatch=True))
def test_narrative__any_element__is_allowed_only_if_listed(name: str) -> None:
    assert (narrative_fault(div(f"x<{name}/>")) is None) == (name in ALLOWED)


@pytest.mark.parametrize(
    "attributes",
    ["onclick", "onload", "onerror", "onmouseover", "formaction", "srcdoc", "srcset", "background", "data-x", "action"],
)
def test_narrative__attribute_that_runs_or_loads__is_refused(attributes: str) -> None:
    assert narrative_fault(div("x", f' {attributes}="y"')) == f"attribute {attributes} is not allowed"


@pytest.mark.parametrize("attribute", ["id", "class", "style", "title", "lang", "dir", "xml:lang"])
def test_narrative__attribute_of_the_list__is_allowed(attribute: str) -> None:
    assert narrative_fault(div("x", f' {attribute}="fr"')) is None


@pytest.mark.parametrize(
    ("attribute", "fine"),
    [
        ('href="https://exemple.fr/a"', True),
        ('href="mailto:a@exemple.fr"', True),
        ('href="#note"', True),
        ('href="Patient/1"', True),
        ('href="chemin/a:b"', True),
        ('href="javascript:alert(1)"', False),
        ('href=" JaVaScript:alert(1)"', False),
        ('href="java&#10;script:alert(1)"', False),
        ('href="vbscript:x"', False),
        ('href="data:text/html,x"', False),
        ('href="file:///etc/passwd"', False),
    ],
)
def test_narrative__link__has_a_scheme_that_runs_nothing(attribute: str, fine: bool) -> None:
    fault = narrative_fault(div(f"<a {attribute}>x</a>"))
    assert fault == (None if fine else "href with a scheme that is not allowed")


@pytest.mark.parametrize(
    ("source", "fine"),
    [("#image", True), ("data:image/png;base64,AA==", True), ("data:text/html;base64,AA==", False), ("blob:x", False)],
)
def test_narrative__image__comes_from_the_resource_or_the_web(source: str, fine: bool) -> None:
    fault = narrative_fault(div(f'<img src="{source}" alt="x"/>'))
    assert fault == (None if fine else "src with a scheme that is not allowed")


@pytest.mark.parametrize(
    "text",
    [
        "pas du XHTML",
        "<div>x",
        "<div>x</div>",
        '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
        div("&nbsp;"),
        '<!DOCTYPE div [<!ENTITY a "b">]>' + div("&a;"),
        '<?xml version="1.0"?>' + div("x"),
        div('<p xmlns="urn:autre">x</p>'),
        div('<svg:rect xmlns:svg="http://www.w3.org/2000/svg"/>'),
    ],
)
def test_narrative__not_an_xhtml_div__is_refused(text: str) -> None:
    assert narrative_fault(text) is not None


@pytest.mark.parametrize(
    ("inner", "fine"), [("", False), ("  \n", False), ("<p/>", False), ("<!-- x -->", False), ('<img src="#a"/>', True)]
)
def test_narrative__without_text_nor_image__is_refused(inner: str, fine: bool) -> None:
    assert (narrative_fault(div(inner)) is None) == fine


def test_resource__narrative_that_runs__is_an_error_at_its_place() -> None:
    text = {"status": "generated", "div": div("<script>x</script>")}
    issues = Validator().base({"resourceType": "Patient", "text": text})
    assert [(i.id, i.severity, i.expression) for i in issues] == [
        ("validation-narrative", "error", ("Patient.text.div",))
    ]
