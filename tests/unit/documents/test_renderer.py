"""Layout as PDF/A-1b: facts of the file, hostile text, determinism, errors."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdf
import pytest
import typst

from dui_fhir.documents import TypstRenderer, faults
from dui_fhir.domain.errors import Unprocessable

Cases = Mapping[str, dict[str, Any]]
RENDERER = TypstRenderer()


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text().replace("\u200b", "") for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize("name", ["empty", "one", "forty", "long", "hostile", "qualified"])
def test_pdf__any_content__is_pdfa_1b(cases: Cases, template: Path, name: str) -> None:
    assert faults(RENDERER.pdf(template, cases[name])) == ()


def test_pdf__same_data__is_the_same_file(cases: Cases, template: Path) -> None:
    assert RENDERER.pdf(template, cases["qualified"]) == TypstRenderer().pdf(template, cases["qualified"])


def test_pdf__forty_objectives__are_all_there_with_page_numbers(cases: Cases, template: Path) -> None:
    found = pages(RENDERER.pdf(template, cases["forty"]))
    text = "\n".join(found)
    assert all(f"But {n}" in text for n in range(40))
    assert all(f"page {n} / {len(found)}" in page for n, page in enumerate(found, 1))
    assert "Jeanne MARTIN" in found[1]
    assert "Document du 24/11/2026" in found[1]


def test_pdf__long_table__repeats_its_header_on_each_page(cases: Cases, template: Path) -> None:
    data = cases["one"]
    data["goals"][0]["actions"] *= 80
    found = pages(RENDERER.pdf(template, data))
    with_rows = [page for page in found if "Barres d’appui" in page]
    assert len(with_rows) > 2
    assert all("Moyens et prestations" in page for page in with_rows)


def test_pdf__long_text__flows_without_losing_any(cases: Cases, template: Path) -> None:
    data = cases["one"]
    data["goals"][0]["strategy"] = " ".join(f"mot{n}" for n in range(4000))
    text = "\n".join(pages(RENDERER.pdf(template, data))).replace("-\n", "")
    assert all(f"mot{n}" in text for n in (0, 1234, 3999))


def test_pdf__nothing_known__says_so_in_each_section(cases: Cases, template: Path) -> None:
    text = "\n".join(pages(RENDERER.pdf(template, cases["empty"])))
    for section in ("Projet de vie et attentes", "Besoins", "Objectifs et actions", "Bilans", "Participants", "Annexe"):
        assert "non renseigné" in text.split(section, 1)[1][:160], section
    assert "INS" not in text


def test_pdf__markup_in_texts__is_printed_as_typed(cases: Cases, template: Path) -> None:
    text = "".join(pages(RENDERER.pdf(template, cases["hostile"])))
    assert '#panic("x") *gras* _it_ $x^2$' in text.replace("\n", " ")
    assert "#eval(" in text


def test_pdf__qualified_identity__shows_the_datamatrix_on_the_first_page_only(cases: Cases, template: Path) -> None:
    data = cases["qualified"]
    data["goals"] *= 20
    first, *others = pages(RENDERER.pdf(template, data))
    assert "INS à scanner" in first
    assert "1.2.250.1.213.1.4.10" in first
    assert others
    assert not any("INS à scanner" in page for page in others)


def test_pdf__fonts__are_those_of_the_package_only(cases: Cases, template: Path) -> None:
    reader = pypdf.PdfReader(io.BytesIO(RENDERER.pdf(template, cases["hostile"])))
    fonts = {str(font["/BaseFont"]).partition("+")[2] for page in reader.pages for font in _fonts(page)}
    assert fonts
    assert all(name.startswith(("Libertinus", "NewCM", "DejaVu")) for name in fonts)


def _fonts(page: Any) -> list[Any]:
    return [font.get_object() for font in page["/Resources"].get_object()["/Font"].get_object().values()]


def test_pdf__template_that_fails__is_a_refusal_without_personal_data(tmp_path: Path) -> None:
    broken = tmp_path / "broken.typ"
    broken.write_text('#let data = json(bytes(sys.inputs.data))\n#panic("x " + data.secret)')
    with pytest.raises(Unprocessable) as refusal:
        RENDERER.pdf(broken, {"secret": "1470403"})
    (issue,) = refusal.value.issues
    assert issue.id == "document-template"
    assert "1470403" not in issue.diagnostics
    assert refusal.value.__cause__ is None


def test_pdf__template_with_a_mistake__says_which(tmp_path: Path) -> None:
    broken = tmp_path / "broken.typ"
    broken.write_text("#unknown-function()")
    with pytest.raises(Unprocessable) as refusal:
        RENDERER.pdf(broken, {"secret": "1470403"})
    assert "unknown variable: unknown-function" in refusal.value.issues[0].diagnostics


@pytest.mark.parametrize("data", [{"image": "datamatrix-ins", "traits": {"sex": "F"}}, {"image": "datamatrix-ins"}])
def test_pdf__traits_that_do_not_fit__is_a_refusal(template: Path, data: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable) as refusal:
        RENDERER.pdf(template, data)
    assert refusal.value.issues[0].id == "document-template"


def test_pdf__template_that_is_not_there__is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(Unprocessable) as refusal:
        RENDERER.pdf(tmp_path / "none.typ", {})
    assert refusal.value.issues[0].id == "document-template"


def test_faults__plain_pdf__names_what_is_missing() -> None:
    plain = typst.compile(b"Bonjour", format="pdf")
    assert isinstance(plain, bytes)
    found = faults(plain)
    assert "no PDF/A output intent" in found
    assert any("pdfaid" in fault for fault in found)


def test_faults__transparency__is_seen() -> None:
    seen = typst.compile(b"#rect(fill: rgb(255, 0, 0, 50%))", format="pdf")
    assert isinstance(seen, bytes)
    assert "transparency" in faults(seen)


def test_faults__no_pdf__is_said() -> None:
    assert faults(b"GIF89a") == ("no PDF header",)
