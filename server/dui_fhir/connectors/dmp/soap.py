"""SOAP 1.2 with WS-Addressing and a security header. Source: IHE ITI TF-2 appendix V; DMP transactions."""

from uuid import uuid4

from lxml import etree

from dui_fhir.connectors.markup import Element, document, maker

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

_MUST = f"{{{SOAP}}}mustUnderstand"

soap, wsa = maker(SOAP), maker(WSA)


def envelope(action: str, to: str, security: Element, body: Element) -> bytes:
    """Return the envelope, with a message id of its own."""
    header = soap(
        "Header",
        _must(wsa("Action", action)),
        wsa("MessageID", f"urn:uuid:{uuid4()}"),
        _must(wsa("ReplyTo", wsa("Address", f"{WSA}/anonymous"))),
        wsa("To", to),
        maker(WSSE)("Security", security),
    )
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP, "wsa": WSA, "wsse": WSSE})
    root.append(header)
    root.append(soap("Body", body))
    # no clean-up of namespaces here: the assertion is signed
    return document(root)


def _must(node: Element) -> Element:
    node.set(_MUST, "true")
    return node
