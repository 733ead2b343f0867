"""The XHTML allowed in a narrative. Source: FHIR R4, narrative.html#xhtml (txt-1, txt-2)."""

from lxml import etree

_XHTML = "{http://www.w3.org/1999/xhtml}"
_ELEMENTS = frozenset(
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p "
    "pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var".split()
)
_ATTRIBUTES = frozenset(
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class "
    "colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan rules "
    "scope shape span src start style summary tabindex title type valign value vspace width".split()
)
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_URLS = ("http:", "https:", "mailto:", "#", "data:image/", "tel:")


def narrative_fault(text: str) -> str | None:
    """Return what is wrong (technical English, no content quoted), or None."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text or "<?" in text:
        return "declaration or processing instruction"
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError):
        return "not well-formed XML"
    if root.tag != f"{_XHTML}div":
        return "root is not an XHTML div"
    for element in root.iter():
        fault = _element_fault(element)
        if fault is not None:
            return fault
    return None if _has_content(root) else "no text and no image"


def _element_fault(element: "etree._Element") -> str | None:
    if not isinstance(element.tag, str):
        return None if isinstance(element, etree._Comment) else "entity or processing instruction"
    if not element.tag.startswith(_XHTML) or element.tag.removeprefix(_XHTML) not in _ELEMENTS:
        return f"element {element.tag.rsplit('}', 1)[-1][:30]} is not allowed"
    for name, value in element.attrib.items():
        if name not in _ATTRIBUTES and name != _XML_LANG:
            return f"attribute {str(name)[:30]} is not allowed"
        if (
            name in ("href", "src")
            and ":" in str(value).split("/", 1)[0]
            and not str(value).strip().lower().startswith(_URLS)
        ):
            return f"{name} with a scheme that is not allowed"
    return None


def _has_content(root: "etree._Element") -> bool:
    return any(t.strip() for t in root.itertext()) or root.find(f".//{_XHTML}img") is not None


def language_fault(narrative: object, language: object, modes: tuple[str, ...]) -> str | None:
    """Return how the sections of a narrative break the languages that a profile allows, or None.

    ``modes``: ``_no`` a text without sections by language, ``_yes`` any sections by language, ``_resource`` a section in the
    language of the resource, or the code of a language. Source: extension narrative-language-control.
    """
    text = narrative.get("div") if isinstance(narrative, dict) else None
    if not isinstance(text, str) or narrative_fault(text) is not None:
        return None
    sections = {str(e.get("lang")) for e in etree.fromstring(text) if e.get("lang")}
    for mode in modes:
        wanted = str(language) if mode == "_resource" else mode
        if (mode == "_no" and not sections) or (mode == "_yes" and sections) or wanted in sections:
            return None
    return "narrative sections do not fit the languages of the profile"
