"""Find every stable error id in the source, and write docs/errors.md: ``python tests/house/error_ids.py > docs/errors.md``."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATUS = {
    "BadRequest": "400", "Unauthorized": "401", "Forbidden": "403", "NotFound": "404", "MethodNotAllowed": "405",
    "NotAcceptable": "406", "Conflict": "409", "Gone": "410", "PreconditionFailed": "412", "TooLarge": "413",
    "UriTooLong": "414",
    "UnsupportedMedia": "415", "Unprocessable": "422", "PreconditionRequired": "428", "Unavailable": "503",
    "ConfigurationError": "démarrage", "Issue": "remarque", "PluginFailed": "500",
}  # fmt: skip
PREFIXES = (
    "core-",
    "store-",
    "search-",
    "tenant-",
    "plugin-",
    "document-",
    "dmp-",
    "sign-",
    "job-",
    "structure-",
    "access-",
    "subscription-",
    "indicator-",
    "identity-",
    "agenda-",
    "merge-",
    "validation-",
    "terminology-",
    "outbox-",
    "sample-",
    "dossier-",
    "transfer-",
    "reader-",
    "feed-",
    "round-",
    "liaison-",
    "exchanges-",
    "receipt-",
    "evaluation-",
    "transmission-",
)


@dataclass(frozen=True)
class Raised:
    """One place where an error or an issue is made."""

    id: str
    made_by: str
    text: str
    file: str


def raised() -> list[Raised]:
    """Return every place of the server's source that names a stable id, in file order."""
    found: list[Raised] = []
    for file in sorted([*(ROOT / "server").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found += [r for node in ast.walk(tree) if isinstance(node, ast.Call) for r in _of(node, file)]
    return found


def _of(call: ast.Call, file: Path) -> Iterator[Raised]:
    name = _name(call.func)
    where = file.relative_to(ROOT).as_posix()
    keywords = {k.arg: k.value for k in call.keywords}
    id_node = keywords.get("id") or (call.args[0] if call.args else None)
    if (
        not isinstance(id_node, ast.Constant)
        or not isinstance(id_node.value, str)
        or not id_node.value.startswith(PREFIXES)
    ):
        return
    # the faults of validation name an issue type before the text: a word, never a sentence
    texts = [a for a in call.args[1:] if not (isinstance(a, ast.Constant) and " " not in str(a.value))]
    text_node = keywords.get("text") or (texts[0] if texts else None)
    yield Raised(id_node.value, name, _text(text_node), where)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return _name(node.value) if node.attr == "of" else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ""


def page() -> str:
    """Return the table of the ids, sorted; several texts of one id are shown together."""
    by_id: dict[str, tuple[set[str], list[str]]] = {}
    for r in raised():
        kinds, texts = by_id.setdefault(r.id, (set(), []))
        kinds.add(STATUS.get(r.made_by, "remarque"))
        if r.text and r.text not in texts:
            texts.append(r.text)
    rows = [f"| `{i}` | {', '.join(sorted(k))} | {_cell(t)} |" for i, (k, t) in sorted(by_id.items())]
    return "\n".join([HEADING, *rows, ""])


def _cell(texts: list[str]) -> str:
    return " — ".join(texts).replace("|", "&#124;") or "(texte de la cause)"


HEADING = """# Erreurs

Toute erreur est un `OperationOutcome` (FHIR R4, operationoutcome.html). Chaque anomalie porte : `severity` et `code` de R4 ;
`details.coding` de système `urn:dui-fhir:issue` avec un identifiant stable ; `details.text`, phrase en français pour la
personne ; `diagnostics`, anglais technique sans donnée personnelle ; `expression`, chemin de l'élément. Toutes les anomalies
d'une requête sont rendues ensemble.

Un programme se fie à l'identifiant, jamais au texte. Les règles des couloirs ont leur propre identifiant (`COM-01`, `PA-02`) :
voir le dossier de chaque couloir. Une panne imprévue rend 500 avec `core-internal` et le numéro de la requête seulement ; la
pile est dans le journal. Page produite par `python tests/house/error_ids.py` ; un test vérifie qu'elle est à jour.

| identifiant | HTTP | sens |
|---|---|---|"""

if __name__ == "__main__":
    print(page(), end="")
