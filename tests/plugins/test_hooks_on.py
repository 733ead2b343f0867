"""Family ``on_``: after the fact, isolated: whoever raises is logged and counted, the others still run."""

import logging

import pytest

SEEN = "SEEN = []\n@hookimpl\ndef {hook}({argument}):\n    SEEN.append({argument})\n"
FAIL = "@hookimpl\ndef {hook}():\n    raise RuntimeError('M. Dupont')\n"
EVENT = {"resourceType": "AuditEvent", "id": "a1"}


def _tell(hook, host, change, context):
    if hook == "on_committed":
        host.committed([change], context)
    else:
        host.audited(EVENT, context)


def _seen(host, plugin):
    return host._loaded.manager.get_plugin(plugin).SEEN


@pytest.mark.parametrize(("hook", "argument"), [("on_committed", "changes"), ("on_audit", "event")])
def test_on__a_plugin_raises__the_others_still_run(hook, argument, host_of, context_of, goal_change, caplog) -> None:
    host = host_of(alpha=FAIL.format(hook=hook), beta=SEEN.format(hook=hook, argument=argument))

    with caplog.at_level(logging.ERROR):
        _tell(hook, host, goal_change, context_of(host))

    assert _seen(host, "beta") == [(goal_change,) if hook == "on_committed" else EVENT]
    assert host.failures == {("alpha", hook): 1}
    assert "RuntimeError" in caplog.text
    assert "Dupont" not in caplog.text


@pytest.mark.parametrize(("hook", "argument"), [("on_committed", "changes"), ("on_audit", "event")])
def test_on__corridor_not_in_force__is_not_told(hook, argument, host_of, context_of, goal_change) -> None:
    host = host_of(alpha=SEEN.format(hook=hook, argument=argument))

    _tell(hook, host, goal_change, context_of(host, corridors=frozenset({"beta"})))

    assert _seen(host, "alpha") == []
