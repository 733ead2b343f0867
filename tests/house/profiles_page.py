"""Write docs/fr/profils.md from what ships: ``python tests/house/profiles_page.py > docs/fr/profils.md``.

Counts of published examples and of their mutations need ../shared; without it the page cannot be made (None).
"""

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from dui_fhir.domain import json
from dui_fhir.terminology import Terminology
from dui_fhir.validation.overlay import Item
from dui_fhir.validation.shipped import ShippedPackage, shipped_packages, structures

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "../shared/reference/fhir"
OWN = sorted((ROOT / "plugins").glob("*/profiles/*.json"))
HEAD = """# Profils livrés

Page produite par `python tests/house/profiles_page.py` et comparée par un test. Les profils sont prêts sans rien télécharger ;
`dui-fhir ig add` ajoute le paquet officiel d'un guide, qui passe avant. `$validate?profile=<canonique>` juge une ressource ; un
profil déclaré dans `meta.profile` est vérifié à chaque écriture ([validation](../validation.md)).

Origine d'une définition : **publiée** (faits repris du fichier publié) ; **transcrite** (différentiel publié, recopié à la main
depuis la page du guide) ; **dérivée** (écrite d'après le texte du guide). Les deux dernières sont marquées `derived` dans
`profiles/fr/tddui-2.4.0-derived.json` et cèdent au paquet officiel. *Exemples* : exemples publiés qui déclarent le profil, tous
acceptés ou leur défaut nommé (`tests/conformance/test_validation_french.py`), ou l'instance saine du projet pour les
définitions transcrites et dérivées. *Mutations* : éléments contraints ôtés ou changés un à un, toutes trouvées
(`test_validation_french.py`, `test_validation_tddui_derived.py`).

MSS API (`ans.fhir.fr.mss` 0.1.0) ne publie que des modèles logiques : rien à vérifier sur une ressource.
"""
FOOT = """
## Ce qui a été comparé au guide publié

Le paquet officiel `ans.fhir.fr.tddui` 2.4.0-ballot n'est pas dans le registre NPM public, mais les définitions qu'il contient
sont lisibles dans `ansforge/IG-website-release` (dossier `www/ig/fhir/tddui/2.4.0-ballot`, révision 993346f9). Ont été relus,
élément par élément, en regard de leur différentiel publié : `tddui-encounter-evenement`, `tddui-questionnaire-response`,
`tddui-service-request-demande-orientation`, `tddui-basic-decision`, `tddui-task-action`, `tddui-task-moyen-ressource`,
`tddui-task-prestation`, `tddui-task-bilan` et `tddui-document-reference`. Ce qui différait a été corrigé : liaisons des sortes
d'`input`, d'`output` et d'identifiant, un seul code par type d'évènement, commentaires d'`item`, auteurs d'un bilan ou d'une
pièce, expressions des invariants, libellés imposés des identifiants de décision ; une seule identité de demande d'orientation
n'est plus exigée. Les listes de `tddui-discriminator` et d'identifiants ont été relues dans les sources du guide
(`ansforge/IG-fhir-medicosocial-transfert-donnees-dui`).

Deux écarts voulus ou subis : le guide écrit sur l'évènement entier les règles « détail du matériel seulement pour ORG-206 » et «
local seulement pour ORG-207 », ce qui refuse à tort un évènement qui a deux ressources ; elles sont jugées ici sur chaque
ressource utilisée. `tddui-document-reference` dérive de *SimplifiedPublish* d'IHE MHD, qui n'est pas livré : `masterIdentifier`
obligatoire en vient, le reste de ce parent n'est pas vérifié. N'ont pas été comparées : les extensions écrites d'après le texte.

## Profils du projet

| canonique | version | type | pour qui |
|---|---|---|---|
{own}

## Ce que les volets demandent en plus des profils

- **PDSm** : par PATCH, une fiche qui déclare `pdsm-comprehensive-document-reference` ou `pdsm-simplified-publish` ne change que
  `status`, `securityLabel` et l'extension *isArchived* ; autre chose est refusé (405 `core-patch-profile`), rien n'est écrit.
  C'est l'effet qui compte : un `test` ou un remplacement par la même valeur ne change rien. PUT n'est pas limité : le volet
  n'en dit rien. Le PATCH conditionnel `DocumentReference?identifier=…` trouve `masterIdentifier` et `identifier`.
- **Paramètres de recherche** : PDSm (`isArchived`, `period-start`, `period-end`, `authorOrg`) et MHD (`creation`,
  `designationType`, `sourceId`) ; cercle de soins (`start`, `end`, `participant-start`, `participant-end`,
  `managingOrganization`, `birthplace`) ; traçabilité (`period-start`) ; agendas (`created`, `description`) ; notification
  (`event-type`). Tous sont dans `metadata`.
- **Identité INS** : une lecture pour tout le serveur (`domain/ins.py`), un encodage par version de FR Core
  (`domain/ins_fr_core.py`) : 2.1.0, 2.2.0 (paquet de mars 2026) et les constructions d'août 2026, de même numéro, qui ont les
  quatre statuts du RNIV. Règles COM-02 à 04, COM-39 à 42 et COM-73 ; la clé d'un matricule rendu par INSi n'est jamais jugée.
- **Identifiants** : COM-70 (transfert de données, `3` + FINESS / numéro local `-TYPE-` numéro), COM-71 (FINESS, SIREN, SIRET,
  IDNST), COM-72 (RPPS, IDNPS) ; des avertissements, car ce qui est reçu est conservé. Les invariants publiés de TDDUI refusent
  un FINESS de Corse (2A, 2B) : la règle l'accepte.

## Listes de valeurs que le dépôt n'a pas

Une liaison vers l'une d'elles est rendue `validation-code-not-checked` (information), jamais un accord. Elles s'ajoutent par le
paquet `ans.fr.terminologies` (`dui-fhir ig add`) ou en CSV ([terminologie](../terminologie.md)). {count} listes :

| liste | profils qui l'emploient |
|---|---|
{lists}
"""
_PATTERN = "StructureDefinition/"


