"""The 128 rules of the domains: written, or delegated in the README of their corridor with a reason."""

import re
from pathlib import Path

import pytest

from dui_fhir.plugin_host import PluginHost

PLUGINS = Path(__file__).parents[3] / "plugins"
COUNTS = {"commun": ("COM", 38), "pa": ("PA", 12), "ph": ("PH", 13), "dom": ("DOM", 11), "pde": ("PDE", 19),
          "pds": ("PDS", 10), "ahi": ("AHI", 9), "pjm": ("PJM", 16)}  # fmt: skip
"""Rules of each domain, numbered from 01; those of ours come after."""


def delegated(corridor: str) -> dict[str, str]:
    text = (PLUGINS / corridor / "README.md").read_text(encoding="utf-8")
    _, _, table = text.partition("## Règles déléguées")
    rows = re.findall(r"^\| ([A-Z][^|]+) \| ([^|]+) \|$", table.partition("\n## ")[0], flags=re.M)
    return {id: reason for ids, reason in rows for id in ids.split(", ")}


@pytest.mark.parametrize("corridor", COUNTS)
def test_rules__of_a_domain__each_written_or_delegated_not_both(corridor: str, corridors: PluginHost) -> None:
    prefix, count = COUNTS[corridor]
    written = {rule.id for rule in corridors.rules() if rule.plugin == corridor}
    given_away = delegated(corridor)
    assert {f"{prefix}-{n:02d}" for n in range(1, count + 1)} <= written | set(given_away)
    assert not written & set(given_away)
    assert all(len(reason) > 20 for reason in given_away.values())


def test_rules__counts__are_those_of_the_domains() -> None:
    assert sum(count for _, count in COUNTS.values()) == 128


@pytest.mark.parametrize("corridor", COUNTS)
def test_readme__rules_it_names__exist(corridor: str, corridors: PluginHost) -> None:
    text = (PLUGINS / corridor / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:COM|PA|PH|DOM|PDE|PDS|AHI|PJM)-[0-9]{2}\b", text))
    known = {rule.id for rule in corridors.rules()} | {id for c in COUNTS for id in delegated(c)}
    assert named <= known
    assert "pas encore exécutées" not in text
