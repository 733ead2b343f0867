"""One search parameter, name and value, → a node of the query.

Source: FHIR R4, search.html.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias, cast

from dui_fhir.definitions import SearchParameter, resource_types
from dui_fhir.definitions.elements import implied_systems, kind
from dui_fhir.domain.query import (
    AllOf,
    AnyOf,
    Chain,
    Comparator,
    DateIs,
    Has,
    IdIn,
    Kind,
    LastUpdatedIs,
    Missing,
    Node,
    Not,
    NumberIs,
    QuantityIs,
    ReferenceIs,
    SameGroup,
    StringIs,
    TextIs,
    TokenIs,
    UriIs,
)
from dui_fhir.domain.reference import ID
from dui_fhir.search import faults, near, ranges, ucum
from dui_fhir.search.accessors import element_of, paths
from dui_fhir.search.escapes import split, unescape
from dui_fhir.search.expression import Unsupported, parse
from dui_fhir.search.extract import leaf_types
from dui_fhir.search.fold import fold, fold_token, words
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.values import bare_number, local_or_foreign

CONTENT = frozenset({"_text", "_content"})
_MODIFIERS = {
    "token": frozenset({"missing", "not", "text", "in", "not-in", "above", "below", "of-type"}),
    "string": frozenset({"missing", "exact", "contains"}),
    "uri": frozenset({"missing", "above", "below"}),
    "reference": frozenset({"missing", "identifier"}),
}
_ONLY_MISSING = frozenset({"missing"})
_BY_TERMINOLOGY = frozenset({"in", "not-in", "above", "below"})


def modifiers(parameter: SearchParameter, *, terminology: bool) -> frozenset[str]:
    """Return the modifiers that a parameter takes, ``[type]`` of a reference left out; ``terminology``: a service is there."""
    if parameter.code in _BY_RESOURCE:
        return frozenset({"not"}) if parameter.code == "_id" else frozenset()
    if parameter.type == "special":
        return _ONLY_MISSING if parameter.code == near.CODE else frozenset()
    allowed = _MODIFIERS.get(parameter.type, _ONLY_MISSING)
    return allowed if terminology or parameter.type != "token" else allowed - _BY_TERMINOLOGY


class Criteria:
    """Builds nodes with the options of one search."""

    def __init__(self, options: SearchOptions) -> None:
        self._options = options
        self._links = 0
        self._of_type: dict[str, _Build] = {
            "token": self._token,
            "string": self._string,
            "uri": self._uri,
            "reference": self._reference,
            "date": self._date,
            "number": self._number,
            "quantity": self._quantity,
            "composite": self._composite,
            "special": self._near,
        }

    def node(self, type: str | None, name: str, value: str, depth: int = 0) -> Node:
        """Return the node of ``name=value`` for resources of a type (None = any). Raises: BadRequest."""
        if depth == 0:
            self._links = 0
        self._links += 1
        if depth > self._options.chain_depth_max:
            raise faults.too_deep(name, self._options.chain_depth_max)
        if self._links > self._options.chain_width_max:  # target.based-on.based-on.code has thousands of readings
            raise faults.too_wide(name)
        if name.startswith("_has:"):
            return self._has(type, name, value, depth)
        head, dot, rest = name.partition(".")
        if dot:
            return self._chain(type, head, rest, value, depth)
        code, _, modifier = head.partition(":")
        return self._criterion(type, code, modifier, value)

    def parameter(self, type: str | None, code: str) -> SearchParameter:
        """Return a parameter of a type. Raises: BadRequest with the nearest name."""
        known = self._options.registry.for_type(type)
        if code not in known:
            raise faults.unknown_parameter(code, type, known)
        return known[code]

    # links between resources

    def _has(self, type: str | None, name: str, value: str, depth: int) -> Node:
        parts = name.split(":", 3)
        if len(parts) != 4 or not all(parts):
            raise faults.value(name, "forme attendue _has:Type:référence:paramètre", "expected _has:Type:param:param")
        _, source, code, rest = parts
        checked_type(source)
        self._linking(source, code)
        return Has(source, code, self.node(source, rest, value, depth + 1))

    def _chain(self, type: str | None, head: str, rest: str, value: str, depth: int) -> Node:
        code, _, target = head.partition(":")
        parameter = self._linking(type, code)
        if target:
            types: Sequence[str] = (checked_type(target),)
        else:
            types = parameter.target or sorted(resource_types())
        found: dict[Node, list[str]] = {}
        for candidate in self._having(types, rest) or types[:1]:
            try:
                found.setdefault(self.node(candidate, rest, value, depth + 1), []).append(candidate)
            except faults.UnknownParameter as error:
                refused = error
        if not found:
            raise refused
        return _any([Chain(code, tuple(reached), node) for node, reached in found.items()])

    def _having(self, types: Sequence[str], rest: str) -> list[str]:
        """Return the types that have the parameter with which ``rest`` begins."""
        code = rest.partition(".")[0].partition(":")[0]
        return [t for t in types if code == "_has" or code in self._options.registry.for_type(t)]

    def _linking(self, type: str | None, code: str) -> SearchParameter:
        parameter = self.parameter(type, code)
        if parameter.type != "reference":
            raise faults.BadRequest.of(
                "search-chain-target",
                f"Le paramètre « {code} » n'est pas une référence : il ne s'enchaîne pas.",
                f"{code}: not a reference parameter",
            )
        return parameter

    # one criterion

    def _criterion(self, type: str | None, code: str, modifier: str, value: str) -> Node:
        parameter = self.parameter(type, code)
        name = f"{code}:{modifier}" if modifier else code
        if not value:
            raise faults.empty(name)
        if code in _BY_RESOURCE:
            return self._by_resource(code, modifier, value)
        if parameter.type == "special" and code != near.CODE:
            raise faults.unsupported_parameter(name)
        self._check_modifier(parameter, modifier)
        if modifier == "missing":
            return self._missing(parameter, value)
        build = self._of_type[parameter.type]
        nodes = [build(type, parameter, modifier, one) for one in self._values(name, value)]
        node = _any(nodes)
        return Not(node) if modifier in ("not", "not-in") else node

    def _check_modifier(self, parameter: SearchParameter, modifier: str) -> None:
        allowed = _MODIFIERS.get(parameter.type, _ONLY_MISSING)
        typed = parameter.type == "reference" and modifier in resource_types()
        if modifier and modifier not in allowed and not typed:
            raise faults.modifier(parameter.code, modifier, allowed)

    def _values(self, name: str, value: str) -> list[str]:
        values = split(value, ",")
        if len(values) > self._options.or_values_max:
            raise faults.too_many_values(name, self._options.or_values_max)
        if "" in values:
            raise faults.empty(name)
        return values

    def _missing(self, parameter: SearchParameter, value: str) -> Node:
        if value not in ("true", "false"):
            raise faults.value(f"{parameter.code}:missing", "true ou false est attendu", "not a boolean")
        missing = value == "true"
        nodes = tuple(Missing(name, held, missing) for name, held in self._indexed_as(parameter))
        if len(nodes) == 1:
            return nodes[0]
        return AllOf(nodes) if missing else AnyOf(nodes)

    def _indexed_as(self, parameter: SearchParameter) -> list[tuple[str, Kind]]:
        code = parameter.code
        if parameter.type == "composite":
            first = self._component(parameter, 0)
            return [(first.code, cast(Kind, first.type))]
        if parameter.type == "special":
            return [(near.LATITUDE, "number")]
        kinds: list[tuple[str, Kind]] = [(code, parameter.type)]
        if parameter.type == "reference":
            kinds.append((f"{code}:identifier", "token"))
        if parameter.type == "token":
            kinds.append((f"{code}:text", "string"))  # a concept may be a text alone
        return kinds

    def _by_resource(self, code: str, modifier: str, value: str) -> Node:
        """``_id``, ``_lastUpdated``, ``_text``, ``_content``: not index values."""
        if modifier and not (code == "_id" and modifier == "not"):
            raise faults.modifier(code, modifier, ["not"] if code == "_id" else [])
        values = self._values(code, value)
        if code == "_id":
            ids = IdIn(tuple(unescape(v) for v in values))
            return Not(ids) if modifier else ids
        if code == "_lastUpdated":
            return _any([LastUpdatedIs(*self._instant(code, v)) for v in values])
        return _any([self._full_text(code, v) for v in values])

    def _full_text(self, code: str, value: str) -> Node:
        held = self._options.full_text
        if held == "none" or (code == "_content" and held != "content"):
            raise faults.unsupported_parameter(code, "full text is not kept (setting search_full_text)")
        found = words(unescape(value))
        if not found:
            raise faults.empty(code)
        return TextIs(found, "text" if code == "_text" else "content")

    def _instant(self, code: str, value: str) -> tuple[Comparator, int, int]:
        try:
            return ranges.date(unescape(value), self._options.zone, self._options.now_ms)
        except (ValueError, OverflowError):
            raise faults.value(code, "une date est attendue, par exemple ge2026-11", "not a date") from None

    # token

    def _token(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        code = parameter.code
        if modifier == "text":
            return StringIs(f"{code}:text", self._folded(code, value))
        if modifier == "of-type":
            return _of_type(code, value)
        if modifier in ("in", "not-in", "above", "below"):
            return self._by_terminology(type, parameter, modifier, value)
        system, text = _token_parts(code, value)
        return self._token_is(type, parameter, system, text)

    def _token_is(self, type: str | None, parameter: SearchParameter, system: str | None, text: str | None) -> Node:
        data_types, systems = token_facts(parameter, type)
        if data_types == {"boolean"} and text not in ("true", "false", None):
            raise faults.value(parameter.code, "true ou false est attendu", "not a boolean")
        if system in systems:
            system = None  # the binding of the element says it: the resource does not repeat it
        forms: set[str | None] = {None if text is None else fold_token(text)}
        if text is not None and "ContactPoint" in data_types:
            forms.add(bare_number(fold_token(text)))
        return _any([TokenIs(parameter.code, system, form) for form in sorted(forms, key=str)])

    def _by_terminology(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        terminology = self._options.terminology
        name = f"{parameter.code}:{modifier}"
        if terminology is None:
            raise faults.no_terminology(name)
        if modifier in ("in", "not-in"):
            found = terminology.expand(unescape(value))
        else:
            system, code = _token_parts(name, value)
            if code is None:
                raise faults.value(name, "un code est attendu", "a code is needed")
            of = terminology.subsumed if modifier == "below" else terminology.subsuming
            found = of(system, code)
        return AnyOf(tuple(self._token_is(type, parameter, s, c) for s, c in self._capped(name, found)))

    def _capped(self, name: str, found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        codes = list(dict.fromkeys(found))
        if len(codes) > self._options.expansion_max:
            raise faults.too_many_values(name, self._options.expansion_max)
        return codes

    # the others

    def _folded(self, code: str, value: str) -> str:
        folded = fold(unescape(value))
        if not folded:
            raise faults.empty(code)
        return folded

    def _string(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        if modifier == "exact":
            return StringIs(parameter.code, unescape(value), "exact")
        return StringIs(
            parameter.code, self._folded(parameter.code, value), "contains" if modifier == "contains" else "starts"
        )

    def _uri(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        uri = unescape(value)
        if modifier == "below":
            return UriIs(parameter.code, uri, "below")
        return UriIs(parameter.code, uri, "above" if modifier == "above" else "exact")

    def _date(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        return DateIs(parameter.code, *self._instant(parameter.code, value))

    def _number(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        found = _number(parameter.code, unescape(value))
        return NumberIs(parameter.code, found.comparator, *found.floats(float(found.low), float(found.high)))

    def _quantity(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        parts = [unescape(p) for p in split(value, "|")]
        if len(parts) not in (1, 3):
            raise faults.value(parameter.code, "forme attendue nombre|système|code", "expected number|system|code")
        found = _number(parameter.code, parts[0])
        system, code = (parts[1] or None, parts[2] or None) if len(parts) == 3 else (None, None)
        node = QuantityIs(
            parameter.code, found.comparator, *found.floats(float(found.low), float(found.high)), system, code
        )
        canonical = ucum.canonical(code) if code and system == ucum.SYSTEM else None
        if canonical is None:
            return node
        low, high = found.floats(canonical.of(found.low), canonical.of(found.high))
        return replace(node, canonical_low=low, canonical_high=high, canonical_code=canonical.code)

    def _reference(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        code, text = parameter.code, unescape(value)
        if modifier == "identifier":
            system, identifier = _token_parts(code, value)
            return TokenIs(f"{code}:identifier", system, identifier if identifier is None else fold_token(identifier))
        if ID.fullmatch(text):
            only = parameter.target[0] if len(parameter.target) == 1 else None
            return ReferenceIs(code, modifier or only, text)
        type_, id_, url, version = local_or_foreign(text, self._options.bases)
        if modifier and type_ != modifier:
            raise faults.value(code, f"une référence à {modifier} est attendue", f"not a reference to {modifier}")
        if url is not None:
            if ":" not in url:
                raise faults.value(code, "une référence Type/id ou une URL est attendue", "not a reference")
            return ReferenceIs(code, url=url, version=version)
        local = ReferenceIs(code, type_, id_, version=version)
        if ":" in text and reads_canonical(parameter, type):
            return AnyOf(
                (local, ReferenceIs(code, url=text))
            )  # a canonical stays an URL even where it begins with ours
        return local

    def _near(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        try:
            disc = near.disc([unescape(p) for p in split(value, "|")], self._options.near_km)
        except ValueError:
            expected = f"latitude|longitude|distance|unité ({', '.join(near.UNITS_KM)})"
            raise faults.value(parameter.code, f"forme attendue {expected}", "not a place and a distance") from None
        return near.node(disc)

    def _composite(self, type: str | None, parameter: SearchParameter, modifier: str, value: str) -> Node:
        parts = split(value, "$")
        if len(parts) != len(parameter.components) or "" in parts:
            expected = len(parameter.components)
            raise faults.value(parameter.code, f"{expected} valeurs séparées par « $ »", f"expected {expected} parts")
        aliases = [self._component(parameter, number) for number in range(len(parts))]
        nodes = [self._of_type[alias.type](None, alias, "", part) for alias, part in zip(aliases, parts, strict=True)]
        return SameGroup(tuple(nodes))

    def _component(self, parameter: SearchParameter, number: int) -> SearchParameter:
        """Return a component as the parameter under which its values are indexed."""
        component = parameter.components[number]
        definition = self._options.registry.by_url(component.definition)
        if definition is None:
            raise faults.unsupported_parameter(parameter.code, f"unknown component {component.definition}")
        return replace(definition, code=f"{parameter.code}${number}", base=(), expression="")


_Build: TypeAlias = Callable[[str | None, SearchParameter, str, str], Node]
_BY_RESOURCE = frozenset({"_id", "_lastUpdated", *CONTENT})


def checked_type(name: str) -> str:
    """Return a resource type. Raises: BadRequest (``search-unknown-type``) with the nearest name."""
    if name not in resource_types():
        raise faults.unknown_type(name, resource_types())
    return name


@lru_cache(maxsize=4096)
def token_facts(parameter: SearchParameter, type: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """Return the data types a token parameter reads in a type, and the systems that its codes imply (R4, #token)."""
    if type is None or not parameter.expression:
        return frozenset(), frozenset()
    try:
        data_types = leaf_types(parameter, type)
        found = [] if data_types == {"boolean"} else paths(parse(parameter.expression), type, type)
    except Unsupported:
        return frozenset(), frozenset()
    if any(kind(data_type) != "primitive-type" for data_type in data_types):
        return data_types, frozenset()
    elements = [element_of(path, type) for path in found]
    systems = {system for e in elements if e and e.value_set for system in implied_systems(e.value_set)}
    return data_types, frozenset(systems)


@lru_cache(maxsize=1024)
def reads_canonical(parameter: SearchParameter, type: str | None) -> bool:
    """Return whether a reference parameter also reads canonical URLs in a type."""
    if type is None or not parameter.expression:
        return False
    try:
        return not leaf_types(parameter, type).isdisjoint(("canonical", "uri", "url"))
    except Unsupported:
        return False


def _token_parts(name: str, value: str) -> tuple[str | None, str | None]:
    """Return ``(system, code)``: system None = any and "" = none; code None = any."""
    parts = [unescape(p) for p in split(value, "|", 1)]
    if len(parts) == 1:
        return None, parts[0]
    system, code = parts
    if not system and not code:
        raise faults.empty(name)
    return system, code or None


def _of_type(code: str, value: str) -> Node:
    parts = [unescape(p) for p in split(value, "|")]
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise faults.value(f"{code}:of-type", "forme attendue système|type|valeur", "expected system|code|value")
    system, type_code, text = parts
    return TokenIs(f"{code}:of-type", system or None, f"{fold_token(type_code)}|{fold_token(text)}")


def _number(name: str, text: str) -> ranges.NumberRange:
    try:
        return ranges.number(text)
    except ValueError:
        raise faults.value(name, "un nombre est attendu, par exemple gt5.4", "not a decimal") from None


def _any(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else AnyOf(tuple(nodes))
