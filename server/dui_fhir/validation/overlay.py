"""The check of a profile: one closure per constrained element, run after the base check of R4."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dui_fhir.definitions.elements import resource_types
from dui_fhir.validation.bindings import Binding, binding
from dui_fhir.validation.faults import Blocked, Path, Report
from dui_fhir.validation.invariants import Rule, rule
from dui_fhir.validation.items import Item, ItemCheck, ManyCheck, Visit, items_of, visits
from dui_fhir.validation.library import Library, keep
from dui_fhir.validation.matching import fits, same
from dui_fhir.validation.narrative import language_fault
from dui_fhir.validation.relative import outside_duration
from dui_fhir.validation.spec import Spec, TypeRule
from dui_fhir.validation.targets import Targets


class Overlay:
    """The compiled checks of the profiles of one library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.targets = Targets(self)
        self._roots: dict[str, ItemCheck | None] = {}

    def profile(self, canonical: str) -> ItemCheck | None:
        """Return the check of a profile on a resource or a data type; None where the profile is not known."""
        try:
            return self._roots[canonical]
        except KeyError:
            spec = self.library.spec(canonical)
            return keep(self._roots, canonical, None if spec is None else self.element(_without_url(spec)))

    def check_any_version(self, canonical: str, item: Item, report: Report) -> None:
        """Report what breaks a definition of which any version will do: the url of an extension cannot name one.

        The version that the url is taken for speaks first, and alone where none is followed.
        """
        check = self.profile(canonical)
        if check is None:
            report.profile_unknown(canonical, item.path)
            return
        if report.stops:
            others = (self.profile(other) for other in self.library.other_versions(canonical))
            if not self.passes(check, item, report) and not any(
                other is not None and self.passes(other, item, report) for other in others
            ):
                check(item, report)
            return
        before = len(report.issues)
        check(item, report)
        if not any(issue.blocking for issue in report.issues[before:]):
            return
        for version in self.library.other_versions(canonical):
            inner = self.profile(version)
            if inner is not None and self.passes(inner, item, report):
                del report.issues[before:]
                inner(item, report)
                return

    def conforms(self, item: Item, canonical: str, report: Report) -> bool | None:
        """Return whether an item follows a profile, without reporting; None where the profile is not known."""
        if self.library.is_base(canonical):
            return self.library.type_of(canonical) in (item.type, "Resource", "DomainResource", "Element")
        check = self.profile(canonical)
        if check is None:
            return None
        wanted = self.library.type_of(canonical)
        if wanted != item.type and not (item.value.__class__ is dict and item.type.startswith(f"{wanted}.")):
            return False
        if item.type not in resource_types():
            return self.passes(check, item, report)
        mark = (id(item.value), canonical, report.depth)
        if mark not in report.verdicts:
            report.verdicts[mark] = True  # a circle of references holds unless another fault breaks it
            report.verdicts[mark] = self.passes(check, item, report)
        return report.verdicts[mark]

    def passes(self, check: ItemCheck, item: Item, report: Report) -> bool:
        """Return whether a check finds nothing blocking, without reporting."""
        silent = report.silent()
        try:
            check(item, silent)
        except Blocked:
            return False
        finally:
            report.steps = silent.steps
        return True

    def element(self, spec: Spec) -> ItemCheck:
        """Compile the check of one item of an element: its value, then its children."""
        checks = [
            c for c in (self._types(spec), _values(spec), _limits(spec), _bound(spec), _rules(spec)) if c is not None
        ]
        if spec.valued or spec.instead:
            checks.append(_valued(spec.instead))
        if spec.languages:
            checks.append(_languages(spec.languages))
        inner = [self._visit(child) for child in spec.children.values() if not child.says_nothing]
        if inner:
            children = visits(inner)
            checks.append(_inside_resource(children) if spec.name in ("contained", "resource") else children)
        if not checks:
            return _nothing
        return checks[0] if len(checks) == 1 else _all(checks)

    def _visit(self, spec: Spec) -> Visit:
        own = self.element(spec)
        each = self._sliced(spec, own)
        required = any(s.min for s in spec.slices.values())
        alone = not spec.slices and (spec.min or 0) < 2 and spec.max != 0
        return Visit(
            name=spec.name,
            each=_counted(spec, each),
            one=own if alone else None,
            every=own if alone and spec.max is None else None,
            absent=_absent(spec) if spec.min or required else None,
            inert=own is _nothing and alone and spec.max is None,
        )

    def items(self, spec: Spec) -> ManyCheck:
        """Compile the check of all items of an element: each one, then the slices they fall into."""
        return self._sliced(spec, self.element(spec))

    def _sliced(self, spec: Spec, own: ItemCheck) -> ManyCheck:
        from dui_fhir.validation.slicing import slices_check

        sliced = slices_check(self, spec) if spec.slices else None

        def check(items: list[Item], report: Report) -> None:
            for item in items:
                own(item, report)
            if sliced is not None:
                sliced(items, report)

        return check

    def _types(self, spec: Spec) -> ItemCheck | None:
        if not spec.types:
            return None
        by_code: dict[str, list[TypeRule]] = {}
        for allowed in spec.types:
            by_code.setdefault(allowed.code, []).append(allowed)
        plain = {c for c, rules in by_code.items() if not any(r.profiles or r.targets for r in rules)}
        checks = {code: self._profiled(rules) for code, rules in by_code.items()}
        any_type = self._profiled(list(spec.types))
        open_ended = bool(by_code.keys() & {"Element", "BackboneElement", "Resource", "DomainResource"})

        def check(item: Item, report: Report) -> None:
            if item.type in plain:
                return
            typed = checks.get(item.type)
            if typed is not None:
                typed(item, report)
            elif "." in item.type or open_ended or not item.type:
                any_type(item, report)
            else:
                report.profile_type(item.type, sorted(by_code), item.path)

        return check

    def _profiled(self, rules: list[TypeRule]) -> ItemCheck:
        profiles = [p for r in rules for p in r.profiles]
        targets = [t for r in rules for t in r.targets]
        aggregation = [a for r in rules for a in r.aggregation]
        one_of = self._one_of(profiles)

        def check(item: Item, report: Report) -> None:
            if item.value.__class__ is not dict:
                return
            if one_of is not None:
                one_of(item, report)
            if targets and item.type == "Reference":
                self.targets.check(item, targets, aggregation, report)

        return check

    def _one_of(self, profiles: list[str]) -> ItemCheck | None:
        if not profiles:
            return None
        known = [p for p in profiles if not self.library.is_base(p)]
        bases = [str(self.library.type_of(p)) for p in profiles] if len(known) < len(profiles) else []
        rest = self._follows(known[0]) if len(known) == 1 else self._follows_one(known)

        def check(item: Item, report: Report) -> None:
            if item.type in bases or "Resource" in bases:
                return
            rest(item, report)

        return self._extension_of(profiles[0], check) if len(profiles) == 1 else check

    def _extension_of(self, profile: str, check: ItemCheck) -> ItemCheck:
        """Extensions of one profile have its url; those that the base check compares with it are not compared again."""
        url = profile.partition("|")[0]
        by_base: list[bool] = []

        def extension(item: Item, report: Report) -> None:
            if item.type != "Extension":
                check(item, report)
            elif item.value.get("url") != url:
                report.not_fixed((item.path, "url"), url)
            elif report.extension is None:
                check(item, report)
            else:
                if not by_base:
                    by_base.append(self.library.structure(url) is self.library.structure(profile))
                if not by_base[0]:
                    check(item, report)

        return extension

    def _follows(self, profile: str) -> ItemCheck:
        def check(item: Item, report: Report) -> None:
            inner = self.profile(profile)
            wanted = self.library.type_of(profile)
            if inner is None:
                report.profile_unknown(profile, item.path)
            elif item.type == wanted:
                inner(item, report)
            elif item.type in resource_types():
                report.profile_type(item.type, [str(wanted)], item.path)

        return check

    def _follows_one(self, profiles: list[str]) -> ItemCheck:
        def check(item: Item, report: Report) -> None:
            verdicts = [self.conforms(item, p, report) for p in profiles]
            if True not in verdicts and None not in verdicts:
                report.no_profile(profiles, item.path)

        return check


