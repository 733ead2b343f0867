"""References to nothing: stored as received, with one remark each (decision D11)."""

from collections.abc import Iterator

from dui_fhir.domain.change import Resource
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.reference import Reference, elements, walk
from dui_fhir.service.lookup import Lookup


def dangling(
    resource: Resource, path: str, lookup: Lookup, base_url: str, left_base: str | None = None
) -> tuple[Issue, ...]:
    """Return a warning ``core-dangling-reference`` for each reference of this server that leads nowhere.

    ``left_base``: the base of the server that an entry comes from; what still points there stayed behind.
    """
    named = list(_local(resource, base_url, left_base))
    lookup.prefetch([target for _, target in named if target])
    missing = {text for text, target in named if not target or not lookup.exists(target)}
    if not missing:
        return ()
    prefix = path or resource["resourceType"]
    return tuple(_issue(f"{prefix}.{where}") for where, element in walk(resource) if element["reference"] in missing)


def _local(resource: Resource, base_url: str, left_base: str | None) -> Iterator[tuple[str, str]]:
    """Yield ``(reference, Type/id)``; "" as target for what is known to be absent: a ``urn:`` that nothing in
    the transaction answers, a resource left behind."""
    for text in dict.fromkeys(element["reference"] for element in elements(resource)):
        target = Reference.parse(text)
        if target is not None and target.base in (None, base_url):
            yield text, str(target)
        elif text.startswith(("urn:uuid:", "urn:oid:")) or (target is not None and target.base == left_base):
            yield text, ""


def _issue(expression: str) -> Issue:
    return Issue(
        severity="warning",
        code="not-found",
        id="core-dangling-reference",
        text="Cette référence ne mène à aucune ressource du serveur : elle est conservée telle quelle.",
        diagnostics="reference target absent",
        expression=(expression,),
    )
