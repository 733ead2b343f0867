"""Family ``limit_``: everything holds together, nothing can be widened, an exception fails closed."""

import pytest

from dui_fhir.domain.query import Not, TokenIs
from dui_fhir.plugin_host import PluginFailed

PATIENT = {"resourceType": "Patient", "id": "p1", "address": [], "contact": []}
FAIL = "@hookimpl\ndef {hook}():\n    raise KeyError('x')\n"


def _ask(hook, host, context):
    return host.limit_search("Patient", context) if hook == "limit_search" else host.limit_elements(PATIENT, context)


@pytest.mark.parametrize("hook", ["limit_search", "limit_elements"])
def test_limit__plugin_raises__fails_closed(hook, host_of, context_of) -> None:
    host = host_of(alpha=FAIL.format(hook=hook))

    with pytest.raises(PluginFailed) as caught:
        _ask(hook, host, context_of(host))

    assert caught.value.issues[0].id == "plugin-failed"


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("limit_search", "True"),
        ("limit_search", "'Patient?x=1'"),
        ("limit_elements", "'address'"),
        ("limit_elements", "[1]"),
    ],
)
def test_limit__answer_of_another_kind__fails_closed(hook, answer, host_of, context_of) -> None:
    host = host_of(alpha=f"@hookimpl\ndef {hook}():\n    return {answer}\n")

    with pytest.raises(PluginFailed) as caught:
        _ask(hook, host, context_of(host))

    assert caught.value.issues[0].id == "plugin-answer"


@pytest.mark.parametrize("hook", ["limit_search", "limit_elements"])
def test_limit__corridor_not_in_force__is_not_asked(hook, host_of, context_of) -> None:
    host = host_of(alpha=FAIL.format(hook=hook))

    assert len(_ask(hook, host, context_of(host, corridors=frozenset({"beta"})))) == 0


def test_limit_search__two_plugins__both_criteria(host_of, context_of) -> None:
    code = "@hookimpl\ndef limit_search(type):\n"
    code += "    return Not(TokenIs('_security', None, '{code}')) if type == 'Patient' else None\n"
    host = host_of(alpha=code.format(code="A"), beta=code.format(code="B"))

    assert host.limit_search("Patient", context_of(host)) == (
        Not(TokenIs("_security", None, "A")),
        Not(TokenIs("_security", None, "B")),
    )
    assert host.limit_search("Goal", context_of(host)) == ()


def test_limit_elements__two_plugins__union(host_of, context_of) -> None:
    code = "@hookimpl\ndef limit_elements(resource):\n    return {{'{name}'}} & set(resource)\n"
    host = host_of(alpha=code.format(name="address"), beta=code.format(name="contact"))

    assert host.limit_elements(PATIENT, context_of(host)) == {"address", "contact"}
