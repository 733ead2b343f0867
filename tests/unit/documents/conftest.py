"""Data of a project as the template receives them: empty, small, long, hostile."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
HOSTILE = '#panic("x") *gras* _it_ $x^2$ <label> @ref `code` \\ "] #eval("1+1") {{}} // fin /* */ = Titre \u202e\x00'


def action(**changes: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("title", "description", "status", "owner", "period", "expected", "opinion"), "")
    return {**empty, "means": [], "services": [], "evaluations": [], **changes}


def goal(**changes: Any) -> dict[str, Any]:
    names = (
        "title",
        "description",
        "status",
        "domain",
        "needs",
        "start",
        "due",
        "expected",
        "referent",
        "opinion",
        "strategy",
    )
    return {**dict.fromkeys(names, ""), "evaluations": [], "actions": [], **changes}


def empty() -> dict[str, Any]:
    person = ("birth_name", "birth_given", "used_name", "used_given", "sex", "birth_date", "birth_place", "local_id")
    project = ("title", "type", "status", "period", "identifier", "description", "communication")
    lists = (
        "life_projects",
        "expectations",
        "evaluations",
        "needs",
        "goals",
        "other_actions",
        "other_means",
        "reviews",
    )
    return {
        "document": {"title": "Projet", "subtitle": "Document établi", "date": "24/11/2026", "date_iso": "2026-11-24"},
        "structure": {"name": "", "finess": "", "address": [], "phone": "", "line": ""},
        "person": {"short": "personne accompagnée", **dict.fromkeys(person, "")},
        "ins": None,
        "project": dict.fromkeys(project, ""),
        **{name: [] for name in (*lists, "participants", "attachments")},
        "agreements": {"person": [], "structure": []},
    }


def with_goals(number: int) -> dict[str, Any]:
    data = empty()
    data["person"] |= {"short": "Jeanne MARTIN", "birth_name": "MARTIN", "birth_given": "Jeanne Ève"}
    acts = [action(title="Marcher", owner="Mme Élodie BERNARD (infirmière)", means=["Barres d'appui"], status="Active")]
    data["goals"] = [goal(title=f"But {n}", status="Actif", actions=deepcopy(acts)) for n in range(number)]
    data["agreements"]["structure"] = [
        {"name": "Mme Anne DURAND", "role": "Directrice", "date": "15/01/2026", "state": "Accord donné", "signed": True}
    ]
    return data


def long() -> dict[str, Any]:
    data = with_goals(3)
    data["goals"][0] |= {"title": "Très " * 60, "strategy": "Une ligne assez longue pour passer à la suivante. " * 300}
    data["goals"][1]["actions"][0] |= {"title": "Anticonstitutionnellement" * 20, "description": "Texte. " * 900}
    data["person"] |= {"birth_name": "X" * 200, "short": "X" * 200}
    return data


def hostile() -> dict[str, Any]:
    data = with_goals(1)
    data["goals"][0] |= {"title": HOSTILE, "description": HOSTILE}
    data["person"] |= {"birth_name": HOSTILE, "short": HOSTILE}
    data["structure"] |= {"name": HOSTILE, "line": HOSTILE, "address": [HOSTILE]}
    data["needs"] = [{"text": "漢字 😀 عربي", "category": HOSTILE, "analysis": "", "note": "- a\n- b", "status": ""}]
    return data


def traits(**changes: str) -> dict[str, str]:
    known = {
        "matricule": "236066322083656",
        "oid": "1.2.250.1.213.1.4.10",
        "given": "CATARINA BELLA",
        "family": "TCHITCHI",
        "sex": "F",
        "birth_date": "1936-06-21",
        "cog": "63220",
    }
    return {**known, **changes}


def qualified() -> dict[str, Any]:
    data = with_goals(1)
    data["ins"] = {
        "matricule": "2360663220836 56",
        "oid": "1.2.250.1.213.1.4.10",
        "label": "Matricule INS",
        "datamatrix": {"image": "datamatrix-ins", "traits": traits()},
    }
    return data


@pytest.fixture
def cases() -> Mapping[str, dict[str, Any]]:
    """Each kind of content by name."""
    return {
        "empty": empty(),
        "one": with_goals(1),
        "forty": with_goals(40),
        "long": long(),
        "hostile": hostile(),
        "qualified": qualified(),
    }


@pytest.fixture
def ins_traits() -> dict[str, str]:
    """Traits of a published test person of the INSi qualification platform."""
    return traits()


@pytest.fixture(params=["pa", "commun"])
def template(request: pytest.FixtureRequest) -> Path:
    """The layout of a project, of each plugin that has one."""
    return ROOT / "plugins" / request.param / "templates" / "ppa.typ"
