"""Where an import may read: Binary resources of the tenant, and files that the operator put in the tenant's folder.

No address is ever called: who may import would make the server speak to whatever it can reach.
"""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dui_fhir.definitions import resource_types
from dui_fhir.domain.errors import BadRequest, Forbidden, NotFound, TooLarge
from dui_fhir.domain.reference import Reference
from dui_fhir.service import read
from dui_fhir.service.engine import Call

PIECE_BYTES = 1 << 20


def collected(
    call: Call, inputs: dict[str, Any], media: tuple[str, ...], parts: list[dict[str, Any]]
) -> Iterator[bytes]:
    """Yield the lines of all inputs, one after the other; ``parts`` receives where each ends, in bytes, and its type.

    Raises: BadRequest (``core-import-format``, ``core-import-source``, ``core-import-type``), Forbidden
    (``core-import-source-refused``), NotFound (``core-import-source-unknown``), TooLarge (``core-import-too-large``).
    """
    _check_format(inputs, media)
    limit, total = int(call.engine.settings.bulk_import_bytes_max), 0
    for given in inputs["input"]:
        _check_type(given["type"])
        last = b"\n"
        for piece in _pieces(call, str(given["url"]), media):
            total += len(piece)
            if total > limit:
                raise TooLarge.of(
                    "core-import-too-large",
                    f"L'import dépasse {limit} octets : faites-en plusieurs.",
                    "setting bulk_import_bytes_max",
                )
            last = piece[-1:] or last
            yield piece
        if last != b"\n":
            total += 1
            yield b"\n"
        parts.append({"end": total, "type": given["type"]})


def expected_type(parts: list[dict[str, Any]], byte: int) -> str | None:
    """Return the type announced for the line that begins at a byte; None where none was."""
    return next((str(part["type"]) for part in parts if byte < part["end"]), None)


def _check_format(inputs: dict[str, Any], media: tuple[str, ...]) -> None:
    if inputs.get("inputFormat", media[0]) not in media:
        raise BadRequest.of("core-import-format", f"L'import lit {media[0]}.", "inputFormat not supported")
    if not inputs.get("input"):
        raise BadRequest.of("core-parameter-missing", "Le paramètre input manque.", "no input")


def _check_type(type: Any) -> None:
    if type not in resource_types():
        raise BadRequest.of(
            "core-import-type", "« input.type » est un type de ressource R4.", "input.type is no resource type"
        )


def _pieces(call: Call, url: str, media: tuple[str, ...]) -> Iterator[bytes]:
    local = url.removeprefix(f"{call.request.base_url}/")
    target = Reference.parse(local)
    if target is not None and target.base is None and target.type == "Binary":
        yield _binary(call, target.id, media)
    elif urlsplit(url).scheme == "file":
        yield from _file(call, url)
    else:
        raise Forbidden.of(
            "core-import-source-refused",
            "L'import lit un Binary de ce serveur (Binary/id) ou un fichier du dossier d'import (file:…) ; il n'appelle aucune"
            " adresse.",
            "input.url is neither a local Binary nor a file of the import folder",
        )


def _binary(call: Call, id: str, media: tuple[str, ...]) -> bytes:
    resource = read.present(call.store.read("Binary", id), "Binary").resource()
    if resource.get("contentType") not in media:
        raise BadRequest.of("core-import-format", f"Le Binary à importer est de type {media[0]}.", "Binary.contentType")
    try:
        return base64.b64decode(resource.get("data", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise BadRequest.of(
            "core-import-source", "Le Binary à importer ne contient pas de base64 valable.", "Binary.data"
        ) from None


def _file(call: Call, url: str) -> Iterator[bytes]:
    path = _allowed(call, url)
    try:
        with path.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
    except OSError:
        raise _unknown_file() from None


def _allowed(call: Call, url: str) -> Path:
    """Return the file, which is in the folder of this tenant once every link is followed."""
    folder = str(call.engine.settings.bulk_import_dir)
    parts = urlsplit(url)
    if not folder or parts.netloc not in ("", "localhost") or "\0" in unquote(parts.path):
        raise _refused_file()
    root = (Path(folder) / call.request.tenant).resolve()
    path = (root / unquote(parts.path)).resolve()
    if not path.is_relative_to(root):
        raise _refused_file()
    if not path.is_file():
        raise _unknown_file()
    return path


def _refused_file() -> Forbidden:
    return Forbidden.of(
        "core-import-source-refused",
        "Ce fichier n'est pas dans le dossier d'import de l'organisme.",
        "file outside bulk_import_dir/<tenant>, or setting empty",
    )


def _unknown_file() -> NotFound:
    return NotFound.of("core-import-source-unknown", "Ce fichier n'existe pas ou ne se lit pas.", "no such file")
