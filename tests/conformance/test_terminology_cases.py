"""The official terminology cases and how an answer is compared with the expected one.

Rules of the source (FHIR/fhir-tx-ecosystem-ig): the order of arrays does not matter, ``$optional$`` marks what may be
missing, ``$uuid$``, ``$external:…$`` and the like stand for patterns.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain.errors import DuiError
from dui_fhir.terminology import requests
from dui_fhir.terminology.builtin import builtin
from dui_fhir.terminology.registry import Registry

BAR = 0.90
FOLDER = Path(__file__).resolve().parents[3] / "shared" / "reference" / "fhir-test-cases" / "tx"
NOW = "2026-01-01T00:00:00Z"
REPEATING = {
    "property", "designation", "system-version", "check-system-version", "force-system-version",
    "default-valueset-version", "useSupplement", "tx-resource",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One official case."""

    suite: str
    setup: tuple[str, ...]
    row: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.suite}/{self.row['name']}"


def read(path: str) -> Any:
    return json.loads((FOLDER / path).read_text(encoding="utf-8-sig"))


def cases() -> Iterator[Case]:
    for suite in read("test-cases.json")["suites"]:
        for row in suite["tests"]:
            yield Case(suite["name"], tuple(suite["setup"]), row)


@cache
def resource(path: str) -> Any:
    return read(path)


def parameters(case: Case) -> dict[str, Any]:
    """The request as the service hands it over, a language of the header standing in for ``displayLanguage``."""
    rows = list(read(case.row["request"])["parameter"])
    if "profile" in case.row:
        rows += read(case.row["profile"])["parameter"]
    found: dict[str, Any] = {}
    for row in rows:
        value = row["resource"] if "resource" in row else next(v for k, v in row.items() if k.startswith("value"))
        if row["name"] in REPEATING:
            found.setdefault(row["name"], []).append(value)
        else:
            found[row["name"]] = value
    language = case.row.get("Accept-Language")
    if language and "displayLanguage" not in found:
        found["displayLanguage"] = language
    return found


def answer(case: Case, base: Registry) -> dict[str, Any]:
    """What this server answers; an error in the form of an OperationOutcome in English."""
    registry = base.over([resource(path) for path in case.setup])
    given = parameters(case)
    try:
        match case.row["operation"]:
            case "expand":
                return requests.expand(registry, given, NOW, codes_max=1000)
            case "validate-code":
                return requests.validate_in_set(registry, given, "en")
            case "cs-validate-code":
                return requests.validate_in_system(registry, given, "en")
            case "lookup":
                return requests.describe(registry, given)
            case "translate":
                return requests.convert(registry, given)
            case other:
                return {"resourceType": "OperationOutcome", "issue": [], "unserved": other}
    except DuiError as error:
        issues = [{"severity": i.severity, "code": i.code, "details": {"text": i.diagnostics}} for i in error.issues]
        return {"resourceType": "OperationOutcome", "issue": issues}


def expected(case: Case) -> list[dict[str, Any]]:
    names = ("response", "response2", "response:flat")
    return [read(case.row[n]) for n in names if n in case.row and (FOLDER / case.row[n]).exists()]


def difference(case: Case, base: Registry) -> str | None:
    """Why the answer is not the expected one, None where it is."""
    given = answer(case, base)
    found = [_differs(_outcome(want), given, case.name) for want in expected(case)]
    return None if None in found else found[0]


def _outcome(want: dict[str, Any]) -> dict[str, Any]:
    """Of an error, what every server has in common: severity, code and text; its own identifiers are its own."""
    if want["resourceType"] != "OperationOutcome":
        return want
    issues = [i for i in want["issue"] if i["severity"] == "error"]
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {k: i[k] for k in ("severity", "code")} | {"details": {"text": i["details"]["text"]}} for i in issues
        ],
    }


def _differs(want: Any, given: Any, at: str) -> str | None:
    if isinstance(want, dict) and isinstance(given, dict):
        return _object(want, given, at)
    if isinstance(want, list) and isinstance(given, list):
        return _array(want, given, at)
    if isinstance(want, str) and isinstance(given, str):
        return None if _text(want, given) else f"{at}: want {want!r}, got {given!r}"
    return None if want == given and type(want) is type(given) else f"{at}: want {want!r}, got {given!r}"


