"""The Questionnaires that the answers of a tenant are judged by: its own, then those of the corridors and of the packages."""

from functools import lru_cache

from dui_fhir.domain.query import Query, UriIs
from dui_fhir.domain.version import Version
from dui_fhir.ports import Store
from dui_fhir.validation.forms import Form, form_of
from dui_fhir.validation.guides import Known

FORMS_KEPT = 64
"""Questionnaires held read, for each tenant, by each process."""
_FOUND_MAX = 50


class Forms:
    """See ``validation.validator.Forms``. What the tenant stores is looked for each time, so a change counts at once."""

    def __init__(self, store: Store, known: Known) -> None:
        self._store = store
        self._known = known
        self._read: dict[tuple[str, int], Form] = {}
        self._of_guides = lru_cache(maxsize=FORMS_KEPT)(self._of_known)

    def __call__(self, canonical: str) -> Form | None:
        """Return the form of a canonical; without ``|version``, the one that the tenant wrote last. Raises: Unavailable."""
        url, _, version = canonical.partition("|")
        query = Query(types=("Questionnaire",), where=UriIs("url", url), limit=_FOUND_MAX)
        fitting = [
            v for v in self._store.search(query).matches if not version or v.resource().get("version") == version
        ]
        if fitting:
            return self._form(max(fitting, key=lambda v: v.sequence))
        return self._of_guides(url, version)

    def _form(self, found: Version) -> Form:
        key = found.id, found.sequence
        form = self._read.get(key)
        if form is None:
            if len(self._read) >= FORMS_KEPT:
                self._read.clear()
            form = self._read[key] = form_of(found.resource())
        return form

    def _of_known(self, url: str, version: str) -> Form | None:
        found = self._known.questionnaire(url, version)
        return None if found is None else form_of(found)
