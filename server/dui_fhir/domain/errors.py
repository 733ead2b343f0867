"""The errors of dui-fhir.

::

    DuiError
    ├── BadRequest 400          syntax, unknown parameter, malformed reference
    ├── Unauthorized 401        nobody is authenticated
    ├── Forbidden 403           somebody is, and may not
    ├── NotFound 404            never existed, or not for this actor
    ├── MethodNotAllowed 405    the interaction does not exist here
    ├── NotAcceptable 406       no common format
    ├── Conflict 409            uniqueness, referential integrity, state
    ├── Gone 410                deleted
    ├── PreconditionFailed 412  If-Match stale, several matches of a conditional interaction
    ├── TooLarge 413            body, depth, number of entries
    ├── UriTooLong 414          address over its limit
    ├── UnsupportedMedia 415    content type not read here
    ├── Unprocessable 422       understood, and refused by a rule
    ├── PreconditionRequired 428
    ├── Unavailable 503         store, writer or disk not able now; ``outcome unknown`` is one of them
    └── ConfigurationError      start-up only: the server does not start

Only ``rest/errors.py`` turns them into HTTP. Each holds the issues shown to the client, all together.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

from dui_fhir.domain.issues import Issue


class DuiError(Exception):
    """Base of the tree: an HTTP status and at least one issue."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"

    def __init__(self, issues: Sequence[Issue], *, retry_after_s: int | None = None) -> None:
        super().__init__("; ".join(f"{i.id}: {i.diagnostics or i.text}" for i in issues))
        self.issues = tuple(issues)
        self.retry_after_s = retry_after_s

    @classmethod
    def of(cls, id: str, text: str, diagnostics: str = "", expression: Iterable[str] = (), *, code: str = "") -> Self:
        """Build the error of a single issue; ``code`` defaults to the R4 issue-type of the class."""
        issue = Issue(
            severity="error",
            code=code or cls.code,
            id=id,
            text=text,
            diagnostics=diagnostics,
            expression=tuple(expression),
        )
        return cls([issue])


class BadRequest(DuiError):
    """The request cannot be understood."""

    status = 400
    code = "invalid"


class Unauthorized(DuiError):
    """No valid credentials."""

    status = 401
    code = "login"


class Forbidden(DuiError):
    """Valid credentials without the right."""

    status = 403
    code = "forbidden"


class NotFound(DuiError):
    """Nothing here, or nothing that this actor may know of."""

    status = 404
    code = "not-found"


class MethodNotAllowed(DuiError):
    """The interaction is not offered on this URL."""

    status = 405
    code = "not-supported"


class NotAcceptable(DuiError):
    """No format in common."""

    status = 406
    code = "not-supported"


class Conflict(DuiError):
    """Refused by the present state of the store."""

    status = 409
    code = "conflict"


class Gone(DuiError):
    """The resource was deleted."""

    status = 410
    code = "deleted"


class PreconditionFailed(DuiError):
    """A condition set by the client does not hold."""

    status = 412
    code = "conflict"


class TooLarge(DuiError):
    """Over one of the limits of docs/settings.md."""

    status = 413
    code = "too-long"


class UriTooLong(DuiError):
    """The address, parameters included, is over its limit."""

    status = 414
    code = "too-long"


class UnsupportedMedia(DuiError):
    """The body has a type that is not read here."""

    status = 415
    code = "not-supported"


class Unprocessable(DuiError):
    """Understood, and refused by the specification or by a rule."""

    status = 422
    code = "processing"


class PreconditionRequired(DuiError):
    """The tenant asks for If-Match and the client gave none."""

    status = 428
    code = "required"


class Unavailable(DuiError):
    """Not now: the store, its writer or its disk cannot answer."""

    status = 503
    code = "transient"


class ConfigurationError(DuiError):
    """The server must not start."""

    code = "exception"
