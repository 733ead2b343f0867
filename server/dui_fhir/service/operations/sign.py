"""``DocumentReference/[id]/$sign``: the signatures of a document, one by signer and capacity (decision D28).

States: prepared → requested → signed | refused | signed-on-paper; a request for a content that is no longer there is voided.
Each is a Provenance of ours, bound to the SHA-1 of the attachment; its history tells the states it went through. The
signature of a professional of the structure makes the document final, and the documents it replaces superseded. A signature
of the person is recorded, never required. Source: FHIR R4, provenance.html, datatypes.html#Signature.
"""

import hashlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Context, Reader
from dui_fhir.domain.dates import instant, to_ms
from dui_fhir.domain.errors import BadRequest, Conflict, Forbidden, NotFound
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.operation import Answer, Operation, OperationRequest
from dui_fhir.domain.outbox import content_sha1
from dui_fhir.domain.reference import Reference
from dui_fhir.service.operations.chain import ancestors
from dui_fhir.service.operations.signature_states import (
    ASTM,
    CAPACITY,
    CONTENT_SHA1,
    DEFINITION,
    GIVEN,
    NEXT,
    PENDING,
    STATE,
    STATES,
    TAG,
)
from dui_fhir.service.operations.signers import IDNAT_PS, Signer, signer_of


class Types(Protocol):
    """The part of the plugin host used here."""

    def choose_document(self, document: Resource, context: Context) -> Any:
        """Return the type of a DocumentReference: an object with ``signers``, or None."""


@dataclass(frozen=True, kw_only=True)
class _Signing:
    """One call: what is signed, by whom, how."""

    document: Resource
    context: Context
    inputs: Mapping[str, Any]
    signer: Signer
    capacity: str
    state: str
    sha1: str

    @property
    def id(self) -> str:
        key = f"{self.document['id']}|{self.sha1}|{self.signer.key}|{self.capacity}"
        return str(uuid5(NAMESPACE_URL, f"urn:dui-fhir:signature:{key}"))

    @property
    def now(self) -> str:
        return instant(to_ms(self.context.now))


def operation(host: Types) -> Operation:
    """Return the operation; ``host`` knows who may sign each document type."""

    def run(request: OperationRequest) -> Answer:
        return sign(request, host)

    return Operation(definition=DEFINITION, run=run)


def sign(request: OperationRequest, host: Types) -> Answer:
    """Return the Provenance of the signature, to be written with the document where that becomes final.

    Raises: BadRequest (``sign-state-unknown``, ``sign-scan-missing``), Conflict (``sign-not-current``,
    ``sign-content-changed``, ``sign-transition``), Forbidden (``sign-other-person``), Unprocessable (``COM-37``,
    ``sign-signer-unknown``, ``outbox-no-content``).
    """
    signing = _signing(request)
    existing = signing.context.reader.read(f"Provenance/{signing.id}")
    before = state_of(existing)
    if before == signing.state:
        return Answer(result=existing)
    if signing.state not in NEXT[before]:
        raise Conflict.of(
            "sign-transition",
            f"Une signature « {STATES[before].lower()} » ne peut pas devenir « {STATES[signing.state].lower()} ».",
            f"from {before} to {signing.state}",
        )
    signers = tuple(getattr(host.choose_document(signing.document, signing.context), "signers", ()))
    expected = not signers or signing.capacity in signers
    writes = [_evidence(signing, existing), *_voided(signing)]
    if _makes_final(signing, expected):
        writes += _finalised(signing)
    return Answer(writes=writes, issues=() if expected else (_unexpected(signing.capacity, signers),))


def _signing(request: OperationRequest) -> _Signing:
    document, context, inputs = request.target, request.context, request.parameters
    if document is None:
        raise NotFound.of("sign-no-document", "Le document n'existe pas.")
    if document.get("status") != "current":
        raise Conflict.of(
            "sign-not-current", "Ce document n'est plus en vigueur : signez celui qui le remplace.", "status"
        )
    state = str(inputs.get("state", "signed"))
    if state not in NEXT[""]:
        raise BadRequest.of(
            "sign-state-unknown", "Cet état de signature n'existe pas.", "state", ["Parameters.parameter"]
        )
    if state == "signed-on-paper" and not inputs.get("scan"):
        raise BadRequest.of(
            "sign-scan-missing", "Une signature sur papier demande l'exemplaire numérisé (scan).", "scan"
        )
    signer = signer_of(inputs["signer"], context.reader)
    _check_actor(signer, state, context)
    sha1 = _content(document, context.reader, inputs)
    return _Signing(
        document=document,
        context=context,
        inputs=inputs,
        signer=signer,
        capacity=str(inputs["capacity"]),
        state=state,
        sha1=sha1,
    )


def _check_actor(signer: Signer, state: str, context: Context) -> None:
    """A professional who is known signs for himself only; recording a request, a refusal or a paper is open to others."""
    acting = context.actor.professional
    if state == "signed" and signer.professional and acting and signer.numbers and acting not in signer.numbers:
        raise Forbidden.of(
            "sign-other-person", "Un professionnel ne signe que pour lui-même.", "actor is not the signer"
        )


def _content(document: Resource, reader: Reader, inputs: Mapping[str, Any]) -> str:
    """Return the SHA-1 of what is signed: of the stored bytes where they are here.

    Raises: Conflict (``sign-content-changed``) where the declared or the expected hash is another one.
    """
    declared = content_sha1(document)
    actual = _stored_sha1(document, reader) or declared
    expected = _hexadecimal(inputs.get("hash"))
    if actual != declared or (expected is not None and expected != actual):
        raise Conflict.of(
            "sign-content-changed",
            "Le contenu du document n'est pas celui qui a été lu : rien n'a été signé.",
            "SHA-1 of the content differs from the one declared or expected",
            ["DocumentReference.content.attachment.hash"],
        )
    return actual


