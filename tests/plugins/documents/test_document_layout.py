"""What comes out on paper: every kind lays out, empty and full; tagged PDF/A; one page for the summary; large type for FALC."""

import io
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pypdf
import pytest
from dui_fhir_plugins.commun import document_operations

from dui_fhir.documents import faults
from dui_fhir.domain.change import Resource
from dui_fhir.domain.operation import Answer, OperationRequest
from dui_fhir.plugin_host import PluginHost

from .conftest import (  # fmt: skip
    CATEGORIES,
    CONSENT,
    PATIENT,
    PERSON,
    child_project,
    composition,
    contract,
    health,
    medication,
    plan_with_goal,
    section,
    words,
)

Make = Callable[..., Answer]
Request = Callable[..., OperationRequest]
LONG = (
    "de la Tour d'Auvergne-Lauragais née Wieczorkowska-Świątkiewicz, dite Hortense-Marie-Anastasie Élisabeth Wilhelmine"
)
HOSTILE = '#panic("x") *gras* _it_ $x^2$ <label> @ref `code` \\ "] #eval("1+1") {{}} // fin /* */ = Titre \u202e\x00'


def pdf_of(answer: Answer) -> bytes:
    return next(b64decode(w["data"]) for w in answer.writes if w.get("contentType") == "application/pdf")


def crowded() -> list[Resource]:
    """Thirty-two drugs, thirty conditions, twenty professionals, long words."""
    team = {"resourceType": "CareTeam", "id": "ct", "status": "active", "subject": PERSON,
            "participant": [{"member": {"display": f"M. Prénom NOM-{n}"},
             "role": [{"text": "Aide-soignant"}]} for n in range(20)]}  # fmt: skip
    drugs = [
        medication(n, f"Médicament {n} à libération prolongée " * 3, "1 gélule midi et soir " * 8) for n in range(3, 33)
    ]
    conditions = [
        {
            "resourceType": "Condition",
            "id": f"x{n}",
            "subject": PERSON,
            "code": {"text": f"Pathologie évolutive n° {n} " * 4},
        }
        for n in range(30)
    ]
    risks = [
        {
            "resourceType": "Flag",
            "id": f"r{n}",
            "status": "active",
            "subject": PERSON,
            "code": {"text": f"Risque {n} " * 6},
        }
        for n in range(9)
    ]
    return [*health(), team, *drugs, *conditions, *risks, *plan_with_goal()]


def named(name: str) -> Resource:
    return {**PATIENT, "name": [{"use": "official", "family": name, "given": ["Żaneta Łucja", "Fátima-Zahrāʾ"]}]}


def sources() -> dict[str, list[Resource]]:
    """A resource of each type that documents are made from, and what goes with it."""
    gir = next(r for r in health() if r["id"] == "gir")
    return {
        "Patient": [PATIENT, *health()],
        "CarePlan": plan_with_goal(),
        "Contract": [contract("x")],
        "Consent": [CONSENT],
        "QuestionnaireResponse": [gir],
    }


@pytest.mark.parametrize("plugin", ["commun", *CATEGORIES])
def test_every_kind__of_a_plugin__is_laid_out_with_its_titles_as_tagged_pdfa(
    host: PluginHost, generate: Make, plugin: str
) -> None:
    # the kinds of the trunk are those of a corridor that has few of its own
    corridor = "pds" if plugin == "commun" else plugin
    kinds = {d.id: d for d in reversed(host.documents([corridor]))}
    judged: set[Any] = set()
    for kind in [k for k in kinds.values() if k.made_from and k.plugin == plugin]:
        target, *others = _source(kind)
        for variant in ("", *kind.variants):
            inputs = {"variant": variant} if variant else {}
            pdf = pdf_of(generate(target, *others, kind=kind.id, corridor=corridor, **inputs))
            template = (kind.template, kind.variants.get(variant))
            assert template in judged or faults(pdf) == (), (kind.id, variant)
            judged.add(template)
            reader = pypdf.PdfReader(io.BytesIO(pdf))
            root: Any = reader.trailer["/Root"]
            assert "/StructTreeRoot" in root, "tags, for screen readers"
            assert root["/Lang"].startswith("fr")
            assert reader.metadata is not None
            assert reader.metadata.title
            if not variant and kind.id not in ("ppa", "synthese"):
                text = words(pdf).replace("\n", " ")
                assert [s.title for s in kind.sections if _flat(s.title) not in _flat(text)] == [], kind.id
    assert judged


