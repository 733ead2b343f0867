"""Call the hooks, with the error policy of each family. The only module that touches pluggy's callers.

pluggy's own call stops at the first exception and passes through all plugins. Here each implementation is called by
itself: only those of the plugins in force, in the order of the settings, so that the one that fails can be named.
"""

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import pluggy

from dui_fhir.domain.errors import Forbidden, Unauthorized, Unavailable
from dui_fhir.plugin_host.fault import PluginFailed

log = logging.getLogger("dui_fhir.plugins")


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's function for one hook."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    parameters: tuple[str, ...]

    def __call__(self, **arguments: Any) -> Any:
        return self.function(*(arguments[name] for name in self.parameters))


@dataclass
class Calls:
    """The implementations of all hooks by name, ordered as the plugins are; counts the isolated failures."""

    implementations: dict[str, tuple[Implementation, ...]]
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, manager: pluggy.PluginManager, order: Sequence[str]) -> "Calls":
        """Read the implementations registered with a manager."""
        rank = {id: position for position, id in enumerate(order)}
        found: dict[str, tuple[Implementation, ...]] = {}
        for name, caller in vars(manager.hook).items():
            if isinstance(caller, pluggy.HookCaller):
                impls = [Implementation(i.plugin_name, name, i.function, i.argnames) for i in caller.get_hookimpls()]
                found[name] = tuple(sorted(impls, key=lambda i: rank[i.plugin]))
        return cls(found)

    def each(self, hook: str, active: Collection[str] | None = None) -> Iterator[Implementation]:
        """Yield the implementations of a hook, of the plugins in ``active`` (None = all)."""
        for implementation in self.implementations[hook]:
            if active is None or implementation.plugin in active:
                yield implementation

    def collect(self, hook: str, kind: type, active: Collection[str], **arguments: Any) -> list[tuple[str, Any]]:
        """Call all, fail closed; return ``(plugin, item)`` for each item of each answer, checked to be a ``kind``.

        Raises: PluginFailed (``plugin-failed``, ``plugin-answer``), or what :meth:`strictly` lets through.
        """
        results: list[tuple[str, Any]] = []
        for implementation in self.each(hook, active):
            answer = self.strictly(implementation, **arguments)
            if answer is None or isinstance(answer, str | dict) or not isinstance(answer, Collection):
                raise _wrong_answer(implementation)
            if not all(isinstance(item, kind) for item in answer):
                raise _wrong_answer(implementation)
            results += [(implementation.plugin, item) for item in answer]
        return results

    def first(self, hook: str, active: Collection[str] | None, **arguments: Any) -> tuple[str, Any] | None:
        """Return ``(plugin, answer)`` of the first that is not None, in the order of the settings; fail closed."""
        for implementation in self.each(hook, active):
            answer = self.strictly(implementation, **arguments)
            if answer is not None:
                return implementation.plugin, answer
        return None

    def strictly(self, implementation: Implementation, **arguments: Any) -> Any:
        """Call one implementation, fail closed.

        The store not being able now, and the identity refused by ``choose_actor``, are no failures of the plugin.
        Raises: PluginFailed (``plugin-failed``), Unavailable, and from ``choose_actor`` Unauthorized and Forbidden.
        """
        passing = (Unavailable, Unauthorized, Forbidden) if implementation.hook == "choose_actor" else (Unavailable,)
        try:
            return implementation(**arguments)
        except passing:
            raise
        except Exception as error:
            _note("refused", implementation, error)
            raise PluginFailed.of(
                "plugin-failed",
                f"Le couloir « {implementation.plugin} » est en panne : rien n'a été fait. Prévenez l'exploitant.",
                f"{implementation.hook} of plugin {implementation.plugin} raised {type(error).__name__}",
            ) from error

    def isolated(self, hook: str, active: Collection[str], **arguments: Any) -> None:
        """Call all; whoever raises is logged and counted, and the others still run."""
        for implementation in self.each(hook, active):
            try:
                implementation(**arguments)
            except Exception as error:  # the write is already done: an observer cannot undo it
                _note("isolated", implementation, error)
                with self._lock:
                    self.failures[implementation.plugin, hook] += 1


def _wrong_answer(implementation: Implementation) -> PluginFailed:
    return PluginFailed.of(
        "plugin-answer",
        f"Le couloir « {implementation.plugin} » a donné une réponse incorrecte : rien n'a été fait. Prévenez l'exploitant.",
        f"{implementation.hook} of plugin {implementation.plugin} answered what docs/hooks.md forbids",
    )


def _note(outcome: str, implementation: Implementation, error: Exception) -> None:
    # frames, not the message: a message may hold data of a person
    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[1:]]
    log.error(
        "plugin %s, hook %s: %s, %s (%s)",
        implementation.plugin, implementation.hook, type(error).__name__, outcome, " < ".join(reversed(frames)),
    )  # fmt: skip