def _stored_sha1(document: Resource, reader: Reader) -> str | None:
    attachment = document["content"][0].get("attachment", {})
    target = Reference.parse(str(attachment.get("url", "")))
    binary = reader.read(str(target)) if target is not None and target.type == "Binary" else None
    if binary is None or "data" not in binary:
        return None
    return hashlib.sha1(b64decode(binary["data"]), usedforsecurity=False).hexdigest()


def _hexadecimal(value: Any) -> str | None:
    """Return a hash given in base64, as in Attachment.hash, or already in hexadecimal."""
    if value is None:
        return None
    given = str(value)
    if len(given) == 40:
        return given.lower()
    try:
        return b64decode(given, validate=True).hex()
    except ValueError:
        return given


def state_of(evidence: Resource | None) -> str:
    """Return the state that a Provenance of ours tells; empty where there is none."""
    codings = (evidence or {}).get("activity", {}).get("coding", ())
    return next((str(c["code"]) for c in codings if c.get("system") == STATE), "")


def _evidence(signing: _Signing, existing: Resource | None) -> Resource:
    evidence: Resource = {
        "resourceType": "Provenance",
        "id": signing.id,
        "meta": {"tag": [TAG]},
        "extension": [{"url": CONTENT_SHA1, "valueString": signing.sha1}],
        "target": [{"reference": f"DocumentReference/{signing.document['id']}"}],
        "occurredDateTime": signing.now,
        "recorded": signing.now,
        "activity": _state(signing.state),
        "agent": _agents(signing),
    }
    if existing is not None:
        evidence["meta"]["versionId"] = existing.get("meta", {}).get("versionId", "1")
    if signing.inputs.get("motive"):
        evidence["reason"] = [{"text": str(signing.inputs["motive"])}]
    if signing.inputs.get("scan"):
        evidence["entity"] = [{"role": "source", "what": signing.inputs["scan"]}]
    if signing.state == "signed":
        evidence["signature"] = [_signature(signing)]
    return evidence


def _state(state: str) -> dict[str, Any]:
    return {"coding": [{"system": STATE, "code": state, "display": STATES[state]}], "text": STATES[state]}


def _agents(signing: _Signing) -> list[dict[str, Any]]:
    """Return the signer in his capacity and, where it is somebody else, who recorded it."""
    who = {"type": {"coding": [{"system": CAPACITY, "code": signing.capacity}]}, "who": dict(signing.signer.reference)}
    acting = signing.context.actor.professional
    if not acting or acting in signing.signer.numbers:
        return [who]
    recorder = {
        "type": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "enterer"}
            ]
        },
        "who": {"type": "Practitioner", "identifier": {"system": IDNAT_PS, "value": acting}},
    }
    return [who, recorder]


def _signature(signing: _Signing) -> dict[str, Any]:
    verification = ("1.2.840.10065.1.12.1.5", "Verification Signature")
    consent = ("1.2.840.10065.1.12.1.7", "Consent Signature")
    code, display = verification if signing.signer.professional else consent
    signature: dict[str, Any] = {
        "type": [{"system": ASTM, "code": code, "display": display}],
        "when": signing.now,
        "who": dict(signing.signer.reference),
        "targetFormat": signing.document["content"][0]
        .get("attachment", {})
        .get("contentType", "application/octet-stream"),
    }
    if signing.inputs.get("signature"):
        signature["data"] = signing.inputs["signature"]
        signature["sigFormat"] = str(signing.inputs.get("signature-format", "application/pkcs7-signature"))
    return signature


def _voided(signing: _Signing) -> list[Resource]:
    """Return the pending requests made for another content, of this document or of those it replaces, now voided."""
    documents = [signing.document, *ancestors(signing.document, signing.context.reader)]
    found: list[Resource] = []
    for document in documents:
        criteria = [("target", f"DocumentReference/{document['id']}")]
        found += signing.context.reader.search("Provenance", criteria)
    stale = [p for p in found if state_of(p) in PENDING and _sha1_of(p) != signing.sha1]
    return [{**p, "recorded": signing.now, "activity": _state("voided")} for p in stale]


def _sha1_of(evidence: Resource) -> str:
    values = [e.get("valueString", "") for e in evidence.get("extension", ()) if e.get("url") == CONTENT_SHA1]
    return str(values[0]) if values else ""


def _makes_final(signing: _Signing, expected: bool) -> bool:
    given = signing.state in GIVEN and signing.signer.professional
    return given and expected and signing.inputs.get("final", True) is not False


def _finalised(signing: _Signing) -> list[Resource]:
    """Return the document as final, its first signer as authenticator, and what it replaces as superseded."""
    document = signing.document
    final = {"authenticator": dict(signing.signer.reference), **document, "docStatus": "final"}
    replaced = [d for d in ancestors(document, signing.context.reader) if d.get("status") == "current"]
    return [final, *({**d, "status": "superseded"} for d in replaced)]


def _unexpected(capacity: str, signers: tuple[str, ...]) -> Issue:
    return Issue(
        severity="warning",
        code="business-rule",
        id="sign-capacity-unexpected",
        text=f"Qualités attendues : {', '.join(signers)}. La signature est gardée, le document n'est pas définitif.",
        diagnostics="capacity is not among the signers of the document type",
        expression=("Parameters.parameter.where(name='capacity')",),
    )
