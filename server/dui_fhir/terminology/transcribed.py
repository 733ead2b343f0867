"""Lists of the SMT that the profiles of TDDUI 2.4 bind, whose file is not among the sources: transcribed from their published page.

Source: https://smt.esante.gouv.fr, read in the pages of the guide « Terminologies de Santé » (ansforge), versions below. Each
value set is the whole of its code system; codes in the order of their numbers.
"""

from collections.abc import Iterator
from typing import Any

_SMT = "https://smt.esante.gouv.fr/fhir/"
_LISTS: dict[tuple[str, str, str], tuple[tuple[str, str], ...]] = {
    ("jdv-j366-statut-bilan-projet-personnalise-ms", "tre-r389-statut-bilan-projet-personnalise", "20250415120000"): (
        ("PARTIEL", "Partiel"),
        ("INTERMEDIAIRE", "Intermédiaire"),
        ("FINAL", "Final"),
    ),
    ("jdv-j367-type-projet-personnalise-ms", "tre-r390-type-projet-personnalise", "20250422120000"): (
        ("PAI", "Projet d'Accompagnement Individuel"),
        ("PPA", "Projet Personnalisé d'Accompagnement"),
        ("PPIA", "Projet Personnalisé Individuel d'Accompagnement"),
        ("PP", "Projet Personnalisé"),
        ("PPI", "Projet Personnalisé Individuel"),
        ("PA", "Projet d'Accompagnement"),
        ("PI", "Projet Individuel"),
    ),
    ("jdv-j386-type-enseignement-specialise-ms", "tre-r408-type-enseignement-specialise", "20260202120000"): (
        ("1", "Enseignement à domicile par les services d’éducation et de soins à domicile (SESSAD)"),
        ("2", "Scolarisation en ULIS école"),
        ("3", "Scolarisation en ULIS collège"),
        ("4", "Scolarisation en ULIS lycée"),
        (
            "5",
            "Scolarisation en CLIS1 et ULIS pour troubles importants des fonctions cognitives (TFC) dont les troubles "
            "envahissant du développement (TED) et les troubles spécifiques du langage (TSL)",
        ),
        ("6", "Scolarisation en CLIS2 et ULIS pour handicap auditif (TFA)"),
        ("7", "Scolarisation en CLIS3 et ULIS pour handicap visuel (TFV)"),
        ("8", "Scolarisation en CLIS4 et ULIS pour handicap moteur (TFM) dont les troubles praxiques (tous les dys)"),
        ("9", "Scolarisation en SEGPA (sections d’enseignement général et professionnel adapté)"),
        ("10", "Scolarisation en EREA (établissements régionaux d’enseignement adapté)"),
        ("11", "Scolarisation en IME (instituts médico-éducatif)"),
        ("12", "Scolarisation en IEM (instituts d’éducation motrice)"),
        ("13", "Scolarisation en ITEP (instituts thérapeutiques, éducatifs et pédagogiques)"),
        ("14", "Scolarisation dans un pôle d'enseignement des jeunes sourds (PEJS)"),
        ("15", "Enseignement à domicile avec un SAPAD"),
        ("16", "Enseignement par le CNED"),
        ("17", "Formation en CFA"),
    ),
    ("jdv-j394-type-demande-compensation-ms", "tre-r417-type-demande-compensation", "20260505120000"): (
        ("2", "Allocation d'éducation de l'enfant handicapé (AEEH) et son complément"),
        ("3", "Maintien en ESMS au titre de l'amendement Creton"),
        ("4", "Orientation vers un établissement ou service médico-social (ESMS) pour adultes"),
        ("5.1", "Carte mobilité inclusion - Invalidité ou priorité"),
        ("5.2", "Carte mobilité inclusion - Stationnement"),
        ("6.1", "PCH aide humaine à la parentalité simplifiée"),
        ("6.2", "PCH aides techniques à la parentalité simplifiée"),
        ("6.3", "PCH parentalité simplifiée"),
        ("7.1", "ACFP (Allocation Compensatrice pour frais professionnels)"),
        ("7.2", "ACTP (Allocation Compensatrice pour Tierce Personne)"),
        ("7.3", "AVA (Affiliation gratuite à l'assurance vieillesse des aidants)"),
        ("8.1", "Allocation aux adultes handicapés et complément de ressources - AAH"),
        ("8.2", "Allocation aux adultes handicapés et complément de ressources - Complément de ressources"),
        (
            "9",
            "Parcours de scolarisation et/ou de formation avec ou sans accompagnement par un établissement ou service "
            "médico-social",
        ),
        ("10", "RQTH (Reconnaissance de la qualité de travailleur handicapé)"),
        (
            "11.1",
            "Orientation professionnelle - Etablissement ou service de réadaptation professionnelle (ESRP), Etablissement ou "
            "service de préorientation (ESPO) ou Unité d’évaluation, de réentraînement et d’orientation sociale et "
            "socioprofessionnelle pour personnes cérébro-lésées (UEROS)",
        ),
        ("11.2", "Orientation professionnelle - Marché du travail"),
        ("11.3", "Orientation professionnelle - Etablissement et service d'accompagnement par le travail (ESAT)"),
        ("11.4", "Orientation professionnelle - Emploi accompagné"),
    ),
    ("jdv-j395-nature-demande-compensation-ms", "tre-r418-nature-demande-compensation", "20260505120000"): (
        ("1", "Première demande"),
        ("2", "Ré-examen"),
    ),
    ("jdv-j406-motif-absence-ms", "tre-r424-motif-absence", "20260505120000"): (
        ("1", "Hospitalisation de l'usager"),
        ("2", "Raisons personnelles de l'usager"),
    ),
    ("jdv-j407-type-repas-ms", "tre-r425-type-repas", "20260505120000"): (
        ("1", "Petit-déjeuner"),
        ("2", "Déjeuner"),
        ("3", "Goûter"),
        ("4", "Dîner"),
    ),
}
"""Value set, code system, version → codes and labels."""


def lists(known: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the code systems, those that are published otherwise left out, and the value sets."""
    for (value_set, system, version), codes in _LISTS.items():
        url = f"{_SMT}CodeSystem/{system}"
        if url not in known:
            rows = [{"code": code, "display": display} for code, display in codes]
            header = {"resourceType": "CodeSystem", "url": url, "version": version, "status": "active"}
            yield {**header, "content": "complete", "language": "fr-FR", "concept": rows}
        header = {
            "resourceType": "ValueSet",
            "url": f"{_SMT}ValueSet/{value_set}",
            "version": version,
            "status": "active",
        }
        yield {**header, "compose": {"include": [{"system": url}]}}