def _nothing(item: Item, report: Report) -> None:
    """The check of an element of which only the presence matters."""


def _all(checks: list[ItemCheck]) -> ItemCheck:
    def check(item: Item, report: Report) -> None:
        for one in checks:
            one(item, report)

    return check


def _counted(spec: Spec, each: ManyCheck) -> Callable[[list[Item], Path, Report], None]:
    name, minimum, maximum = spec.name, spec.min, spec.max
    if (minimum or 0) < 2 and maximum is None:
        return lambda items, path, report: each(items, report)

    def check(items: list[Item], path: Path, report: Report) -> None:
        _count(len(items), name, minimum, maximum, path, report)
        each(items, report)

    return check


def _absent(spec: Spec) -> Callable[[Path, Report], None]:
    def tell(path: Path, report: Report) -> None:
        if spec.min:
            report.missing(spec.name, path)
        for piece in spec.slices.values():
            if piece.min:
                report.missing(f"{spec.name}:{piece.slice}", path)

    return tell


def _without_url(spec: Spec) -> Spec:
    """Leave out the url of an extension: its definition was found by it."""
    if spec.name != "Extension" or "url" not in spec.children:
        return spec
    return replace(spec, children={n: c for n, c in spec.children.items() if n != "url"})


def _inside_resource(children: ItemCheck) -> ItemCheck:
    """The checks of the elements of a contained or bundled resource, which is their ``%resource``."""

    def check(item: Item, report: Report) -> None:
        outer = report.resource, report.root
        if item.type in resource_types():
            report.resource = item.value
            if isinstance(item.path, str) or item.path[1] == "resource":
                report.root = item.value
        children(item, report)
        report.resource, report.root = outer

    return check


