"""Making texts comparable: what a query and a resource both go through before they are compared.

Source: FHIR R4, search.html#string (case and accents are ignored) and search.html#token (tokens are not case sensitive).
"""

import re
import unicodedata
from functools import cache, lru_cache

_SEPARATORS = re.compile(r"[\s\-'’ʼ`´‐‑‒–—_]+")
_WORDS = re.compile(r"[^\W_]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "ð": "d", "þ": "th"})


def fold(text: str) -> str:
    """Return a string value as it is compared: lower case, no accents, ligatures spelt out, single spaces.

    Hyphens, apostrophes and underscores count as spaces, so that ``Jean-Noël d’Œuvre`` and ``jean noel d'oeuvre`` agree; other
    punctuation is kept. Idempotent.
    """
    return _often_folded(text) if len(text) <= OFTEN_CHARACTERS_MAX else _fold(text)


OFTEN_CHARACTERS_MAX = 64
"""Names, towns, labels of codes come again and again; long texts do not."""


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower() if text.isalnum() else _SEPARATORS.sub(" ", text.lower()).strip()
    return _SEPARATORS.sub(" ", _without_accents(text)).strip()


_often_folded = lru_cache(maxsize=8192)(_fold)


def fold_token(code: str) -> str:
    """Return a token's code as it is compared: tokens of FHIR R4 are not case sensitive."""
    return code.lower() if code.isascii() else code.casefold()


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text for ``_text`` and ``_content``: folded, cut at everything that is no letter or digit."""
    text = text.lower() if text.isascii() else _without_accents(text)
    return tuple(_WORDS.findall(text))


def _without_accents(text: str) -> str:
    return text.translate(_usual()) if _USUAL.fullmatch(text) else _folded(text)


_USUAL = re.compile("[\\0-\u024f\u2010-\u2027\u20ac]*")
"""Latin letters of Europe and French punctuation: none of these combines with its neighbours."""


@cache
def _usual() -> dict[int, str]:
    return {code: _folded(chr(code)) for code in (*range(0x250), *range(0x2010, 0x2028), 0x20AC)}


def _folded(text: str) -> str:
    # folding may give characters that fold again (İ → i̇): decompose on both sides of it
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return folded.translate(_marks()).translate(_LIGATURES).casefold()


@cache
def _marks() -> dict[int, None]:
    """Every combining character, to be dropped: one table lookup a character instead of a call."""
    return {code: None for code in range(0x300, _COMBINING_END) if unicodedata.combining(chr(code))}


_COMBINING_END = 0x20000
"""Unicode has no combining character beyond its first two planes; looking at all seventeen takes a tenth of a second."""
