"""Formats: which one the client wants, which one it sends. Source: FHIR R4, http.html#mime-type and #parameters."""

from dui_fhir.domain.errors import NotAcceptable, UnsupportedMedia

JSON = "application/fhir+json"
XML = "application/fhir+xml"
_JSON = frozenset({JSON, "application/json", "text/json", "application/json+fhir", "json"})
_XML = frozenset({XML, "application/xml", "text/xml", "application/xml+fhir", "xml"})
PDF = "application/pdf"
_PDF = frozenset({PDF, "pdf"})
_VERSIONS = frozenset({"4.0", "4.0.1"})
_ANY = frozenset({"*/*", "application/*", "text/*"})


def media_type(header: str) -> str:
    """Return the media type of a header, parameters left out, lower case."""
    return header.partition(";")[0].strip().lower()


def sent(header: str) -> str:
    """Return the media type of what the client sends. Raises: UnsupportedMedia (``core-fhir-version``: not R4)."""
    if not _is_r4(header):
        raise UnsupportedMedia.of(
            "core-fhir-version",
            "Ce serveur lit FHIR 4.0 (R4) : fhirVersion=4.0.",
            "fhirVersion of Content-Type is not 4.0",
        )
    return media_type(header)


def _is_r4(media: str) -> bool:
    """Tell whether a media type names no version of FHIR, or this one (http.html#version-parameter)."""
    for parameter in media.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "fhirversion":
            return value.strip().strip('"') in _VERSIONS
    return True


def wanted(format: str | None, accept: str, *, native: bool, printable: bool = False) -> str:
    """Return the format of the answer: ``json``, ``xml``, or ``native`` (a Binary that may leave in its own type).

    ``native``: the request reads a Binary; ``printable``: it runs an operation, which may give a PDF.
    Raises: NotAcceptable (``core-format-unsupported``).
    """
    # the "+" of fhir+json that a client did not encode arrives as a space
    asked = [format] if format is not None else _ranked(accept)
    for media in [media_type(one).replace(" ", "+") for one in asked if _is_r4(one)] if asked else ["*/*"]:
        if printable and media in _PDF:
            return "native"
        if media in _JSON or media in _ANY:
            return "json"
        if media in _XML:
            return "xml"
    if native and format is None:
        return "native"
    raise NotAcceptable.of(
        "core-format-unsupported",
        "Le serveur répond en application/fhir+json ou application/fhir+xml.",
        "no common format: JSON or XML",
    )


def _ranked(accept: str) -> list[str]:
    """Return the media types of an ``Accept`` header, parameters included, the preferred first (RFC 9110, 12.5.1)."""
    found = []
    for part in accept.split(","):
        media, *parameters = (p.strip().lower() for p in part.split(";"))
        if media and (quality := _quality(parameters)) > 0:
            found.append((-quality, part))
    return [media for _, media in sorted(found, key=lambda pair: pair[0])]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 1.0
    return 1.0
