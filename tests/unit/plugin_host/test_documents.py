"""Which type a DocumentReference is; a doubt is settled for the most closed one."""

from pathlib import Path

import pytest

from dui_fhir.plugin_host.documents import document_type, type_of


def _type(id, plugin="xy", stance="auto", category=None, code="N"):
    value = {
        "id": id,
        "title": id,
        "type": {"system": "urn:t", "code": code, "display": "Note"},
        "class": {"system": "urn:c", "code": "C", "display": "Classe"},
        "signers": [],
        "dmp": {"stance": stance, "reason": "Une raison."},
        "mssante": True,
        "source": "J",
    }
    if category:
        value["category"] = {"system": "urn:k", "code": category, "display": category}
    return document_type(value, plugin=plugin, folder=Path("/nulle-part"))


def _document(code="N", system="urn:t", *categories):
    coding = {"code": code} | ({"system": system} if system else {})
    return {
        "resourceType": "DocumentReference",
        "type": {"coding": [{"system": "urn:autre", "code": "Z"}, coding]},
        "category": [{"coding": [{"system": "urn:k", "code": c}]} for c in categories],
    }


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (_document(), "simple"),
        (_document("N", None), "simple"),
        (_document("N", "urn:t", "juge"), "au-juge"),
        (_document("N", "urn:t", "inconnue"), "simple"),
        (_document("N", "urn:faux"), None),
        (_document("M"), None),
        ({"resourceType": "DocumentReference"}, None),
        ({"resourceType": "DocumentReference", "type": {"text": "Note"}, "category": [None]}, None),
    ],
)
def test_type_of__codes__decide(document, expected) -> None:
    found = type_of(document, [_type("simple"), _type("au-juge", category="juge")])

    assert (found and found.id) == expected


def test_type_of__category_missing_and_every_type_has_one__most_closed() -> None:
    types = [
        _type("ouvert", category="a"),
        _type("ferme", stance="never", category="b"),
        _type("choix", stance="decision", category="c"),
    ]

    found = type_of(_document(), types)

    assert found is not None
    assert found.id == "ferme"


def test_type_of__specific_plugin_and_trunk__specific_one() -> None:
    found = type_of(_document(), [_type("a"), _type("b", plugin="commun", stance="never")])

    assert found is not None
    assert found.id == "a"


def test_as_kind__made_here__tells_sections_sources_and_templates() -> None:
    entry = {
        "id": "ppa",
        "title": "Projet",
        "type": {"system": "urn:t", "code": "N", "display": "Note"},
        "class": {"system": "urn:c", "code": "C", "display": "Classe"},
        "signers": ["directeur"],
        "dmp": {"stance": "auto"},
        "mssante": True,
        "source": "J",
        "made_from": ["CarePlan"],
        "variants": {"falc": "templates/f.typ", "autre": None},
        "sections": [
            {"id": "but", "title": "But", "required": True},
            {"id": "fin", "title": "Fin", "content": "clause:fin"},
        ],
    }
    kind = document_type(entry, plugin="xy", folder=Path("/nulle-part")).as_kind()
    assert (kind.key, kind.id, kind.made_from) == ("xy/ppa", "ppa", ("CarePlan",))
    assert [(s.id, s.required, s.content) for s in kind.sections] == [
        ("but", True, "but"),
        ("fin", False, "clause:fin"),
    ]
    assert kind.variants == {"falc": Path("/nulle-part/templates/f.typ"), "autre": None}
    assert (kind.template, kind.format, kind.class_["code"]) == (None, None, "C")