def _count(count: int, name: str, minimum: int | None, maximum: int | None, path: Path, report: Report) -> None:
    if minimum is not None and count < minimum:
        report.missing(name, path)
    if maximum is not None and 0 <= maximum < count:
        report.too_many(name, maximum, path)


def _values(spec: Spec) -> ItemCheck | None:
    if spec.fixed is None and spec.pattern is None:
        return None
    fixed, pattern = spec.fixed, spec.pattern

    def check(item: Item, report: Report) -> None:
        if fixed is not None and not same(fixed, item.value):
            report.not_fixed(item.path, fixed)
        if pattern is not None and not fits(pattern, item.value):
            report.not_fixed(item.path, pattern)

    return check


def _limits(spec: Spec) -> ItemCheck | None:
    longest, shortest, low, high = spec.max_length, spec.min_length, spec.low, spec.high
    if all(fact is None for fact in (longest, shortest, low, high)):
        return None

    def check(item: Item, report: Report) -> None:
        size = len(item.value) if isinstance(item.value, str) else None
        if size is not None and longest is not None and size > longest:
            report.bad_value(item.type, item.path, f"longer than {longest}")
        if size is not None and shortest is not None and size < shortest:
            report.bad_value(item.type, item.path, f"shorter than {shortest}")
        if item.value is not None and _outside(item.value, low, high):
            report.bad_value(item.type, item.path, "out of range")

    return check


def _valued(instead: tuple[str, ...]) -> ItemCheck:
    """A primitive has a value, or one of the extensions that may stand for it."""

    def check(item: Item, report: Report) -> None:
        if item.value is not None:
            return
        extensions = item.companion.get("extension") if isinstance(item.companion, dict) else None
        listed = extensions if isinstance(extensions, list) else []
        if not any(isinstance(e, dict) and e.get("url") in instead for e in listed):
            report.missing("value", item.path)

    return check


def _languages(modes: tuple[str, ...]) -> ItemCheck:
    def check(item: Item, report: Report) -> None:
        reason = language_fault(item.value, (report.resource or {}).get("language"), modes)
        if reason is not None:
            report.bad_value("Narrative", item.path, reason)

    return check


def _outside(value: Any, low: Any, high: Any) -> bool:
    if isinstance(value, str) and (isinstance(low, dict) or isinstance(high, dict)):
        return outside_duration(value, low, high)
    try:
        return bool((low is not None and value < low) or (high is not None and value > high))
    except TypeError:
        return _outside_quantity(value, low, high)


def _outside_quantity(value: Any, low: Any, high: Any) -> bool:
    bounds = [b.get("value") for b in (low, high) if isinstance(b, dict)]
    number = value.get("value") if isinstance(value, dict) else None
    if number is None or not bounds:
        return False
    least = low.get("value") if isinstance(low, dict) else None
    most = high.get("value") if isinstance(high, dict) else None
    return (least is not None and number < least) or (most is not None and number > most)


def _bound(spec: Spec) -> ItemCheck | None:
    if spec.binding is None:
        return None
    value_set, strength = spec.binding
    by_type: dict[str, Binding | None] = {}

    def check(item: Item, report: Report) -> None:
        if item.value is None:
            return
        if item.type in by_type:
            bound = by_type[item.type]
        else:
            bound = by_type[item.type] = binding(item.type, value_set, strength)
        if bound is not None:
            bound(item.value, item.path, report)

    return check


def _rules(spec: Spec) -> ItemCheck | None:
    rules: list[Rule] = [rule(c.key, c.expression, c.severity) for c in spec.constraints.values()]
    if not rules:
        return None

    def check(item: Item, report: Report) -> None:
        for one in rules:
            one(item.value, item.type, item.companion, item.path, report)

    return check


__all__ = ["Item", "ItemCheck", "Overlay", "items_of"]
