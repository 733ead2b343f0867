"""SOAP 1.2 with WS-Addressing, as the national services speak it: reading, faults, answers.

Sources: SOAP 1.2 part 1 (§5.4 faults), WS-Addressing 1.0 SOAP binding (§6 faults), IHE ITI TF-2 appendix V.
"""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from lxml import etree

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
ANONYMOUS = f"{WSA}/anonymous"
Element = Any  # lxml ships no types

_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"]+")


class MalformedXml(ValueError):
    """Bytes that are not the XML this service reads."""


class SoapFault(Exception):
    """A refusal of the message itself.

    ``code`` is the local name of a SOAP 1.2 fault code; ``subcode`` a Clark name; ``detail`` a code of this simulator or
    an element of the service.
    """

    def __init__(
        self, code: str, reason: str, *, subcode: str = "", detail: str | Element = "", status: int = 0
    ) -> None:
        super().__init__(f"{code} {subcode} {detail if isinstance(detail, str) else ''}: {reason}")
        self.code = code
        self.subcode = subcode
        self.reason = reason
        self.detail = detail
        self.status = status or (500 if code == "Receiver" else 400)


def parse(data: bytes) -> Element:
    """Return the root element of ``data``; no entity, no DTD and no network are ever used.

    Raises: MalformedXml.
    """
    # huge_tree lifts libxml2's limit of 10 MB for one text: a PDF inside a CDA may exceed it. The size of a request is
    # bounded before it comes here, and without a DTD no entity can expand.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MalformedXml(f"XML illisible : {error}") from error
    if root.getroottree().docinfo.doctype:
        raise MalformedXml("une déclaration DOCTYPE est interdite")
    return root


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A SOAP request that passed the addressing checks."""

    action: str
    message_id: str
    header: Element
    body: Element  # the only child of soap:Body


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressingRule:
    """Which headers a service demands beside ``wsa:Action`` and ``wsa:MessageID``."""

    understood: frozenset[str]  # Clark names of the header blocks this service processes
    to_and_reply_to: bool = True
    must_understand_action: bool = True


def read(data: bytes, action_of: dict[str, str], rule: AddressingRule) -> Message:
    """Read an envelope; ``action_of`` gives the expected action of each body element (Clark names).

    Raises: SoapFault.
    """
    try:
        envelope = parse(data)
    except MalformedXml as error:
        raise SoapFault("Sender", str(error), detail="SIM-XML") from error
    header, body = _parts(envelope)
    _refuse_not_understood(header, rule)
    content = [child for child in body if isinstance(child.tag, str)]
    if len(content) != 1:
        raise SoapFault("Sender", "soap:Body doit contenir un seul élément.", detail="SIM-CORPS")
    expected = action_of.get(content[0].tag)
    if expected is None:
        raise SoapFault("Sender", f"Opération inconnue : {content[0].tag}", detail="SIM-OPERATION")
    _check_addressing(header, expected, rule)
    return Message(action=expected, message_id=_text(header, "MessageID"), header=header, body=content[0])


def _parts(envelope: Element) -> tuple[Element, Element]:
    if envelope.tag != f"{{{SOAP}}}Envelope":
        version = etree.QName(envelope).localname == "Envelope"
        reason = "SOAP 1.2 est exigé." if version else "La racine n'est pas soap:Envelope."
        raise SoapFault("VersionMismatch" if version else "Sender", reason, detail="SIM-ENVELOPPE")
    children = [child for child in envelope if isinstance(child.tag, str)]
    if [child.tag for child in children] != [f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"]:
        raise SoapFault("Sender", "L'enveloppe doit contenir soap:Header puis soap:Body.", detail="SIM-ENVELOPPE")
    return children[0], children[1]


def _refuse_not_understood(header: Element, rule: AddressingRule) -> None:
    for block in header:
        if not isinstance(block.tag, str) or not _must_understand(block):
            continue
        if etree.QName(block).namespace != WSA and block.tag not in rule.understood:
            raise SoapFault("MustUnderstand", f"En-tête non traité : {block.tag}", detail="SIM-MUSTUNDERSTAND")


def _must_understand(block: Element) -> bool:
    return block.get(f"{{{SOAP}}}mustUnderstand", "").strip() in ("1", "true")


def _check_addressing(header: Element, expected: str, rule: AddressingRule) -> None:
    names = ["Action", "MessageID", *(["To", "ReplyTo"] if rule.to_and_reply_to else [])]
    for name in names:
        count = len(header.findall(f"{{{WSA}}}{name}"))
        if count != 1:
            subcode = "MessageAddressingHeaderRequired" if count == 0 else "InvalidAddressingHeader"
            raise _addressing(subcode, f"Il faut un en-tête wsa:{name} et un seul ; reçu : {count}.")
    if _text(header, "Action") != expected:
        raise _addressing("ActionMismatch", f"wsa:Action attendue : {expected}")
    if rule.must_understand_action and not _must_understand(header.find(f"{{{WSA}}}Action")):
        raise _addressing("InvalidAddressingHeader", 'wsa:Action doit porter soap:mustUnderstand="1".')
    if not _ABSOLUTE_URI.fullmatch(_text(header, "MessageID")):
        raise _addressing("InvalidAddressingHeader", "wsa:MessageID doit être un URI absolu (urn:uuid:…).")
    if rule.to_and_reply_to:
        _check_endpoints(header)


def _check_endpoints(header: Element) -> None:
    if not _ABSOLUTE_URI.fullmatch(_text(header, "To")):
        raise _addressing("InvalidAddressingHeader", "wsa:To doit être un URI absolu.")
    reply_to = header.find(f"{{{WSA}}}ReplyTo")
    if (reply_to.findtext(f"{{{WSA}}}Address") or "").strip() != ANONYMOUS:
        raise _addressing("OnlyAnonymousAddressSupported", f"wsa:ReplyTo/Address doit valoir {ANONYMOUS}.")


def _addressing(subcode: str, reason: str) -> SoapFault:
    return SoapFault("Sender", reason, subcode=f"{{{WSA}}}{subcode}", detail="SIM-WSA")


def _text(header: Element, name: str) -> str:
    return (header.findtext(f"{{{WSA}}}{name}") or "").strip()


def answer(action: str, relates_to: str, body: Element) -> bytes:
    """Return the response envelope that carries ``body``."""
    envelope, content = _envelope()
    header = _header(envelope)
    _sub(header, WSA, "Action", action).set(f"{{{SOAP}}}mustUnderstand", "1")
    _sub(header, WSA, "MessageID", f"urn:uuid:{uuid.uuid4()}")
    _sub(header, WSA, "To", ANONYMOUS)
    if relates_to:
        _sub(header, WSA, "RelatesTo", relates_to)
    content.append(body)
    return _bytes(envelope)


def bare_answer(body: Element) -> bytes:
    """Return a response envelope without header."""
    envelope, content = _envelope()
    content.append(body)
    return _bytes(envelope)


def fault_answer(fault: SoapFault, relates_to: str = "", *, addressed: bool = True) -> bytes:
    """Return the envelope of a SOAP 1.2 fault, with WS-Addressing headers or without any header."""
    envelope, content = _envelope()
    if addressed:
        header = _header(envelope)
        _sub(header, WSA, "Action", f"{WSA}/fault" if fault.subcode.startswith(f"{{{WSA}}}") else f"{WSA}/soap/fault")
        if relates_to:
            _sub(header, WSA, "RelatesTo", relates_to)
    element = _sub(content, SOAP, "Fault")
    code = _sub(element, SOAP, "Code")
    _sub(code, SOAP, "Value", f"soap:{fault.code}")
    if fault.subcode:
        name = etree.QName(fault.subcode)
        prefix = "soap" if name.namespace == SOAP else "sub"
        nsmap = {prefix: name.namespace}
        value = etree.SubElement(_sub(code, SOAP, "Subcode"), f"{{{SOAP}}}Value", nsmap=nsmap)
        value.text = f"{prefix}:{name.localname}"
    reason = _sub(_sub(element, SOAP, "Reason"), SOAP, "Text", fault.reason)
    reason.set("{http://www.w3.org/XML/1998/namespace}lang", "fr")
    if not isinstance(fault.detail, str):
        _sub(element, SOAP, "Detail").append(fault.detail)
    elif fault.detail:
        _sub(_sub(element, SOAP, "Detail"), "urn:dui-fhir:simulateur", "code", fault.detail)
    return _bytes(envelope)


def _envelope() -> tuple[Element, Element]:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP, "wsa": WSA})
    return envelope, _sub(envelope, SOAP, "Body")


def _header(envelope: Element) -> Element:
    header = etree.Element(f"{{{SOAP}}}Header")
    envelope.insert(0, header)
    return header


def _sub(parent: Element, namespace: str, name: str, text: str | None = None) -> Element:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    element.text = text
    return element


def _bytes(envelope: Element) -> bytes:
    return bytes(etree.tostring(envelope, xml_declaration=True, encoding="UTF-8"))
