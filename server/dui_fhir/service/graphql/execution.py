"""One GraphQL operation, from its fields to its data. Source: FHIR R4, graphql.html.

The shape of the data is checked by the tables of R4: a field that an element does not have is a fault, as in any GraphQL.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from graphql.language import ast

from dui_fhir.definitions import resource_types
from dui_fhir.definitions.children import is_primitive, keys
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import NotFound, TooLarge
from dui_fhir.service.graphql import values
from dui_fhir.service.graphql.reading import Reading
from dui_fhir.service.graphql.values import invalid
from dui_fhir.settings import Settings

_RESOURCES = ("Resource", "DomainResource")
_LIST, _CONNECTION = "List", "Connection"
Data = dict[str, Any]


class Execution:
    """Runs selections over values. ``fragments`` and ``variables`` are those of the document."""

    def __init__(
        self,
        reading: Reading,
        settings: Settings,
        fragments: Mapping[str, ast.FragmentDefinitionNode],
        variables: dict[str, Any],
    ) -> None:
        self._reading, self._fragments, self._variables = reading, fragments, variables
        self._depth_max, self._fields_max = int(settings.graphql_depth_max), int(settings.graphql_fields_max)
        self._fields = 0

    # the two entries

    def of_system(self, selection: ast.SelectionSetNode) -> Data:
        """Return the data of ``[base]/$graphql``: resources, lists and connections."""
        data: Data = {}
        for field in self._selected(selection, "", 1):
            data[_key(field)] = self._top(field)
        return data

    def of_resource(self, resource: Resource, selection: ast.SelectionSetNode) -> Data:
        """Return the data of ``[base]/Type/id/$graphql``."""
        return self._object(resource, resource["resourceType"], selection, 1)

    def _top(self, field: ast.FieldNode) -> Any:
        name, given = field.name.value, values.arguments(field, self._variables)
        if name in resource_types():
            if set(given) != {"id"}:
                raise invalid(f"« {name} » se demande par son id ; {name}List cherche.", "id expected")
            found = self._reading.resource(f"{name}/{values.text(given['id'])}")
            if found is None:
                raise NotFound.of(
                    "core-not-found", f"Aucune ressource {name} sous cet identifiant.", "no such resource"
                )
            return self._object(found, name, _below(field), 2)
        return self._search(field, given, None, 1)

    # lists and connections

    def _search(self, field: ast.FieldNode, given: Data, owner: Resource | None, depth: int) -> Any:
        name = field.name.value
        suffix = _CONNECTION if name.endswith(_CONNECTION) else _LIST
        type = name.removesuffix(suffix)
        if type == name or type not in resource_types():
            raise invalid(f"« {name[:64]} » n'existe pas à cet endroit.", f"no field {name[:64]}")
        bundle = self._reading.bundle(type, self._params(given, owner, suffix == _CONNECTION))
        matches = [e for e in bundle.get("entry", ()) if e.get("search", {}).get("mode") == "match"]
        if suffix == _LIST:
            found = [e["resource"] for e in matches]
            return [self._object(r, type, _below(field), depth + 1) for r in found]
        return self._connection(field, bundle, matches, depth + 1)

    def _params(self, given: Data, owner: Resource | None, paged: bool) -> tuple[tuple[str, str], ...]:
        params: list[tuple[str, str]] = []
        for name, value in given.items():
            if name == "_reference" and owner is not None:
                params.append((values.text(value).replace("_", "-"), f"{owner['resourceType']}/{owner['id']}"))
            elif name == "_cursor" and paged:
                params = [("_page", values.text(value))]
                return tuple(params)
            else:
                # "-" is not in the names of GraphQL: birth_date stands for birth-date
                code = name if name.startswith("_") else name.replace("_", "-")
                many = value if isinstance(value, list) else [value]
                params += [(code, values.text(one)) for one in many]
        if owner is not None and "_reference" not in given:
            raise invalid("Une liste à l'intérieur d'une ressource dit « _reference ».", "_reference expected")
        if paged:
            params.append(("_total", "accurate"))
        return tuple(params)

    def _connection(self, field: ast.FieldNode, bundle: Resource, matches: list[Data], depth: int) -> Data:
        links = {link["relation"]: _cursor(link["url"]) for link in bundle.get("link", ())}
        known = {
            "count": bundle.get("total"),
            "pagesize": len(matches),
            "offset": None,
            "first": None,
            "previous": None,
            "next": links.get("next"),
            "last": None,
        }
        data: Data = {}
        for chosen in self._selected(_below(field), "", depth):
            name = chosen.name.value
            if name == "edges":
                data[_key(chosen)] = [self._edge(chosen, entry, depth + 1) for entry in matches]
            elif name in known:
                data[_key(chosen)] = known[name]
            else:
                raise invalid(f"Une page n'a pas de « {name[:64]} ».", f"no field {name[:64]} of a connection")
        return data

    def _edge(self, field: ast.FieldNode, entry: Data, depth: int) -> Data:
        data: Data = {}
        for chosen in self._selected(_below(field), "", depth):
            name = chosen.name.value
            if name == "resource":
                resource = entry["resource"]
                data[_key(chosen)] = self._object(resource, resource["resourceType"], _below(chosen), depth + 1)
            elif name in ("mode", "score"):
                data[_key(chosen)] = entry.get("search", {}).get(name)
            else:
                raise invalid(f"Un résultat n'a pas de « {name[:64]} ».", f"no field {name[:64]} of an edge")
        return data

    # elements

    def _object(self, item: Data, type: str, selection: ast.SelectionSetNode, depth: int) -> Data:
        data: Data = {}
        for field in self._selected(selection, type, depth):
            self._add(data, field, item, type, depth)
        return data

    def _add(self, data: Data, field: ast.FieldNode, item: Data, type: str, depth: int) -> None:
        name, given = field.name.value, values.arguments(field, self._variables)
        if name == "resourceType" and type in resource_types():
            data[_key(field)] = type
        elif name == "resource" and type == "Reference":
            data[_key(field)] = self._target(field, item, given, depth)
        elif type in resource_types() and name.endswith((_LIST, _CONNECTION)):
            data[_key(field)] = self._search(field, given, item, depth)
        else:
            self._element(data, field, item, type, given, depth)

    def _target(self, field: ast.FieldNode, item: Data, given: Data, depth: int) -> Any:
        if set(given) - {"type", "optional"}:
            raise invalid("« resource » a pour arguments type et optional.", "unknown argument of resource")
        found = self._reading.resource(str(item.get("reference", "")))
        if found is None:
            if values.text(given.get("optional", True)) == "true":
                return None
            raise NotFound.of(
                "core-graphql-reference", "Une référence ne mène à aucune ressource.", "dangling reference"
            )
        if "type" in given and values.text(given["type"]) != found["resourceType"]:
            return None
        return self._object(found, found["resourceType"], _below(field), depth + 1)

    def _element(self, data: Data, field: ast.FieldNode, item: Data, type: str, given: Data, depth: int) -> None:
        name = field.name.value
        known = keys(type).get(name.removeprefix("_"))
        if known is None:
            raise invalid(f"« {name[:64]} » n'est pas un élément de {type}.", f"no field {name[:64]} of {type}")
        child, of = known
        of = "Element" if name.startswith("_") else of
        found = item.get(name)
        if not child.repeats:
            if given:
                raise invalid(f"« {name} » ne se répète pas : il n'a pas d'argument.", "arguments on a single value")
            items = [] if found is None else [found]
        else:
            items = values.filtered(found if isinstance(found, list) else [], given, of)
        self._shape(data, field, items, of, child.repeats, depth)

    def _shape(self, data: Data, field: ast.FieldNode, items: list[Any], of: str, repeats: bool, depth: int) -> None:
        asked = values.directives(field, self._variables)
        items = items[:1] if "first" in asked else items
        shown = [self._shown(item, of, field, depth) for item in items]
        if "slice" in asked:
            _sliced(data, _key(field), items, shown, of, str(asked["slice"].get("path", "$index")))
        elif "flatten" in asked:
            self._flatten(data, field, shown, items)
        elif not repeats or "singleton" in asked:
            if len(shown) > 1:
                raise invalid("@singleton : il y a plusieurs valeurs.", "several values for @singleton")
            if shown:
                data[_key(field)] = shown[0]
        elif shown:
            data[_key(field)] = shown

    def _shown(self, item: Any, type: str, field: ast.FieldNode, depth: int) -> Any:
        if is_primitive(type) or type == "xhtml":
            if field.selection_set is not None:
                raise invalid(f"« {field.name.value} » est une valeur simple.", "selection on a primitive")
            return item
        if item is None:
            return None
        of = str(item.get("resourceType", type)) if type in _RESOURCES else type
        return self._object(item, of, _below(field), depth + 1)

    def _flatten(self, data: Data, field: ast.FieldNode, shown: list[Any], items: list[Any]) -> None:
        """Put the children where the field would be: each name collects its values, unless it is a ``@singleton``."""
        single = {
            _key(chosen)
            for chosen in (field.selection_set.selections if field.selection_set else ())
            if isinstance(chosen, ast.FieldNode) and "singleton" in values.directives(chosen, self._variables)
        }
        for part in shown:
            if not isinstance(part, dict):
                data.setdefault(_key(field), []).append(part)
                continue
            for name, value in part.items():
                if name in single:
                    data.setdefault(name, value)
                else:
                    data.setdefault(name, []).extend(value if isinstance(value, list) else [value])

    # selections

    def _selected(self, selection: ast.SelectionSetNode, type: str, depth: int) -> Iterator[ast.FieldNode]:
        """Yield the fields asked of a type, fragments opened. Raises: TooLarge over the limits."""
        if depth > self._depth_max:
            raise _over(
                "core-graphql-depth", f"La requête GraphQL a plus de {self._depth_max} niveaux.", "graphql_depth_max"
            )
        for node in selection.selections:
            self._fields += 1
            if self._fields > self._fields_max:
                raise _over(
                    "core-graphql-fields",
                    f"La requête GraphQL rend plus de {self._fields_max} champs.",
                    "graphql_fields_max",
                )
            if not isinstance(node, ast.FieldNode | ast.FragmentSpreadNode | ast.InlineFragmentNode):
                raise invalid("Sélection GraphQL inconnue.", "unknown selection")
            if not values.wanted(values.directives(node, self._variables)):
                continue
            if isinstance(node, ast.FieldNode):
                yield node
            else:
                yield from self._fragment(node, type, depth)

    def _fragment(
        self, node: ast.FragmentSpreadNode | ast.InlineFragmentNode, type: str, depth: int
    ) -> Iterator[ast.FieldNode]:
        if isinstance(node, ast.InlineFragmentNode):
            condition, inner = node.type_condition, node.selection_set
        else:
            definition = self._fragments.get(node.name.value)
            if definition is None:
                raise invalid("Un fragment GraphQL n'est pas défini.", f"fragment {node.name.value[:60]}")
            condition, inner = definition.type_condition, definition.selection_set
        if condition is None or condition.name.value in (type, *_RESOURCES) or not type:
            # a fragment that names itself ends at the limit of depth
            yield from self._selected(inner, type, depth + 1)


def _key(field: ast.FieldNode) -> str:
    return field.alias.value if field.alias else field.name.value


def _below(field: ast.FieldNode) -> ast.SelectionSetNode:
    if field.selection_set is None:
        raise invalid(f"« {field.name.value[:64]} » a des champs : dites lesquels.", "selection expected")
    return field.selection_set


def _cursor(url: str) -> str | None:
    return dict(parse_qsl(urlsplit(url).query)).get("_page")


def _sliced(data: Data, key: str, items: list[Any], shown: list[Any], type: str, path: str) -> None:
    for index, (item, value) in enumerate(zip(items, shown, strict=True)):
        found = [index] if path == "$index" else values.evaluated(path, item, type)
        if len(found) != 1:
            raise invalid("@slice : le chemin donne une valeur et une seule.", "slice path")
        data[f"{key}.{values.text(found[0])}"] = value


def _over(id: str, text: str, setting: str) -> TooLarge:
    return TooLarge.of(id, text, f"setting {setting}", code="too-costly")
