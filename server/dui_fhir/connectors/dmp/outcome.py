"""From an answer of the DMP to what becomes of the job. Only busy registries and transport faults are tried again."""

from dui_fhir.connectors.dmp.answers import Failure, Fault, Success, Unreadable, all_in, read
from dui_fhir.connectors.dmp.transport import NoResponse, Response
from dui_fhir.domain.issues import Issue
from dui_fhir.ports import Rejected, RetryLater

BUSY = frozenset({"XDSRegistryBusy", "XDSRepositoryBusy"})
ALREADY_THERE = frozenset({"XDSDuplicateUniqueIdInRegistry", "XDSNonIdenticalHash"})
_TRY_AGAIN_STATUS = frozenset({401, 403, 404, 408, 425, 429})
"""Refusals by a gateway or a wrong setting, not of this message, like a redirect: worth another try once mended."""

_TEXTS = {
    "XDSUnknownPatientId": "Le DMP ne connaît pas cette personne.",
    "XDSPatientIdDoesNotMatch": "Le DMP signale que l'identité du document et celle du lot diffèrent.",
    "XDSMissingDocument": "Le DMP n'a pas trouvé le document dans le message.",
    "XDSMissingDocumentMetadata": "Le DMP n'a pas trouvé la fiche du document.",
    "XDSRegistryMetadataError": "Le DMP refuse la fiche du document.",
    "XDSRepositoryMetadataError": "Le DMP refuse la fiche du document.",
    "XDSRegistryDeprecatedDocumentError": "La version que ce document remplace n'est plus en vigueur au DMP.",
    "XDSReplaceFailed": "Le DMP n'a pas pu remplacer la version précédente.",
    "XDSInvalidDocumentContent": "Le DMP refuse le contenu du document.",
    "XDSDuplicateUniqueIdInRegistry": "Un autre document porte déjà cet identifiant au DMP.",
    "XDSNonIdenticalHash": "Un document de même identifiant et de contenu différent est déjà au DMP.",
}


def answer_of(response: Response | NoResponse) -> Success | Failure | RetryLater | Rejected:
    """Return a registry's word, or what to do without it."""
    if isinstance(response, NoResponse):
        return _no_response(response)
    answer = read(response.content_type, response.body)
    if isinstance(answer, Fault):
        return _fault(answer, response)
    if response.status in _TRY_AGAIN_STATUS or response.status >= 500 or 300 <= response.status < 400:
        return later("dmp-unavailable", "Le DMP est indisponible.", f"HTTP {response.status}", response.retry_after_s)
    if not 200 <= response.status < 300:
        return refused("dmp-http", "Le DMP refuse le message.", f"HTTP {response.status}")
    if isinstance(answer, Unreadable):
        return later("dmp-unreadable", "La réponse du DMP est illisible ; l'envoi sera repris.", answer.why)
    return answer


def failed(failure: Failure) -> RetryLater | Rejected:
    """Return what becomes of a refusal by error codes."""
    if all_in(failure.codes, BUSY):
        return later("dmp-busy", "Le DMP est occupé.", ", ".join(failure.codes))
    return Rejected(
        issues=tuple(
            issue(
                "dmp-refused", _TEXTS.get(code, f"Le DMP refuse le document (code {code})."), f"registry error {code}"
            )
            for code in failure.codes
        )
    )


def later(id: str, text: str, diagnostics: str, after_s: float | None = None) -> RetryLater:
    """Return a passing fault."""
    return RetryLater(issue=issue(id, text, diagnostics), after_s=after_s)


def refused(id: str, text: str, diagnostics: str) -> Rejected:
    """Return a refusal for good."""
    return Rejected(issues=(issue(id, text, diagnostics),))


def issue(id: str, text: str, diagnostics: str) -> Issue:
    """Return one issue of a sending."""
    return Issue(severity="error", code="processing", id=id, text=text, diagnostics=diagnostics)


def _no_response(response: NoResponse) -> RetryLater:
    if response.sent:
        return later("dmp-no-answer", "Le DMP n'a pas répondu ; l'envoi sera repris sans doublon.", response.why)
    return later("dmp-unreachable", "Le DMP est injoignable.", response.why)


def _fault(fault: Fault, response: Response) -> RetryLater | Rejected:
    if fault.sender:
        return refused("dmp-fault", f"Le DMP refuse le message (code {fault.code}).", f"SOAP sender fault {fault.code}")
    text = "Le DMP signale une erreur de son côté."
    return later("dmp-unavailable", text, f"SOAP receiver fault {fault.code}", response.retry_after_s)
