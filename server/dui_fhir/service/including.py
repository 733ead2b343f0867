"""_include and _revinclude: what a page of matches joins. Source: FHIR R4, search.html#include.

What the limits leave out is said: an answer that is silently short is taken for the whole.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from dui_fhir.domain.issues import Issue
from dui_fhir.domain.version import Version
from dui_fhir.search.includes import Include, reverse_query
from dui_fhir.search.parse import ParsedSearch
from dui_fhir.service.engine import Call

_Key: TypeAlias = tuple[str, str]


class Including:
    """The resources that one page includes, none of the matches again: :attr:`versions`; and what was left out: :attr:`issues`."""

    def __init__(self, call: Call, wanted: ParsedSearch, matches: Iterable[Version]) -> None:
        self._call, self._wanted = call, wanted
        self._limit = int(call.engine.settings.search_includes_max)
        self._issues: dict[str, Issue] = {}
        self.versions: dict[_Key, Version] = {}
        if wanted.includes or wanted.revincludes:
            self._collect({(v.type, v.id): v for v in matches})

    @property
    def issues(self) -> tuple[Issue, ...]:
        """One warning per limit that was met."""
        return tuple(self._issues.values())

    def _collect(self, matches: dict[_Key, Version]) -> None:
        seen, fresh = dict(matches), matches
        rounds = int(self._call.engine.settings.search_iterate_max)
        for round in range(rounds):
            found = self._unseen(fresh, seen, first=round == 0)
            room = self._limit - len(self.versions)
            if len(found) > room:
                self._cut()
            fresh = dict(list(found.items())[:room])
            self.versions |= fresh
            seen |= fresh
            if not fresh:
                return
        if self._unseen(fresh, seen, first=False):
            self._issues["iterate"] = _issue(
                "search-iterate-cut",
                f"« :iterate » suit au plus {rounds} tours de références : il en manque.",
                "setting search_iterate_max",
            )

    def _cut(self) -> None:
        self._issues["includes"] = _issue(
            "search-includes-cut",
            f"Une page joint au plus {self._limit} ressources (_include, _revinclude) : il en manque. Demandez des pages plus"
            " petites (_count).",
            "setting search_includes_max",
        )

    def _unseen(self, sources: dict[_Key, Version], seen: dict[_Key, Version], *, first: bool) -> dict[_Key, Version]:
        return {key: version for key, version in self._round(sources, first=first) if key not in seen}

    def _round(self, sources: dict[_Key, Version], *, first: bool) -> Iterator[tuple[_Key, Version]]:
        for include in self._wanted.includes:
            if first or include.iterate:
                yield from self._forward(include, sources)
        for include in self._wanted.revincludes:
            if first or include.iterate:
                yield from self._reverse(include, sources)

    def _forward(self, include: Include, sources: dict[_Key, Version]) -> Iterator[tuple[_Key, Version]]:
        store = self._call.store
        chosen = [key for key in sources if include.source in (None, key[0])]
        targets = store.targets(chosen, include.param, (include.target,) if include.target else ()) if chosen else ()
        # one more than may be shown tells that something is left out; matches are among the targets too
        read = targets[: self._limit + len(sources) + len(self.versions) + 1]
        for key, version in store.read_many(read).items():
            if not version.deleted:
                yield key, version

    def _reverse(self, include: Include, sources: dict[_Key, Version]) -> Iterator[tuple[_Key, Version]]:
        if not sources:
            return
        page = self._call.store.search(reverse_query(include, sources, self._call.options.registry, self._limit))
        if page.next is not None:
            self._cut()
        for version in page.matches:
            yield (version.type, version.id), version


def _issue(id: str, text: str, diagnostics: str) -> Issue:
    return Issue(severity="warning", code="incomplete", id=id, text=text, diagnostics=diagnostics)
