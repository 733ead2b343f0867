"""The people that the simulated INSi knows, and the search among them."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("people.json")
NIR, NIA = "1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9"


class MalformedPerson(ValueError):
    """A person that cannot be kept; the message is in French."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """An identity.

    ``birth_place`` is a COG code. ``former`` are other matricules: (number, key) or (number, key, start, end). ``fault``
    set = the service answers this error for the person.
    """

    family: str
    given: str
    born: str = ""  # AAAA-MM-JJ, lunar dates included
    sex: str = ""
    birth_place: str = ""
    number: str = ""  # 13 characters
    key: str = ""
    oid: str = NIR
    former: tuple[tuple[str, ...], ...] = ()
    fault: str = ""


class People:
    """The published test people, and those added to ``folder/personnes.json``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "personnes.json"
        self._lock = threading.Lock()
        self._published = _load(_FILE)
        self._added = _load(self._file) if self._file.exists() else {}

    def all(self) -> list[Person]:
        """Return everyone; an added person replaces the published one of the same traits."""
        with self._lock:
            return list({**self._published, **self._added}.values())

    def add(self, body: Any) -> Person:
        """Keep a person of the shape of ``people.json``.

        Raises: MalformedPerson.
        """
        person = _person(body)
        with self._lock:
            self._added[_traits(person)] = person
            rows = [asdict(p) for p in self._added.values()]
            fresh = self._file.with_suffix(".part")
            fresh.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
            fresh.replace(self._file)
        return person


def search(people: Iterable[Person], *, family: str, given: list[str], sex: str, born: str, place: str) -> list[Person]:
    """Return those whose birth name, date and sex are exactly these, and who bear every given name.

    The published rule is not complete: a given name counts wherever it stands in the list, and a birth place is only
    compared where it is known on both sides.
    """
    asked = {name for names in given for name in names.split()}
    return [
        person
        for person in people
        if (person.family, person.born, person.sex) == (family, born, sex)
        and asked <= set(person.given.split())
        and (not place or not person.birth_place or place == person.birth_place)
    ]


def _traits(person: Person) -> tuple[str, ...]:
    return person.family, person.given, person.born, person.sex


def _load(file: Path) -> dict[tuple[str, ...], Person]:
    return {_traits(p): p for p in map(_person, json.loads(file.read_text(encoding="utf-8")))}


def _person(body: Any) -> Person:
    known = {field.name for field in fields(Person)}
    if not isinstance(body, Mapping) or set(body) - known or not (body.get("family") and body.get("given")):
        raise MalformedPerson(f"attendu : family, given et au choix {', '.join(sorted(known - {'family', 'given'}))}")
    former = body.get("former", ())
    texts = {name: value for name, value in body.items() if name != "former"}
    if not all(isinstance(value, str) for value in texts.values()) or not _former(former):
        raise MalformedPerson(
            "chaque valeur est un texte ; former est une liste de [numéro, clé] ou [numéro, clé, début, fin]"
        )
    return Person(**texts, former=tuple(tuple(map(str, one)) for one in former))


def _former(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(one, list | tuple) and len(one) in (2, 4) for one in value
    )
