"""What MongoDB's errors mean for whoever asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import ExecutionTimeout, NetworkTimeout, OperationFailure, PyMongoError

from dui_fhir.domain.errors import Unavailable

OUT_OF_DISK_SPACE = 14031
MAX_TIME_EXPIRED = 50


def unavailable(error: PyMongoError) -> Unavailable:
    """Return the error to answer."""
    if error.has_error_label("UnknownTransactionCommitResult"):
        return Unavailable.of(
            "store-outcome-unknown",
            "Le stockage s'est interrompu pendant l'enregistrement : vérifiez s'il a eu lieu avant de recommencer.",
            "unknown transaction commit result",
        )
    if isinstance(error, OperationFailure) and error.code == OUT_OF_DISK_SPACE:
        text = "L'espace de stockage est plein : rien n'a été enregistré."
        return Unavailable.of("store-disk-full", text, "MongoDB code 14031", code="no-store")
    timed_out = isinstance(error, OperationFailure) and error.code == MAX_TIME_EXPIRED
    if timed_out or isinstance(error, ExecutionTimeout | NetworkTimeout):
        text = "La recherche demande trop de travail : précisez-la."
        return Unavailable.of("store-too-costly", text, "read time limit reached", code="too-costly")
    text = "Le stockage ne répond pas pour le moment : rien n'a été enregistré."
    return Unavailable.of("store-unavailable", text, f"MongoDB: {type(error).__name__}")


@contextmanager
def translated() -> Iterator[None]:
    """Raise Unavailable in place of the driver's errors."""
    try:
        yield
    except PyMongoError as error:
        raise unavailable(error) from error
