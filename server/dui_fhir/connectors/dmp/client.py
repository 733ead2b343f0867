"""Sends documents to the DMP: TD0.2, TD3.1b where something must be found out first, TD2.1."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dui_fhir.connectors import cda
from dui_fhir.connectors.dmp import existence, ids, mtom, outcome, signing, soap, vihf
from dui_fhir.connectors.dmp.answers import Failure, Success
from dui_fhir.connectors.dmp.gather import Gathered, Rules, gather
from dui_fhir.connectors.dmp.package import Outgoing, Sender, outgoing
from dui_fhir.connectors.dmp.transport import HttpTransport, NoResponse, Response, Transport
from dui_fhir.connectors.markup import Element
from dui_fhir.connectors.xds import query
from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.dates import instant
from dui_fhir.domain.errors import ConfigurationError, Unprocessable
from dui_fhir.domain.job import Job
from dui_fhir.ports import Clock, Delivered, Delivery, Reader, Rejected, RetryLater
from dui_fhir.settings import Settings

PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
_CLOSED_RETRY_S = 86_400.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Archive: TypeAlias = Callable[[str, Mapping[str, bytes]], None]
"""Called once per sending with the job's id and named artefacts: ``cda.xml``, ``metadata.xml``, ``request.mtom``,
``response``. They hold personal data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    """What one delivery carries along."""

    tenant: str
    job: Job
    gathered: Gathered
    identity: vihf.Identity


