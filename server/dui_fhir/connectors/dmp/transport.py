"""HTTP to the DMP. What is not an answer becomes a value too; nothing of a message reaches a log or an exception."""

import ssl
import time
from dataclasses import dataclass
from typing import Protocol

import httpx

from dui_fhir.connectors.dmp.mtom import Message
from dui_fhir.connectors.markup import RESPONSE_BYTES_MAX
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What came back, at most ``RESPONSE_BYTES_MAX``; ``retry_after_s`` as the header asks."""

    status: int
    content_type: str
    body: bytes
    retry_after_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NoResponse:
    """No whole answer came. ``sent`` False where the server was not even reached; ``why`` is English."""

    sent: bool
    why: str


class Transport(Protocol):
    """Posts one message."""

    def post(self, service: str, message: Message) -> Response | NoResponse:
        """Send to one service of the DMP (``repository``, ``registry``, ``patients``)."""

    def url(self, service: str) -> str:
        """Return the address of a service."""


class HttpTransport:
    """The real one, over httpx: no redirects, mutual TLS where the settings give a certificate."""

    def __init__(self, settings: Settings) -> None:
        self._base = str(settings.dmp_url).rstrip("/")
        self._timeout_s = float(settings.dmp_timeout_s)
        self._client = httpx.Client(
            timeout=self._timeout_s, follow_redirects=False, trust_env=False, verify=_tls(settings)
        )

    def url(self, service: str) -> str:
        """See :class:`Transport`."""
        return f"{self._base}/{service}"

    def post(self, service: str, message: Message) -> Response | NoResponse:
        """See :class:`Transport`."""
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._client.stream(
                "POST", self.url(service), content=message.body, headers={"Content-Type": message.content_type}
            ) as response:
                return _read(response, deadline)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return NoResponse(sent=False, why=type(error).__name__)
        except httpx.HTTPError as error:
            return NoResponse(sent=True, why=type(error).__name__)

    def close(self) -> None:
        """Release the connections."""
        self._client.close()


def _read(response: httpx.Response, deadline: float) -> Response | NoResponse:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > RESPONSE_BYTES_MAX:
            return NoResponse(sent=True, why="answer over the size limit")
        if time.monotonic() > deadline:
            return NoResponse(sent=True, why="answer slower than the time limit")
    return Response(
        status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        body=bytes(body),
        retry_after_s=_seconds(response.headers.get("retry-after", "")),
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.isdigit() and len(text) < 6 else None


def _tls(settings: Settings) -> ssl.SSLContext:
    """Return a TLS 1.2 context. Raises: ConfigurationError (``dmp-tls``)."""
    try:
        context = ssl.create_default_context(cafile=settings.dmp_ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.dmp_client_certificate:
            context.load_cert_chain(settings.dmp_client_certificate, settings.dmp_client_key or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError.of(
            "dmp-tls",
            "Le certificat client ou les autorités du DMP (réglages dmp_client_… et dmp_ca_file) ne peuvent pas être lus.",
            f"TLS context: {type(error).__name__}",
        ) from error
    return context
