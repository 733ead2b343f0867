"""What JSON cannot say: whether a text is written in capitals."""

from dui_fhir.api import Change, Issue, hookimpl

from .capitals import in_capitals


@hookimpl
def check_resource(change: Change) -> list[Issue]:
    """Remark on goals written in capitals."""
    if change.type != "Goal" or change.after is None or not in_capitals(change.after["description"].get("text", "")):
        return []
    return [Issue(severity="warning", code="business-rule", id="TIERS-02", text="")]