def _flat(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def _source(kind: Any) -> list[Resource]:
    (type,) = kind.made_from
    if kind.id == "ppe":
        return [child_project("developpement-sante", fratrie="aucune")]
    if type == "Composition":
        code = kind.category.code if kind.category else "x"
        sections = [{**section(s.id, "Texte."), "title": s.title} for s in kind.sections]
        return [composition(code, *sections, code=kind.type.code)]
    found = sources()[type]
    asked = {
        "grille-serafin": _tddui("serafin"),
        "evaluation-familiale": "urn:dui-fhir:questionnaire:evaluation-enfant",
    }
    return [{**found[0], "questionnaire": asked[kind.id]}] if kind.id in asked else found


def _tddui(name: str) -> str:
    return f"https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire/tddui-questionnaire-{name}"


@pytest.mark.parametrize("kind", ["dlu", "transfert-urgences", "livret-accueil"])
def test_empty_file__prints_non_renseigne(generate: Make, kind: str) -> None:
    assert "non renseigné" in words(generate(PATIENT, kind=kind).writes)


@pytest.mark.parametrize("name", ["Martin", LONG, "漢字 عربي", HOSTILE])
@pytest.mark.parametrize("file", ["empty", "full", "crowded"])
def test_summary__whatever_the_file__is_one_page(request_of: Request, file: str, name: str) -> None:
    resources = {"empty": [], "full": health(), "crowded": crowded()}[file]
    answer = document_operations.summary(request_of(named(name), *resources, media="application/pdf"))
    assert answer.result is not None
    pdf = b64decode(answer.result["data"])
    assert faults(pdf) == ()
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) == 1


def test_summary__crowded__says_how_many_are_left_out_and_keeps_every_risk(request_of: Request) -> None:
    answer = document_operations.summary(request_of(PATIENT, *crowded(), media="application/pdf"))
    assert answer.result is not None
    text = words(b64decode(answer.result["data"]))
    assert "autres : voir le dossier" in text.replace("\xa0", " ")
    assert all(f"Risque {n}" in text for n in range(9))


def test_dlu__crowded__keeps_every_drug(generate: Make) -> None:
    text = words(generate(PATIENT, *crowded(), kind="dlu").writes)
    assert all(f"Médicament {n} " in text for n in range(3, 33))


def test_hostile_text__is_printed_as_it_is(generate: Make) -> None:
    evil = {"resourceType": "Condition", "id": "e", "subject": PERSON, "code": {"text": HOSTILE}}
    text = words(generate(named(HOSTILE), evil, kind="dlu").writes)
    assert "#panic" in text
    assert "*gras*" in text


def sizes_of(pdf: bytes) -> dict[float, int]:
    """Return how many characters there are of each type size, in points."""
    found: dict[float, int] = {}

    def visit(text: str, cm: Any, tm: Any, font: Any, size: float) -> None:
        points = round(abs(size * tm[0] * cm[0]), 1)
        found[points] = found.get(points, 0) + len(text.strip())

    for page in pypdf.PdfReader(io.BytesIO(pdf)).pages:
        page.extract_text(visitor_text=visit)
    return {size: count for size, count in found.items() if count}


@pytest.mark.parametrize(
    ("kind", "target", "corridor"),
    [("contrat-sejour", "Contract", "ph"), ("contrat-sejour", "Contract", "ahi"), ("consentement", "Consent", "ph"),
     ("ppa", "CarePlan", "ph"), ("ppa", "CarePlan", "ahi")],
)  # fmt: skip
def test_falc__each_document__large_type_you_and_no_article_of_law(
    generate: Make, kind: str, target: str, corridor: str
) -> None:
    found = sources()[target]
    pdf = pdf_of(generate(*found, kind=kind, corridor=corridor, variant="falc"))
    sizes = sizes_of(pdf)
    small = sum(count for size, count in sizes.items() if size < 14)
    assert small <= 16 * len(pypdf.PdfReader(io.BytesIO(pdf)).pages), "page numbers only"
    text = words(pdf)
    assert "Vous pouvez changer d’avis" in text or "Vous pouvez dire non" in text
    assert not [w for w in ("CASF", "article", "D311", "Sans objet", "non renseigné") if w in text]


def test_falc__sentences__one_a_line_and_a_title_ends_none(generate: Make) -> None:
    text = words(generate(*plan_with_goal(), kind="ppa", corridor="ph", variant="falc").writes).split("\n")
    lines = [line.strip() for line in text]
    assert "Je veux choisir mes légumes." in lines
    assert "M. Karim Benali, kinésithérapeute" in lines
    assert "1er juin 2027" in lines


def test_falc__withdrawal__only_where_the_law_gives_it(generate: Make) -> None:
    elderly = words(generate(contract("x"), kind="contrat-sejour", corridor="pa", variant="falc").writes)
    others = words(generate(contract("x"), kind="contrat-sejour", corridor="ph", variant="falc").writes)
    assert "Si vous changez d’avis" in elderly
    assert "Si vous changez d’avis" not in others
