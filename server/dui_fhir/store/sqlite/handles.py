"""The limit on open files: each tenant in use takes several."""

import resource

from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.store.sqlite.pool import CONNECTIONS_PER_TENANT

PER_CONNECTION = 2
"""The database and its log; the index of the log is shared by the connections of a process."""
OTHERS = 256


def ensure(tenants_open_max: int) -> None:
    """Raise the soft limit of this process as needed.

    Raises: ConfigurationError (``store-file-handles``) where the hard limit is too low for ``tenants_open_max``.
    """
    needed = tenants_open_max * (CONNECTIONS_PER_TENANT * PER_CONNECTION + 1) + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigurationError.of(
            "store-file-handles",
            f"Le système n'accorde que {hard} fichiers ouverts et il en faut {needed} : relevez cette limite"
            " (ulimit -n) ou baissez tenants_open_max.",
            "RLIMIT_NOFILE",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
