"""Cost of validation, in CPU time, without network or disk: ``python -m bench.validation``, or ``./run bench validation``.

The figures of the bars of docs/validation.md: base R4, FR Core INS against the R4B model in the same run, TDDUI bundles of
growing size, first compilation, memory.
"""

import argparse
import copy
import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

_CORE = "https://hl7.fr/ig/fhir/core/"
_TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui/"

SMALL: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:bench", "value": "1"}],
    "active": True,
    "name": [{"use": "official", "family": "MESURE", "given": ["Élodie", "Anne"]}],
    "telecom": [{"system": "phone", "value": "0102030405"}],
    "gender": "female",
    "birthDate": "1941-05-06",
    "address": [{"line": ["1 rue du Banc"], "postalCode": "33000", "city": "Bordeaux"}],
}
INS: dict[str, Any] = {
    "resourceType": "Patient",
    "meta": {"profile": [f"{_CORE}StructureDefinition/fr-core-patient-ins|2.1.0"]},
    "extension": [
        {
            "url": f"{_CORE}StructureDefinition/fr-core-identity-reliability",
            "extension": [
                {
                    "url": "identityStatus",
                    "valueCoding": {"system": f"{_CORE}CodeSystem/fr-core-cs-v2-0445", "code": "VALI"},
                }
            ],
        },
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
            "valueAddress": {
                "city": "Bordeaux",
                "extension": [
                    {
                        "url": f"{_CORE}StructureDefinition/fr-core-address-insee-code",
                        "valueCoding": {
                            "system": "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM",
                            "code": "33063",
                        },
                    }
                ],
            },
        },
    ],
    "identifier": [
        {
            "use": "official",
            "type": {"coding": [{"system": f"{_CORE}CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR"}]},
            "system": "urn:oid:1.2.250.1.213.1.4.8",
            "value": "241057606301224",
        }
    ],
    "name": [
        {
            "extension": [
                {
                    "url": f"{_CORE}StructureDefinition/fr-core-patient-birth-list-given-name",
                    "valueString": "Élodie Anne",
                }
            ],
            "use": "official",
            "family": "MESURE",
            "given": ["Élodie"],
        }
    ],
    "telecom": [{"system": "phone", "value": "0102030405"}],
    "gender": "female",
    "birthDate": "1941-05-06",
    "address": [{"line": ["1 rue du Banc"], "postalCode": "33000", "city": "Bordeaux"}],
}


def _task(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "meta": {"profile": [f"{_TDDUI}StructureDefinition/tddui-task-action"]},
        "identifier": [
            {"system": "https://identifiant-medicosocial-action.esante.gouv.fr", "value": f"3480787529/{number}-ACTI-1"}
        ],
        "basedOn": [{"reference": "urn:uuid:plan"}],
        "status": "in-progress",
        "intent": "plan",
        "input": [
            {
                "type": {"coding": [{"system": f"{_TDDUI}CodeSystem/tddui-task-input-action", "code": "titre"}]},
                "valueString": "Aménager la chambre",
            }
        ],
    }


def bundle(entries: int) -> dict[str, Any]:
    """Return a TDDUI transaction: one patient and actions that all point to one plan."""
    plan = {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": "urn:uuid:person"},
    }
    listed = [("person", copy.deepcopy(INS)), ("plan", plan), *((f"t{n}", _task(n)) for n in range(entries - 2))]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "meta": {"profile": [f"{_TDDUI}StructureDefinition/tddui-bundle"]},
        "entry": [
            {
                "fullUrl": f"urn:uuid:{name}",
                "resource": inner,
                "request": {"method": "POST", "url": inner["resourceType"]},
            }
            for name, inner in listed
        ],
    }


def _interleaved(calls: dict[str, Callable[[], Any]], times: int = 200, rounds: int = 9) -> dict[str, float]:
    """Return the best round of each call in milliseconds of CPU, taken in turn: a busy neighbour slows all of them alike."""
    gc.collect()
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(_round_ms(call, times))
    return {name: min(costs) for name, costs in found.items()}


def _round_ms(call: Callable[[], Any], times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - started) / times * 1e3


def _resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def validation(folder: Path, options: argparse.Namespace) -> None:
    """Validation : R4, FR Core INS contre le modèle R4B, lots TDDUI de taille croissante, démarrage, mémoire."""
    # a process of its own: what is resident is then what validation takes
    subprocess.run([sys.executable, "-m", "bench.validation"], check=True, cwd=Path(__file__).parents[1])


def main() -> None:
    """Print the figures."""
    before_mb, started = _resident_mb(), time.process_time()
    from dui_fhir.validation.shipped import library, shipped_packages
    from dui_fhir.validation.validator import Validator

    validator = Validator(library(preferred={"hl7.fhir.fr.core": "2.1.0"}))
    print(f"démarrage (compilation paresseuse) {1e3 * (time.process_time() - started):.0f} ms")
    started = time.process_time()
    validator.validate(INS)
    print(f"premier Patient FR Core INS {1e3 * (time.process_time() - started):.0f} ms")
    _bundles(validator)
    now_mb = _resident_mb()
    more_mb = now_mb - before_mb
    print(
        f"{len(shipped_packages())} guides ; mémoire résidente {now_mb:.0f} Mo, dont {more_mb:.0f} de plus (barre : 80)"
    )
    from fhir.resources.R4B.patient import Patient

    from dui_fhir.terminology import Terminology

    calls: dict[str, Callable[[], Any]] = {
        "R4": partial(validator.validate, SMALL),
        "INS": partial(validator.validate, INS),
    }
    coded = validator.over(Terminology())
    coded.validate(INS)
    calls["codes"] = partial(coded.validate, INS)
    calls["modèle"] = partial(Patient.model_validate, INS)
    cost = _interleaved(calls)
    print(
        f"Patient R4 {cost['R4']:.3f} ms ; FR Core INS {cost['INS']:.3f} ms ; modèle R4B {cost['modèle']:.3f} ms"
        f" (rapport {cost['INS'] / cost['modèle']:.2f}) ; avec la terminologie, comme le serveur : {cost['codes']:.3f} ms"
        f" (rapport {cost['codes'] / cost['modèle']:.2f})"
    )


def _bundles(validator: Any) -> None:
    validator.validate(bundle(10))
    costs = {}
    for entries in (100, 1000, 10_000):
        body = bundle(entries)
        call = partial(validator.validate, body)
        costs[entries] = statistics.median(_round_ms(call, 1) for _ in range(3))
        print(
            f"Bundle TDDUI de {entries} entrées : {costs[entries]:.0f} ms, {costs[entries] / entries:.3f} ms par entrée"
        )
    print(f"de 100 à 10 000 entrées : coût par entrée × {costs[10_000] / costs[100] / 100:.2f}")


if __name__ == "__main__":
    main()
