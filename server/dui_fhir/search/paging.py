"""Continuation tokens: the search and where its last page ended, sealed, so that the server keeps nothing between pages.

Sealed with AES-GCM: a token cannot be made up or changed, and shows neither names nor identifiers to the logs of proxies.
"""

import base64
import binascii
import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.query import Cursor
from dui_fhir.search.parse import ParsedSearch

PARAM = "_page"
"""The parameter that carries a token in ``next`` links."""
_NONCE_BYTES = 12
_PLAIN_BYTES_MAX = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Continuation:
    """What a token says: parse ``params`` again for ``type``, and go on after ``cursor``."""

    type: str | None
    params: tuple[tuple[str, str], ...]
    cursor: Cursor


def encode(key: bytes, search: ParsedSearch, cursor: Cursor, context: str = "") -> str:
    """Return the token of the page after ``cursor``, URL-safe.

    ``context``: where the token is valid (tenant, compartment); elsewhere it is refused. ``key``: any secret.
    """
    plain = json.dumps([search.type, search.self_params, cursor], separators=(",", ":")).encode()
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(key).encrypt(nonce, zlib.compress(plain), context.encode())
    return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()


def decode(key: bytes, text: str, context: str = "") -> Continuation:
    """Return what a token says. Raises: BadRequest (``search-page-token``) unless this server made it for this context."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        packed = _cipher(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
    except (binascii.Error, ValueError, InvalidTag):
        raise BadRequest.of(
            "search-page-token",
            "Ce lien vers la page suivante n'est pas valable ici : relancez la recherche.",
            "the page token was not made by this server for this search",
        ) from None
    type_, params, cursor = json.loads(zlib.decompressobj().decompress(packed, _PLAIN_BYTES_MAX))
    return Continuation(type=type_, params=_pairs(params), cursor=tuple(cursor))


def _pairs(params: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in params)


@lru_cache(maxsize=64)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(hashlib.sha256(b"dui-fhir page token\0" + key).digest())
