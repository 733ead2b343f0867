"""Names of tenants and the errors that speak of them, the same for all adapters."""

import re

from dui_fhir.domain.errors import BadRequest, Conflict, NotFound

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def is_name(tenant: str) -> bool:
    """Tell whether a tenant could have this name."""
    return _NAME.fullmatch(tenant) is not None


def check_name(tenant: str) -> str:
    """Return the name. Raises: BadRequest (``tenant-name``) unless it matches ``[a-z][a-z0-9-]{0,62}``."""
    if not is_name(tenant):
        raise BadRequest.of(
            "tenant-name",
            "Le nom d'un organisme commence par une lettre minuscule, suivie de lettres minuscules, de chiffres"
            " ou de tirets, 63 caractères au plus.",
            "tenant names match [a-z][a-z0-9-]{0,62}",
        )
    return tenant


def exists(tenant: str) -> Conflict:
    """Return the error of a name already taken."""
    return Conflict.of("tenant-exists", f"L'organisme « {tenant} » existe déjà.", f"tenant {tenant} exists")


def unknown(tenant: str) -> NotFound:
    """Return the error of a name never created."""
    return NotFound.of("tenant-unknown", f"L'organisme « {tenant} » n'existe pas.", "no such tenant")
