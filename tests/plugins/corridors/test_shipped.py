"""What every shipped corridor must hold: sound folders, FINESS map (D13), stances (D14), no constant delay."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from dui_fhir.plugin_host import PluginHost
from dui_fhir.plugin_kit.checking import check_folder

PLUGINS = Path(__file__).parents[3] / "plugins"
CORRIDORS = sorted(p.parent.name for p in PLUGINS.glob("*/plugin.json"))


@pytest.mark.parametrize("corridor", CORRIDORS)
def test_folder__plugin_check__no_fault(corridor: str) -> None:
    assert check_folder(PLUGINS / corridor) == []


def test_corridors__seven_and_the_trunk__shipped() -> None:
    assert set(CORRIDORS) == {"commun", "pa", "ph", "dom", "pde", "pds", "ahi", "pjm"}


def test_categories__in_two_corridors__the_known_ones_only(corridors: PluginHost) -> None:
    claimed: dict[str, list[str]] = defaultdict(list)
    for plugin in corridors.plugins:
        for category in plugin.categories:
            claimed[category].append(plugin.id)
    shared = {c: sorted(p) for c, p in claimed.items() if len(p) > 1}
    assert shared == {"238": ["pde", "ph"], "344": ["pde", "pjm"], "640": ["dom", "pde"]}


@pytest.mark.parametrize(
    ("category", "expected"),
    [("500", ("pa",)), ("354", ("dom",)), ("189", ("ph",)), ("177", ("pde",)), ("197", ("pds",)), ("214", ("ahi",)),
     ("340", ("pjm",)), ("238", ("ph", "pde")), ("127", ())],
)  # fmt: skip
def test_corridors_for__finess_category__one_table(
    category: str, expected: tuple[str, ...], corridors: PluginHost
) -> None:
    assert corridors.corridors_for(category) == expected


def test_documents__fed_automatically__admitted_by_the_dmp(corridors: PluginHost) -> None:
    admitted = set(corridors.parameters()["commun.dmp_types"])
    fed = [(p.id, d.id, d.type.code) for p in corridors.plugins for d in p.documents if d.dmp != "never"]
    assert [d for d in fed if d[2] not in admitted] == []


def test_documents__28653_4__never_fed_automatically(corridors: PluginHost) -> None:
    stances = {d.dmp for p in corridors.plugins for d in p.documents if d.type.code == "28653-4"}
    assert stances == {"decision", "never"}


def test_documents__ppa_and_social_in_pde_ahi_pjm__decision(corridors: PluginHost) -> None:
    for corridor in ("pde", "ahi", "pjm"):
        stances = {d.id: d.dmp for d in corridors.documents([corridor]) if d.plugin == corridor}
        assert (stances["ppa"], stances["social"]) == ("decision", "decision")


def test_dmp_types__hundred_and_seven_codes__excluded_ones_absent(corridors: PluginHost) -> None:
    parameters = corridors.parameters()
    assert len(set(parameters["commun.dmp_types"])) == 107
    assert not set(parameters["commun.dmp_types"]) & set(parameters["commun.dmp_types_exclus"])


@pytest.mark.parametrize("corridor", [c for c in CORRIDORS if c != "commun"])
def test_matrix__two_persons_of_trust_rows__marked_as_ceiling(corridor: str) -> None:
    rows = json.loads((PLUGINS / corridor / "access.json").read_text())
    trusted = [r for r in rows if r["role"] == "personne-confiance"]
    assert trusted
    assert all("Plafond" in r["note"] for r in trusted)
    assert not [r for r in rows if r["role"] in ("dpo", "admin-technique") and r["category"] not in ("AUD", "HAB")]


TYPES = Path(__file__).parents[3] / "../shared/reference/xds/valuesets/typeCode_class_X04_J66.tsv"


@pytest.mark.skipif(not TYPES.is_file(), reason="needs ../shared")
def test_documents__type_class_label_and_list__as_published(corridors: PluginHost) -> None:
    rows = [line.split("\t") for line in TYPES.read_text().splitlines()[1:]]
    published = {row[0]: (row[2], row[5]) for row in rows}
    for plugin in corridors.plugins:
        for d in plugin.documents:
            assert (d.class_.code, d.type.display) == published[d.type.code], (plugin.id, d.id)
    assert set(corridors.parameters()["commun.dmp_types"]) == {row[0] for row in rows if row[3] == "DMP"}


@pytest.mark.parametrize("corridor", CORRIDORS)
def test_readme__parameters_of_no_official_source__are_open_questions(corridor: str) -> None:
    parameters = json.loads((PLUGINS / corridor / "parameters.json").read_text(encoding="utf-8"))
    unsure = {p["name"] for p in parameters if p["status"] not in ("officiel", "public")}
    _, questions = (PLUGINS / corridor / "README.md").read_text(encoding="utf-8").split("## Questions ouvertes")
    assert {name for name in unsure if f"`{name}`" not in questions} == set()
