"""Version ranges of manifests: ``>=0.1,<1``."""

import re
from collections.abc import Callable, Mapping

_CLAUSE = re.compile(r"(>=|<=|==|~=|>|<)?([0-9.]+)")

_TESTS: Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": lambda have, want: have >= want,
    "<=": lambda have, want: have <= want,
    ">": lambda have, want: have > want,
    "<": lambda have, want: have < want,
    "==": lambda have, want: have == want,
    "~=": lambda have, want: have >= want and have[:1] == want[:1],
}


def accepts(spec: str, version: str) -> bool:
    """Return True where ``version`` satisfies every clause; a clause without operator means ``==``."""
    have = _numbers(version)
    return all(_TESTS[operator or "=="](have, _numbers(number)) for operator, number in _CLAUSE.findall(spec))


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(n) for n in re.findall(r"\d+", re.split(r"[-+a-z]", version, maxsplit=1)[0])]
    return tuple(found + [0] * (3 - len(found)))
