"""Family ``check_``: all run, issues are concatenated, an exception fails closed."""

import pytest

from dui_fhir.domain.change import Change
from dui_fhir.domain.errors import Unavailable
from dui_fhir.plugin_host import PluginFailed

REFUSE = """
@hookimpl
def {hook}({parameters}):
    return [Issue(severity="error", code="business-rule", id="{prefix}-01", text="")]
"""
FAIL = """
@hookimpl
def {hook}():
    raise RuntimeError("M. Dupont")
"""
DOCUMENT = {"resourceType": "DocumentReference", "id": "d1", "docStatus": "final"}


def _ask(hook, host, change, context):
    match hook:
        case "check_resource":
            return host.check(change, context)
        case "check_delete":
            removal = Change(interaction="delete", type=change.type, id=change.id, before=change.after)
            return host.check(removal, context)
        case "check_sending":
            return host.check_sending(DOCUMENT, "dmp", context)
        case "check_access":
            return host.check_access("read", DOCUMENT, context)


HOOKS = ["check_resource", "check_delete", "check_sending", "check_access"]


def _code(template, hook, prefix):
    return template.format(hook=hook, prefix=prefix, parameters="context")


@pytest.mark.parametrize("hook", HOOKS)
def test_check__two_plugins_refuse__issues_of_both(hook, host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_code(REFUSE, hook, "ALPHA"), beta=_code(REFUSE, hook, "BETA"))

    issues = _ask(hook, host, goal_change, context_of(host))

    assert [issue.id for issue in issues] == ["ALPHA-01", "BETA-01"]
    assert all(issue.blocking for issue in issues)


@pytest.mark.parametrize("hook", HOOKS)
def test_check__plugin_raises__fails_closed_and_names_it(hook, host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_code(REFUSE, hook, "ALPHA"), beta=_code(FAIL, hook, "BETA"))

    with pytest.raises(PluginFailed) as caught:
        _ask(hook, host, goal_change, context_of(host))

    assert caught.value.status == 500
    assert caught.value.issues[0].id == "plugin-failed"
    assert "« beta »" in caught.value.issues[0].text
    assert "Dupont" not in str(caught.value)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("answer", ["None", "'no'", "{}", "[{'severity': 'error'}]", "3"])
def test_check__answer_of_another_kind__fails_closed(hook, answer, host_of, context_of, goal_change) -> None:
    host = host_of(alpha=f"@hookimpl\ndef {hook}():\n    return {answer}\n")

    with pytest.raises(PluginFailed) as caught:
        _ask(hook, host, goal_change, context_of(host))

    assert caught.value.issues[0].id == "plugin-answer"


@pytest.mark.parametrize("hook", HOOKS)
def test_check__corridor_not_in_force__is_not_asked(hook, host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_code(REFUSE, hook, "ALPHA"), beta=_code(FAIL, hook, "BETA"))

    issues = _ask(hook, host, goal_change, context_of(host, corridors=frozenset({"alpha"})))

    assert [issue.id for issue in issues] == ["ALPHA-01"]


def test_check_resource__store_unavailable_while_reading__is_said_as_such(host_of, context_of, goal_change) -> None:
    class Down:
        def read(self, reference):
            raise Unavailable.of("store-unavailable", "Base indisponible.")

    host = host_of(
        alpha="@hookimpl\ndef check_resource(context):\n    context.reader.read('Patient/1')\n    return []\n"
    )

    with pytest.raises(Unavailable):
        host.check(goal_change, context_of(host, reader=Down()))


def test_check_resource__empty_text__takes_title_place_and_severity_of_the_rule(
    host_of, context_of, goal_change
) -> None:
    host = host_of(alpha=_code(REFUSE, "check_resource", "ALPHA"))

    (issue,) = host.check(goal_change, context_of(host))

    assert issue.text == "Phrase de la règle ALPHA-01."
    assert issue.expression == ("Bundle.entry[2].resource.target",)


def test_check_resource__rule_of_another_plugin__fails_closed(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_code(REFUSE, "check_resource", "BETA"), beta="")

    with pytest.raises(PluginFailed) as caught:
        host.check(goal_change, context_of(host))

    assert caught.value.issues[0].id == "plugin-rule-undeclared"


def test_check_resource__issue_milder_than_the_rule__stays_mild(host_of, context_of, goal_change) -> None:
    code = _code(REFUSE, "check_resource", "ALPHA").replace('severity="error"', 'severity="warning"')
    host = host_of(alpha=code)

    assert [i.severity for i in host.check(goal_change, context_of(host))] == ["warning"]


def test_check_resource__issue_harder_than_the_rule__takes_that_of_the_rule(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_code(REFUSE, "check_resource", "ALPHA").replace("ALPHA-01", "ALPHA-02"))

    assert [i.severity for i in host.check(goal_change, context_of(host))] == ["warning"]


def test_check_resource__severity_of_the_structure__wins(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_code(REFUSE, "check_resource", "ALPHA"))
    parameters = {**host.parameters(None), "alpha.severity.ALPHA-01": "warning"}

    assert [i.severity for i in host.check(goal_change, context_of(host, parameters=parameters))] == ["warning"]


def test_check_resource__reprise__only_reports(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_code(REFUSE, "check_resource", "ALPHA"))

    assert [i.severity for i in host.check(goal_change, context_of(host, reprise=True))] == ["warning"]


def test_check_delete__update__is_not_asked(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_code(FAIL, "check_delete", "ALPHA"))

    assert host.check(goal_change, context_of(host)) == ()


def test_check_sending__channel__is_given(host_of, context_of) -> None:
    code = (
        _code(REFUSE, "check_sending", "ALPHA")
        .replace("(context)", "(channel)")
        .replace("[Issue", "channel == 'dmp' and [Issue")
    )
    host = host_of(alpha=code.replace('text="")]', 'text="")] or []'))

    assert host.check_sending(DOCUMENT, "mssante", context_of(host)) == ()
    assert [i.id for i in host.check_sending(DOCUMENT, "dmp", context_of(host))] == ["ALPHA-01"]
