"""What a schema cannot see in indicators.json: a search that the server refuses, a rule or a parameter that nobody declares."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from dui_fhir.definitions import resource_types, search_parameters
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.plugin_host import Fault
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import parse

FILE = "indicators.json"


def indicator_faults(
    indicators: Sequence[Mapping[str, Any]],
    *,
    clock_rules: Collection[str],
    parameters: Collection[str],
    extra: Sequence[Resource] = (),
) -> Iterator[Fault]:
    """Yield the faults of the calculations, each with its indicator.

    ``clock_rules``: ids of the periodic rules in force; ``parameters``: ``<plugin>.<name>``; ``extra``: SearchParameters.
    """
    registry = search_parameters()
    options = SearchOptions(registry=registry.with_extra(list(extra)) if extra else registry)
    for indicator in indicators:
        for side in ("numerator", "denominator"):
            count = indicator.get("calculation", {}).get(side, {})
            where = f"{indicator['id']}.calculation.{side}"
            for rule in count.get("in_order", ()):
                if rule not in clock_rules:
                    yield Fault(
                        file=FILE, path=where, text=f"« {rule} » n'est pas une règle périodique d'un couloir chargé"
                    )
            if count.get("count") == "points" and "value" not in indicator:
                text = "compter des points demande une fonction « value », donnée par declare_indicators"
                yield Fault(file=FILE, path=where, text=text)
            for criterion in _criteria(count):
                yield from _criterion_faults(criterion, where, options, parameters)


def _criteria(count: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    given = [*count.get("having", ()), *count.get("without", ()), *([count["of"]] if "of" in count else ())]
    for criterion in given:
        yield from criterion.get("any", (criterion,))


def _criterion_faults(
    criterion: Mapping[str, Any], where: str, options: SearchOptions, parameters: Collection[str]
) -> Iterator[Fault]:
    type = criterion["resource"]
    if type not in resource_types():
        yield Fault(file=FILE, path=where, text=f"« {type} » n'est pas un type de ressource FHIR R4")
        return
    try:
        parse(type, parse_qsl(criterion.get("search", ""), keep_blank_values=True, separator="&"), options)
    except BadRequest as error:
        for issue in error.issues:
            yield Fault(file=FILE, path=where, text=f"recherche refusée : {issue.text}")
    date = criterion.get("date")
    known = options.registry.for_type(type).get(date) if date else None
    if date and (known is None or known.type != "date"):
        yield Fault(
            file=FILE, path=where, text=f"« {date} » n'est pas un paramètre de recherche de type date de {type}"
        )
    months = criterion.get("months")
    if months and months not in parameters:
        yield Fault(file=FILE, path=where, text=f"« {months} » n'est pas un paramètre d'un couloir chargé")
