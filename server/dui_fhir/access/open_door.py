"""No authentication: the caller says who he is. For a server that listens on the loopback only (docs/settings.md, ``auth``)."""

import re
from collections.abc import Mapping

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.errors import BadRequest

_STRUCTURE = re.compile(r"[0-9][0-9AB][0-9]{7}")
_PROFESSIONAL = re.compile(r"[0-9A-Za-z/._-]{1,80}")


class OpenDoor:
    """Trusts ``X-Dui-Structure`` (a FINESS) and ``X-Dui-Professional`` (``8<RPPS>`` or ``3<FINESS>/<id>``)."""

    def actor(self, headers: Mapping[str, str]) -> Actor:
        """See :class:`dui_fhir.ports.TokenVerifier`. Raises: BadRequest (``access-structure``, ``access-professional``)."""
        structure = _checked(
            headers.get("X-Dui-Structure"),
            _STRUCTURE,
            "access-structure",
            "X-Dui-Structure attend un numéro FINESS de 9 caractères.",
        )
        professional = _checked(
            headers.get("X-Dui-Professional"),
            _PROFESSIONAL,
            "access-professional",
            "X-Dui-Professional attend 8<RPPS> ou 3<FINESS>/<identifiant>.",
        )
        return Actor(kind="professional" if professional else "system", professional=professional, structure=structure)


def _checked(value: str | None, form: re.Pattern[str], id: str, text: str) -> str | None:
    if not value:
        return None
    if form.fullmatch(value) is None:
        raise BadRequest.of(id, text, "malformed header")
    return value
