"""Read JSON files of a plugin and check them against the schemas of ``plugin_kit/schemas``, in plain French."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from dui_fhir.domain import json
from dui_fhir.plugin_host.fault import Fault
from dui_fhir.plugin_host.predicate import Predicate, compile_schema

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

SCHEMAS = Path(__file__).parents[1] / "plugin_kit" / "schemas"


def read(file: Path, name: str) -> tuple[Any, list[Fault]]:
    """Return the JSON value of ``file`` and its faults; ``name`` is how faults call it. The value is None with a fault."""
    try:
        return json.loads(file.read_bytes()), []
    except OSError as error:
        return None, [Fault(file=name, text=f"fichier illisible ({error.strerror})")]
    except ValueError as error:
        return None, [
            Fault(file=name, path=_position(error), text="ce n'est pas du JSON correct (virgule, guillemet ?)")
        ]


def _position(error: ValueError) -> str:
    if isinstance(error, orjson.JSONDecodeError):
        return f"ligne {error.lineno}, colonne {error.colno}"
    return ""


def validate(value: Any, schema: str, name: str) -> list[Fault]:
    """Return the faults of ``value`` against the schema file ``schema`` (``rule-schema``), all of them."""
    if _predicate(schema)(value):
        return []
    errors = sorted(_validator(schema).iter_errors(value), key=lambda e: [str(p) for p in e.absolute_path])
    return [Fault(file=name, path=_path(error), text=text) for error in errors for text in _french(error)]


@cache
def _predicate(schema: str) -> Predicate:
    """Return the compiled form: most files are correct, and jsonschema would take milliseconds for each."""
    return compile_schema(inlined(schema))


@cache
def _validator(schema: str) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator  # 60 ms, needed only to say what is wrong

    return Draft202012Validator(inlined(schema))


def inlined(schema: str) -> Any:
    """Return one of our schemas with its references to ``$defs`` replaced; none of ours is recursive."""
    whole = _load(schema)
    return _inlined(whole, whole)


def _inlined(part: Any, root: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(item, root) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        _, _, name = part["$ref"].partition("#/$defs/")
        root = _load("declaration") if part["$ref"].startswith("urn:") else root
        return _inlined(root["$defs"][name], root)
    return {key: _inlined(value, root) for key, value in part.items() if key != "$defs"}


@cache
def _load(schema: str) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads((SCHEMAS / f"{schema}.schema.json").read_bytes())
    return value


def _path(error: "ValidationError") -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).removeprefix(".")


_TYPES = {
    "object": "un objet", "array": "une liste", "string": "un texte", "boolean": "true ou false", "number": "un nombre",
    "integer": "un entier",
}  # fmt: skip


def _french(error: "ValidationError") -> Iterator[str]:
    known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    match error.validator:
        case "required":
            yield f"il manque le champ « {_missing(error)} »"
        case "additionalProperties":
            yield from (
                f"champ inconnu « {name} »{_nearest(name, known)}" for name in error.instance if name not in known
            )
        case "enum":
            yield f"« {error.instance} » n'est pas permis ; valeurs possibles : {', '.join(map(str, error.validator_value))}"
        case "type":
            yield f"il faut {_TYPES.get(str(error.validator_value), str(error.validator_value))} ici"
        case "pattern":
            yield f"« {error.instance} » n'a pas la forme attendue{_meaning(error)}"
        case "minLength" | "minItems" | "minProperties":
            yield f"trop court ou vide{_meaning(error)}"
        case "anyOf" | "oneOf":
            yield f"la valeur n'a aucune des formes permises{_meaning(error)}"
        case _:
            yield f"valeur refusée par la contrainte « {error.validator} »{_meaning(error)}"


def _missing(error: "ValidationError") -> str:
    # one error per missing name: jsonschema puts the name first in its message, between quotes
    return next((n for n in error.validator_value if n not in error.instance and f"'{n}'" in error.message), "?")


def _nearest(name: str, known: dict[str, Any]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f" ; vouliez-vous dire « {near[0]} » ?" if near else ""


def _meaning(error: "ValidationError") -> str:
    description = error.schema.get("description") if isinstance(error.schema, dict) else None
    return f" : {description}" if description else ""