def _module(path: str) -> ModuleType:
    name = Path(path).stem + "_for_the_page"
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def page() -> str | None:
    """Return the page; None where the published examples are not beside the repository."""
    if not SHARED.is_dir():
        return None
    examples, mutations = _published()
    sections = [section for package in shipped_packages() for section in _section(package, examples, mutations)]
    lists = _unknown_lists()
    rows = "\n".join(f"| `{url}` | {', '.join(names)} |" for url, names in lists.items())
    return HEAD + "".join(sections) + FOOT.format(own="\n".join(_own()), count=len(lists), lists=rows)


def _section(package: ShippedPackage, examples: Counter[str], mutations: Counter[str]) -> Iterator[str]:
    files = [package.file, *([package.derived] if package.derived else [])]
    found = sorted((s for f in files for s in structures(f)), key=lambda s: str(s["url"]))
    yield f"\n## {package.id} {package.version}\n\nCanonique : `{package.canonical}{_PATTERN}…|{package.version}`\n\n"
    yield "| profil | type | origine | exemples | mutations |\n|---|---|---|---|---|\n"
    derived = _module("tests/conformance/test_validation_tddui_derived.py")
    for structure in found:
        name = _name(structure)
        if structure["type"] == "Extension":
            continue
        if name in derived.MUTATIONS and structure.get("derived"):
            made, changed = 1, len(derived.MUTATIONS[name])
        else:
            key = f"{structure['url']}|{structure.get('version', '')}"
            made, changed = examples[key], mutations[key]
        yield f"| `{name}` | {structure['type']} | {_origin(structure)} | {made or '–'} | {changed or '–'} |\n"
    extensions = [s for s in found if s["type"] == "Extension"]
    named = ", ".join(f"`{_name(s)}`" + ("*" if s.get("derived") else "") for s in extensions)
    if extensions:
        more = " (* : dérivée)" if any(s.get("derived") for s in extensions) else ""
        yield f"\n{len(extensions)} extensions{more} : {named}.\n"


def _origin(structure: Any) -> str:
    if not structure.get("derived"):
        return "publiée"
    return "transcrite" if structure.get("from") == "differential" else "dérivée"


def _name(structure: Any) -> str:
    return str(structure["url"]).rsplit("/", 1)[-1]


@cache
def _published() -> tuple[Counter[str], Counter[str]]:
    """Return by canonical with version how many published examples declare a profile, and how many mutations they make."""
    french = _module("tests/conformance/test_validation_french.py")
    examples: Counter[str] = Counter()
    mutations: Counter[str] = Counter()
    for file in french.EXAMPLES:
        resource = json.loads(file.read_bytes())
        library = french._for(file).library
        for canonical in french._declared(resource):
            structure = library.structure(canonical)
            if structure is None:
                continue
            key = f"{structure['url']}|{structure.get('version', '')}"
            examples[key] += 1
            spec = library.spec(canonical)
            if spec is not None and resource["resourceType"] != "Bundle" and file.name not in french.KNOWN:
                mutations[key] += len(
                    list(french._mutations(spec, Item(resource, resource["resourceType"], None, "R")))
                )
    return examples, mutations


def _own() -> Iterator[str]:
    for path in OWN:
        definition = json.loads(path.read_bytes())
        title = definition.get("title", "")
        yield f"| `{definition['url']}` | {definition.get('version', '')} | {definition['type']} | {title} |"


def _unknown_lists() -> dict[str, list[str]]:
    registry = Terminology().registry
    found: dict[str, set[str]] = {}
    for package in shipped_packages():
        for file in (package.file, package.derived):
            for structure in structures(file) if file else ():
                for url in _bound(structure):
                    if registry.value_set(url) is None:
                        found.setdefault(url, set()).add(_name(structure))
    return {url: sorted(names) for url, names in sorted(found.items())}


def _bound(structure: Any) -> Iterator[str]:
    for element in structure["differential"]["element"]:
        binding = element.get("binding", {})
        if "valueSet" in binding and binding.get("strength") != "example":
            yield str(binding["valueSet"]).partition("|")[0]


if __name__ == "__main__":
    print(page() or "", end="")
