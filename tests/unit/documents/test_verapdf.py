"""PDF/A-1b of the documents, judged by veraPDF. Source: ISO 19005-1:2005, level B.

Skipped where Java, Maven or the jars are absent; ``mvn -f tests/unit/documents/verapdf/pom.xml dependency:resolve
dependency:resolve-plugins`` brings them.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.documents import TypstRenderer

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent / "verapdf"
SECTIONED = ("document", "synthese", "contrat-falc")
"""Layouts of documents made of sections."""


@pytest.fixture(scope="module")
def classpath(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not (shutil.which("java") and shutil.which("mvn")):
        pytest.skip("veraPDF not judged: no Java or no Maven here")
    file = tmp_path_factory.mktemp("maven") / "classpath"
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={file}"]
    done = subprocess.run(["mvn", "-o", "-q", "-f", str(HERE / "pom.xml"), *goal], capture_output=True, timeout=120)
    if done.returncode:
        pytest.skip("veraPDF not judged: its jars are not in the local Maven repository")
    return file.read_text()


@pytest.mark.slow
def test_pdfa__every_kind_of_content__verapdf_finds_compliant(
    classpath: str, cases: Mapping[str, dict[str, Any]], tmp_path: Path
) -> None:
    renderer, template = TypstRenderer(), ROOT / "plugins" / "pa" / "templates" / "ppa.typ"
    for name, data in cases.items():
        (tmp_path / f"{name}.pdf").write_bytes(renderer.pdf(template, data))
    for name in SECTIONED:
        made = renderer.pdf(ROOT / "plugins/commun/templates" / f"{name}.typ", _sections(cases["qualified"]))
        (tmp_path / f"{name}.pdf").write_bytes(made)
    (tmp_path / "not-pdfa.pdf").write_bytes(_plain_pdf())
    files = sorted(str(f) for f in tmp_path.glob("*.pdf"))
    done = subprocess.run(
        ["java", "-cp", classpath, str(HERE / "Judge.java"), *files], capture_output=True, text=True, timeout=120
    )
    verdicts = dict(line.split("\t") for line in done.stdout.splitlines() if "\t" in line)
    assert verdicts.pop("not-pdfa.pdf") != "compliant", "the judge sees nothing"
    assert verdicts == {f"{name}.pdf": "compliant" for name in (*cases, *SECTIONED)}


def _sections(data: dict[str, Any]) -> dict[str, Any]:
    """A document made of one section with each sort of part."""
    blocks = [
        {"kind": "fields", "pairs": [["Depuis le", "01/06/2025"]]},
        {"kind": "table", "header": ["Nom", "Lien"], "widths": [2, 1], "rows": [["Paul MARTIN", "Fils"], ["Ève", ""]]},
        {"kind": "list", "items": ["Un risque"]},
        {"kind": "text", "text": "Une phrase. Une autre."},
        {"kind": "sub", "title": "Dessous", "blocks": []},
        {"kind": "note", "text": "Une remarque."},
    ]
    ids = ("parties", "objectifs", "tarifs")
    sections = [{"id": i, "title": i, "required": False, "empty": False, "blocks": blocks} for i in ids]
    return {**data, "sections": sections, "signatures": [], "document": {**data["document"], "kind": "dipc"}}


def _plain_pdf() -> bytes:
    import typst

    pdf = typst.compile(b"Un PDF sans identification PDF/A.", format="pdf")
    assert isinstance(pdf, bytes)
    return pdf
