"""Layout of a corridor's template (Typst) as PDF/A-1b.

The output depends on the template, the data and the pinned ``typst`` package only: fonts are those inside the package
(Libertinus Serif, New Computer Modern, DejaVu Sans Mono: free licences), no system font, no clock. The data reach the
template as JSON in ``sys.inputs.data``: a text is a value there, never markup.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dui_fhir.documents import datamatrix
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.json import dumps

PACKAGES: Final = Path(__file__).parent / "packages"
"""Root of the Typst packages that templates may import: ``@dui/document:1.0.0``."""
STANDARD: Final = "a-1b"
DATAMATRIX: Final = "datamatrix-ins"
"""Value of ``image`` in an object of the data that is to become a datamatrix."""
# C0 and C1 controls, lone surrogates, and the marks that reorder or hide text on paper
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff0-\uffff\ud800-\udfff]"
)


class TypstRenderer:
    """The :class:`~dui_fhir.domain.context.Renderer` of the server. Safe to use from several threads."""

    def pdf(self, template: Path, data: Mapping[str, Any]) -> bytes:
        """Return a PDF/A-1b; the same template and data give the same bytes.

        Shape: ``data`` is JSON. An object ``{"image": "datamatrix-ins", "traits": {…}}`` anywhere in it (traits of
        :class:`dui_fhir.documents.datamatrix.InsTraits`) gets a member ``svg``, to be shown with
        ``image(bytes(x.svg), format: "svg")``. Control and bidirectional characters are left out of texts.
        Raises: Unprocessable (``document-template``) where the template fails or the traits do not fit.
        """
        try:
            inputs = {"data": dumps(_printable(data)).decode()}
        except ValueError as error:
            raise _refusal(template, str(error)) from error
        return _compile(template, inputs)


def _compile(template: Path, inputs: dict[str, str]) -> bytes:
    if not template.is_file():
        raise _refusal(template, "no such file")
    import typst  # most processes lay nothing out

    with tempfile.TemporaryDirectory() as no_cache:
        try:
            compiler: Any = typst.Compiler(
                str(template),
                root=str(template.parent),
                ignore_system_fonts=True,
                package_path=str(PACKAGES),
                package_cache_path=no_cache,
            )
            pdf: bytes = compiler.compile(
                sys_inputs=inputs, format="pdf", pdf_standards=[STANDARD], timestamp=0, pdf_tags=True
            )
        except (typst.TypstError, ValueError, RuntimeError) as error:
            raise _refusal(template, _without_data(str(error), inputs["data"])) from None
    return pdf


def _without_data(message: str, data: str) -> str:
    """Return the first line of a message of Typst, unless it may quote the data: logs hold no personal data."""
    first = message.strip().partition("\n")[0]
    words, known = _words(first), _words(data)
    return first if words.isdisjoint(known) else "failed on the data (message withheld)"


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text))


def _refusal(template: Path, diagnostics: str) -> Unprocessable:
    return Unprocessable.of(
        "document-template",
        "Le document n'a pas pu être mis en page.",
        f"template {template.parent.parent.name}/{template.name}: {diagnostics}",
    )


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNPRINTABLE.sub("", value)
    if isinstance(value, Mapping):
        result = {str(key): _printable(child) for key, child in value.items()}
        if result.get("image") == DATAMATRIX:
            result["svg"] = datamatrix.svg(datamatrix.InsTraits.of(result.get("traits", {})))
        return result
    if isinstance(value, list | tuple):
        return [_printable(child) for child in value]
    return value
