"""References between the entries of a transaction become references to what is stored.

Source: FHIR R4, http.html#trules (replace in references, in uri, url, oid and uuid elements, in links of narratives, never
in canonicals) and bundle.html#references (a relative reference starts at the base of its entry's ``fullUrl``).
"""

import re
from collections.abc import Callable, Mapping
from operator import is_not
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.reference import Reference
from dui_fhir.domain.value import dataclass
from dui_fhir.service.owner import IMPERSONAL

Resolve = Callable[[str], str | None]

_URI_KEYS = frozenset({"url", "uri", "source", "valueUri", "valueUrl", "valueOid", "valueUuid", "system"})
_TEXT_KEYS = _URI_KEYS | {"reference", "div"}
_CONTAINERS = frozenset((dict, list))
_CRITERIA = re.compile(r"[A-Z][A-Za-z]+\?")
_LINK = re.compile(r"""(\b(?:href|src)\s*=\s*)(["'])(.*?)\2""", re.S)


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """What the entries of a transaction are called. ``targets``: ``fullUrl`` → ``Type/id`` once stored; ``criteria``:
    conditional reference (``Patient?identifier=…``) → ``Type/id``; ``base_url``: our own base."""

    targets: Mapping[str, str]
    criteria: Mapping[str, str]
    base_url: str

    def rewrite(self, resource: Resource, full_url: str | None, created: bool) -> Resource:
        """Return the resource with its references rewritten; the one given is not changed.

        ``created``: its own id changes on the way in (POST), so a relative reference to a person's resource that stays
        behind is written as the absolute URL it stands for: here it would name another resource, maybe another person's.
        """
        foreign = self.foreign_base(full_url)
        base = foreign or self.base_url
        keep_behind = created and foreign is not None

        def resolve(text: str) -> str | None:
            return self._resolve(text, base, keep_behind)

        result: Resource = _rewritten(resource, resolve, self.targets.get)
        return result

    def foreign_base(self, full_url: str | None) -> str | None:
        """Return the base of the server that an entry comes from, None where it is ours or not told."""
        own = Reference.parse(full_url) if full_url else None
        return own.base if own is not None and own.base not in (None, self.base_url) else None

    def _resolve(self, text: str, base: str, keep_behind: bool) -> str | None:
        direct = self.targets.get(text) or self.criteria.get(text)
        if direct is not None:
            return direct
        target = Reference.parse(text)
        if target is None:
            return None
        absolute = f"{target.base or base}/{target}"
        found = self.targets.get(absolute)
        if found is not None:
            return found
        if target.base is None and keep_behind and target.type not in IMPERSONAL:
            return absolute
        return None


def _rewritten(value: Any, reference: Resolve, uri: Resolve) -> Any:
    """Return the value with texts replaced; what does not change is shared with the original."""
    if value.__class__ is dict:
        result = value
        for key, old in value.items():
            if old.__class__ is str:
                new = _text(key, old, reference, uri) if key in _TEXT_KEYS else old
            elif old.__class__ is dict or old.__class__ is list:
                new = _rewritten(old, reference, uri)
            else:
                continue
            if new is not old:
                result = {**value} if result is value else result
                result[key] = new
        return result
    if value.__class__ is list:
        items = [_rewritten(item, reference, uri) for item in value]
        return items if any(map(is_not, items, value)) else value
    return value


def _text(key: str, value: str, reference: Resolve, uri: Resolve) -> str:
    if key == "reference":
        return _or(reference(value), value)
    if key == "div":
        return _narrative(value, uri) if "href" in value or "src" in value else value
    return _or(uri(value), value)


def _or(new: str | None, old: str) -> str:
    return old if new is None else new


def _narrative(div: str, uri: Resolve) -> str:
    return _LINK.sub(lambda m: f"{m[1]}{m[2]}{_or(uri(m[3]), m[3])}{m[2]}", div)


def conditional_references(value: Any) -> set[str]:
    """Return the texts of references that hold criteria: ``Type?…``."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if item.__class__ is dict:
            text = item.get("reference")
            if text.__class__ is str and "?" in text and _CRITERIA.match(text):
                found.add(text)
            waiting += [child for child in item.values() if child.__class__ in _CONTAINERS]
        elif item.__class__ is list:
            waiting += [child for child in item if child.__class__ in _CONTAINERS]
    return found
