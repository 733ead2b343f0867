"""The guides (FHIR packages) of a server and those of each tenant, and what is compiled of them.

``<folder>/<id>#<version>`` is seen by all tenants, ``<folder>/tenants/<tenant>/<id>#<version>`` by one. A package added or
removed is seen at the next question, without restart: one ``stat`` of each folder tells.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dui_fhir.terminology import Terminology
from dui_fhir.terminology.concepts import Resource
from dui_fhir.validation.library import Given, Structure
from dui_fhir.validation.packages import Packages, stamp
from dui_fhir.validation.shipped import library
from dui_fhir.validation.validator import Validator

TENANTS_KEPT = 16
"""Tenants with packages of their own whose compiled profiles stay in memory, in each process."""
Stamp = tuple[int, int]


def tenant_folder(folder: Path, tenant: str) -> Path:
    """Return where the packages of one tenant are."""
    return folder / "tenants" / tenant


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known under one stamp. ``stamp`` is that of the folder of all, then that of the tenant's."""

    stamp: Stamp
    validator: Validator
    terminology: Terminology
    forms: tuple[Resource, ...] = ()
    packages: tuple[Packages, ...] = ()

    def search_parameters(self) -> list[Resource]:
        """Return the search parameters of the packages: those of the tenant first, the latest version of each package first."""
        return [r for packages in self.packages for r in reversed(list(packages.others("SearchParameter")))]

    def questionnaire(self, url: str, version: str) -> Resource | None:
        """Return a Questionnaire of the plugins, else of the packages; ``version`` empty: the last one there is."""
        packed = (q for packages in self.packages for q in reversed(list(packages.others("Questionnaire"))))
        found = (q for source in (self.forms, packed) for q in source if q.get("url") == url)
        return next((q for q in found if not version or q.get("version") == version), None)


class Guides:
    """``own``: the conformance resources of the plugins, which come before the packages; ``preferred`` as in ``library``."""

    def __init__(
        self, folder: Path | None = None, own: Iterable[Resource] = (), preferred: Mapping[str, str] | None = None
    ) -> None:
        definitions = list(own)
        self._folder = folder
        self._structures: list[Structure] = [d for d in definitions if d["resourceType"] == "StructureDefinition"]
        self._lists = [d for d in definitions if d["resourceType"] in ("CodeSystem", "ValueSet", "ConceptMap")]
        self._forms = tuple(d for d in definitions if d["resourceType"] == "Questionnaire")
        self._preferred = preferred
        self._lock = threading.Lock()
        self._shared: Known | None = None
        self._own: OrderedDict[str, Known] = OrderedDict()

    def of(self, tenant: str | None = None) -> Known:
        """Return what a tenant sees, None = one without packages of its own. The same object as long as nothing changed."""
        now = self.stamp(tenant)
        with self._lock:
            if self._shared is None or self._shared.stamp[0] != now[0]:
                self._shared = self._compiled(None, (now[0], 0))
            if tenant is None or not now[1]:
                return self._shared
            known = self._own.get(tenant)
            if known is None or known.stamp != now:
                known = self._compiled(tenant, now)
            self._own[tenant] = known
            self._own.move_to_end(tenant)
            if len(self._own) > TENANTS_KEPT:
                self._own.popitem(last=False)
            return known

    def stamp(self, tenant: str | None) -> Stamp:
        """Return what changes when a package that a tenant sees is added or removed."""
        if self._folder is None:
            return (0, 0)
        return stamp(self._folder), 0 if tenant is None else stamp(tenant_folder(self._folder, tenant))

    def _compiled(self, tenant: str | None, now: Stamp) -> Known:
        """Make what compiles lazily: the packages of the tenant come before those of all, and these before what ships."""
        folders = [] if self._folder is None else [self._folder]
        if tenant is not None and self._folder is not None:
            folders.insert(0, tenant_folder(self._folder, tenant))
        packages = [Packages(folder) for folder in folders]
        terminology = Terminology()
        for added in reversed(packages):
            terminology = terminology.over(added.terminology())
        if self._lists:
            terminology = Terminology(self._lists, terminology.registry)
        profiles = library(Given(self._structures), *packages, preferred=self._preferred)
        return Known(
            stamp=now,
            validator=Validator(profiles, terminology),
            terminology=terminology,
            forms=self._forms,
            packages=tuple(packages),
        )