class DmpConnector:
    """Implements :class:`dui_fhir.ports.Connector`; safe to use from several threads."""

    kind = "dmp"

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        signer: signing.Signer | None = None,
        transport: Transport | None = None,
        archive: Archive | None = None,
        version: str = "0.1.0",
    ) -> None:
        """Raises: ConfigurationError (``dmp-seal``, ``dmp-tls``)."""
        self._settings = settings
        self._clock = clock or SystemClock()
        self._signer = signer or _signer(settings)
        self._transport = transport or HttpTransport(settings)
        self._archive = archive
        self._sender = Sender(settings=settings, software_version=version)

    def deliver(self, tenant: str, job: Job, reader: Reader) -> Delivery:
        """Send the document of a job.

        The same job gives the same unique ids and the same CDA, so a message that was accepted without our knowing is
        recognised: before any further attempt the registry is asked, and a duplicate that is ours counts as delivered.
        """
        try:
            gathered = gather(tenant, job, reader, self._rules())
        except Unprocessable as error:
            return Rejected(issues=error.issues)
        call = _Call(tenant=tenant, job=job, gathered=gathered, identity=self._sender.identity(gathered.document))
        early = self._already_there(call) if job.attempts > 1 else None
        early = early or self._closed(call)
        if early is not None:
            return early
        target = self._replaced_entry(call)
        if isinstance(target, RetryLater | Rejected):
            return target
        return self._send(call, outgoing(tenant, job, gathered, self._sender, self._signer, target))

    def close(self) -> None:
        """Release the connections that this connector opened itself."""
        if isinstance(self._transport, HttpTransport):
            self._transport.close()

    def _rules(self) -> Rules:
        return Rules(zone=ZoneInfo(str(self._settings.time_zone)), practice=str(self._settings.dmp_practice_setting))

    def _send(self, call: _Call, message: Outgoing) -> Delivery:
        envelope = self._envelope("repository", PROVIDE, call, message.request)
        packaged = mtom.package(envelope, message.parts, PROVIDE)
        response = self._transport.post("repository", packaged)
        self._keep(call.job, message, packaged, response)
        answer = outcome.answer_of(response)
        if isinstance(answer, Success):
            return self._delivered(message, warnings=",".join(answer.warnings))
        if not isinstance(answer, Failure):
            return answer
        if set(answer.codes) <= outcome.ALREADY_THERE:
            return self._duplicate(call, message, answer)
        return outcome.failed(answer)

    def _duplicate(self, call: _Call, message: Outgoing, answer: Failure) -> Delivery:
        """An id of ours is there already: delivered, unless the registry shows that it names another content."""
        found = self._find(call, message.document.unique_id)
        if isinstance(found, RetryLater):
            return found
        same = [e for e in found or () if e.sha1 in ("", message.sha1)]
        if same or (_bound_to_content(message.document.unique_id, call) and found != ()):
            return self._delivered(message, already="true")
        return outcome.failed(answer)

    def _already_there(self, call: _Call) -> Delivery | None:
        """Ask whether an earlier attempt arrived; None where it did not, or where the DMP does not tell."""
        document = call.gathered.document
        found = self._find(call, document.unique_id)
        if isinstance(found, RetryLater):
            return found
        possible = {_sha1(cda.build(document)), _sha1(cda.build(replace(document, replaces=None)))}
        bound = _bound_to_content(document.unique_id, call)
        same = next((entry for entry in found or () if bound or entry.sha1 in possible), None)
        if same is None:
            return None
        return Delivered(evidence=self._evidence(document.unique_id, same.sha1, already="true"))

    def _closed(self, call: _Call) -> Delivery | None:
        """Ask TD0.2; None where the DMP is open, or where it does not tell."""
        if not self._settings.dmp_check_existence:
            return None
        patient = call.gathered.document.patient
        question = existence.question(patient, self._sender.source_id(call.tenant), self._now())
        answer = outcome.answer_of(self._call("patients", existence.ACTION, call, question))
        if isinstance(answer, RetryLater):
            return answer
        # a refusal here is no refusal of the document: TD2.1 will tell
        state = existence.answer(answer.body) if isinstance(answer, Success) else None
        if state is None or state.open:
            return None
        why = "fermé" if state.found else "inexistant"
        return outcome.later("dmp-closed", f"Le DMP de la personne est {why}.", "TD0.2", _CLOSED_RETRY_S)

    def _replaced_entry(self, call: _Call) -> str | None | RetryLater | Rejected:
        """Return the entryUUID of the version to replace; None where there is none or it never reached the DMP."""
        replaced = call.gathered.document.replaces
        if replaced is None:
            return None
        found = self._find(call, replaced)
        if isinstance(found, RetryLater):
            return found
        if found is None:
            return outcome.refused(
                "dmp-replaced-unknown", "Le DMP ne dit pas où est la version que ce document remplace.", "TD3.1 refused"
            )
        approved = next((e.uuid for e in found if e.status in ("", query.APPROVED)), None)
        if found and approved is None:
            return outcome.refused(
                "dmp-replaced-not-current",
                "La version que ce document remplace n'est plus en vigueur au DMP.",
                "replaced entry is not Approved",
            )
        return approved

    def _find(self, call: _Call, unique_id: str) -> tuple[query.Entry, ...] | None | RetryLater:
        """Return the entries of a unique id; None where the DMP refuses to tell."""
        response = self._call("registry", query.ACTION, call, query.get_documents(unique_id))
        answer = outcome.answer_of(response)
        if isinstance(answer, RetryLater):
            return answer
        return query.entries(answer.body) if isinstance(answer, Success) else None

    def _call(self, service: str, action: str, call: _Call, body: Element) -> Response | NoResponse:
        envelope = self._envelope(service, action, call, body)
        content_type = f'application/soap+xml; charset=UTF-8; action="{action}"'
        return self._transport.post(service, mtom.Message(content_type=content_type, body=envelope))

    def _envelope(self, service: str, action: str, call: _Call, body: Element) -> bytes:
        patient = call.gathered.document.patient
        security = vihf.assertion(call.identity, patient, self._now(), self._signer)
        return soap.envelope(action, self._transport.url(service), security, body)

    def _delivered(self, message: Outgoing, **more: str) -> Delivered:
        return Delivered(evidence=self._evidence(message.document.unique_id, message.sha1, **more))

    def _evidence(self, unique_id: str, sha1: str, **more: str) -> dict[str, str]:
        known = {
            "uniqueId": unique_id,
            "submissionSetId": ids.submission_id(unique_id),
            "cdaSha1": sha1,
            "acknowledged": instant(self._clock.now_ms()),
        }
        return known | {name: value for name, value in more.items() if value}

    def _keep(self, job: Job, message: Outgoing, packaged: mtom.Message, response: object) -> None:
        if self._archive is None:
            return
        files = {
            "cda.xml": message.cda,
            "metadata.xml": message.metadata,
            "request.mtom": f"Content-Type: {packaged.content_type}\r\n\r\n".encode() + packaged.body,
        }
        if isinstance(response, Response):
            files["response"] = response.body
        self._archive(job.id, files)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _bound_to_content(unique_id: str, call: _Call) -> bool:
    """True where the id was derived from the content itself, so that nothing else can carry it."""
    reference = str(call.job.payload["document"]).rpartition("/")[2]
    return unique_id == ids.oid("document", call.tenant, reference, str(call.job.payload["sha1"]))


def _signer(settings: Settings) -> signing.Signer:
    digest: signing.Digest = "sha1" if settings.dmp_signature_digest == "sha1" else "sha256"
    if settings.dmp_seal_key:
        return signing.load(Path(settings.dmp_seal_key), Path(settings.dmp_seal_certificate), digest)
    if urlsplit(str(settings.dmp_url)).hostname in _LOOPBACK:
        return signing.for_trial(digest)
    raise ConfigurationError.of(
        "dmp-seal", "Le cachet du DMP manque : réglages dmp_seal_key et dmp_seal_certificate.", "DMP seal not set"
    )