def _object(want: dict[str, Any], given: dict[str, Any], at: str) -> str | None:
    optional = set(want.get("$optional-properties$", ()))
    wanted = {k: v for k, v in want.items() if not k.startswith("$")}
    for name, value in wanted.items():
        if name not in given:
            if name in optional or _may_miss(value):
                continue
            return f"{at}.{name}: missing"
        found = _differs(value, given[name], f"{at}.{name}")
        if found is not None:
            return found
    more = set(given) - set(wanted) - optional - {"id"}
    if "expression" in given and given.get("location") == given["expression"]:
        more -= {"location"}  # R4 has both, R5 only the other
    return f"{at}: more {sorted(more)}" if more else None


def _may_miss(value: Any) -> bool:
    if isinstance(value, list):
        return all(_may_miss(v) for v in value)
    return isinstance(value, dict) and "$optional$" in value


def _array(want: list[Any], given: list[Any], at: str) -> str | None:
    left = list(given)
    reasons: list[str] = []
    for one in sorted(want, key=_may_miss):
        reasons = []
        for other in left:
            reason = _differs(one, other, at)
            if reason is None:
                left.remove(other)
                break
            reasons.append(reason)
        else:
            if not _may_miss(one):
                return (
                    f"{at}: none is {json.dumps(one)[:600]} -- closest: {max(reasons, key=len, default='empty')[:600]}"
                )
    return f"{at}: too many {json.dumps(left)[:600]}" if left else None


def _text(want: str, given: str) -> bool:
    if "$" not in want or want == given:
        return want == given
    if want in ("$$", "$id$", "$uuid$", "$instant$", "$date$", "$token$", "$version$", "$string$"):
        return True
    kind, _, rest = want.strip("$").partition(":")
    if kind == "external":
        return rest.partition(":")[2] in given
    if kind == "choice":
        return given in rest.split("|")
    if kind == "fragments":
        return all(part in given for part in rest.split("|"))
    return re.fullmatch(re.escape(want).replace(r"\$version\$", ".*"), given) is not None


# the verdict

REGEX = "nested repetitions are refused rather than run: they may take a time without end"
OVERLOAD = "the answer expected shows 'Display 2' for the version whose label is 'Display #2'"
R4_SOURCE = "R4 names the map in match.source (uri); the answer expected has R5's originMap"
UNQUOTED = "the text expected lacks the quotes that the same message has in the other cases"
DESIGNATION = "extensions of designations are given as they are, those that are not known too"
DISAGREEMENTS = {
    "regex-bad/expand-regex-bad": REGEX,
    "regex-bad/expand-regex-bad-2": REGEX,
    "regex-bad/validate-regex-bad-2": REGEX,
    "overload/expand-all-merged": "versionsMatch=true on includes is not served",
    "overload/expand-enum-good": OVERLOAD,
    "overload/expand-enum-bad": OVERLOAD,
    "overload/expand-exclude-versioned": OVERLOAD,
    "translate/translate-1": R4_SOURCE,
    "translate/translate-reverse": R4_SOURCE,
    "validation/validation-simple-coding-bad-system": UNQUOTED,
    "errors/unknown-system2": UNQUOTED,
    "parameters/parameters-expand-enum-definitions3": DESIGNATION,
    "extensions/extensions-echo-enumerated": DESIGNATION,
    "extensions/extensions-echo-all": "extensions of the value set are kept, as expand-enum-definitions3 expects",
    "language/language-xform-en-multi-de-hard": "displayLanguage is repeated as it was given, spaces included",
    "batch/batch-validate": "$batch-validate-code is no operation of R4",
    "batch/batch-validate-bad": "$batch-validate-code is no operation of R4",
}


@pytest.mark.skipif(not FOLDER.exists(), reason="the official terminology cases are not beside the project (../shared)")
def test_official_cases__general_suites__bar_reached_and_disagreements_known() -> None:
    found = list(cases())
    wrong = [(case.name, difference(case, builtin())) for case in found]
    differing = {name: why for name, why in wrong if why is not None}
    agreed = sum(why is None for _, why in wrong)
    by_suite = Counter(name.split("/")[0] for name in differing)
    print(f"terminology: {agreed} of {len(wrong)} cases ({agreed / len(wrong):.1%}), by suite {dict(by_suite)}")
    assert differing.keys() <= DISAGREEMENTS.keys(), differing
    assert agreed / len(wrong) >= BAR
