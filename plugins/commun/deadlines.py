"""Delays of the trunk: COM-11 to 14, 21, 29, 31, 33, 36, 92. Each function yields what is still to be done in a file."""

from collections.abc import Iterator
from datetime import date

from dui_fhir.api import (
    ClockRule,
    Deadline,
    Dossier,
    Resource,
    age_at,
    day_of,
    last,
    moment,
    pending,
    value,
)

from .adverse_events import is_serious
from .projects import is_project
from .reading import EXTENSION, codes, target

_ENDED = frozenset({"cancelled", "rejected", "entered-in-error", "revoked"})
_SIGNED = frozenset({"executed", "amended", "appended", "renewed", "resolved"})
_AMENDED = frozenset({"amended", "appended", "renewed"})
NOTICE = "notice-personne-confiance"
DECISION = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-decision"


def contract_handed_over(dossier: Dossier) -> Iterator[Deadline]:
    """COM-11 (D311 III): fifteen days after the admission, a contract or DIPC was handed over."""
    handed = any(c.get("issued") or _signature(c) for c in _contracts(dossier, "CS", "DIPC"))
    handed = handed or any(dossier.papers("contrat-sejour", "dipc"))
    yield from pending(dossier.days_after(_due_from(dossier), "commun.contrat_remise_jours"), done=handed)


def contract_signed(dossier: Dossier) -> Iterator[Deadline]:
    """COM-12 (D311 III): one month after the admission, the contract is signed, or replaced by a DIPC."""
    done = any(_contracts(dossier, "DIPC")) or any(dossier.papers("dipc"))
    done = done or any(c.get("status") in _SIGNED or _signature(c) for c in _contracts(dossier, "CS"))
    yield from pending(dossier.months_after(_due_from(dossier), "commun.contrat_signature_mois"), done=done)


def amendment(dossier: Dossier) -> Iterator[Deadline]:
    """COM-13 (D311 V): six months after the admission, an amendment states the objectives."""
    yield from pending(
        dossier.months_after(_due_from(dossier), "commun.avenant_mois"), done=_last_amendment(dossier) is not None
    )


def _due_from(dossier: Dossier) -> date | None:
    """Return the admission, None where another document stands for the contract."""
    excluded = dossier.category in dossier.parameters["commun.contrat_categories_exclues"]
    return None if excluded else dossier.admission


def yearly_update(dossier: Dossier) -> Iterator[Deadline]:
    """COM-14 (D311 V): the project or the contract is updated every year; without any, COM-12 and COM-13 speak."""
    if dossier.current is None:
        return
    projects = (p for p in dossier.resources("CarePlan") if is_project(p) and p.get("status") not in _ENDED)
    contracts = (_signature(c) or day_of(c.get("issued")) for c in _contracts(dossier, "CS", "DIPC"))
    known = last([*(moment(p) for p in projects), *contracts, _last_amendment(dossier)])
    yield from pending(dossier.months_after(known, "commun.actualisation_mois"))


def _contracts(dossier: Dossier, *types: str) -> Iterator[Resource]:
    for contract in dossier.of_kind("Contract", *types):
        if contract.get("status") not in _ENDED:
            yield contract


def _signature(contract: Resource) -> date | None:
    return last(day_of(s.get("when")) for signer in contract.get("signer", ()) for s in signer.get("signature", ()))


def _last_amendment(dossier: Dossier) -> date | None:
    days = [dossier.last_paper("avenant")]
    for contract in dossier.resources("Contract"):
        if contract.get("status") in _AMENDED or "avenant" in codes(contract.get("type")):
            days.append(_signature(contract) or day_of(contract.get("issued")) or dossier.admission)
    return last(days)


def person_of_trust(dossier: Dossier) -> Iterator[Deadline]:
    """COM-21 (D311-0-4): eight days before the interview for the contract, an adult has the notice."""
    designated = any(
        "personne-confiance" in codes(r.get("relationship")) and r.get("active", True)
        for r in dossier.resources("RelatedPerson")
    )
    done = designated or any(dossier.papers(NOTICE))
    for interview in dossier.resources("Appointment"):
        day = day_of(interview.get("start"))
        if day is None or interview.get("status") in {"cancelled", "noshow"}:
            continue
        if "entretien-contrat" not in codes(interview.get("appointmentType")) or not _adult(dossier, day):
            continue
        due = dossier.days_before(day, "commun.personne_confiance_avance_jours")
        yield from pending(due, done=done, about=f"Appointment/{interview['id']}")


def _adult(dossier: Dossier, day: date) -> bool:
    return dossier.born is None or age_at(dossier.born, day) >= int(dossier.parameters["commun.majorite_ans"])


def own_access(dossier: Dossier) -> Iterator[Deadline]:
    """COM-29 (L311-3 5°): within twelve months of the admission, the person or a representative read the file."""
    due = dossier.months_after(dossier.admission, "commun.acces_usager_mois")
    # nothing is searched before the delay is over: the traces of a year are many
    if due is not None and due < dossier.today:
        yield from pending(due, done=_was_read(dossier))


def _was_read(dossier: Dossier) -> bool:
    if any(dossier.of_kind("Communication", "acces-dossier")):
        return True
    readers = [dossier.person, *(f"RelatedPerson/{r['id']}" for r in dossier.resources("RelatedPerson"))]
    since = f"ge{dossier.admission}"
    found = dossier.reader.search("AuditEvent", [("agent", ",".join(readers)), ("date", since)])
    return bool(found)


def retention(dossier: Dossier) -> Iterator[Deadline]:
    """COM-31 (CNIL 2023-095): two years after the last contact, archiving is proposed."""
    if dossier.exit is None:
        return
    contacts = [moment(e) for type in ("Encounter", "Communication") for e in dossier.resources(type)]
    yield from pending(dossier.years_after(last([dossier.exit, *contacts]), "commun.base_active_ans"))


def authority_told(dossier: Dossier) -> Iterator[Deadline]:
    """COM-33 (L331-8-1): the authority is told of a serious event without delay."""
    told = {target(a) for c in dossier.of_kind("Communication", "declaration-autorite") for a in c.get("about", ())}
    for event in dossier.resources("AdverseEvent"):
        reference = f"AdverseEvent/{event['id']}"
        if not is_serious(event):
            continue
        done = reference in told or value(event, f"{EXTENSION}declaration-autorite") is not None
        due = dossier.days_after(day_of(event.get("date")), "commun.declaration_autorite_jours")
        text = "L'autorité doit être informée sans délai de cet événement."
        yield from pending(due, done=done, about=reference, text=text)


def rights_expiring(dossier: Dossier) -> Iterator[Deadline]:
    """COM-36: ninety days before the end of a coverage or of a right, unless a later one follows."""
    if dossier.current is None:
        return
    ends: dict[str, tuple[date, str]] = {}
    for kind, end, reference in _rights(dossier):
        ends[kind] = max(ends.get(kind, (end, reference)), (end, reference))
    for kind, (end, reference) in sorted(ends.items()):
        due = dossier.days_before(end, "commun.fin_droits_avance_jours")
        yield from pending(due, about=reference, key=kind)


def _rights(dossier: Dossier) -> Iterator[tuple[str, date, str]]:
    """Yield kind, end and reference of the person's coverages and CDAPH rights; one without an end does not expire."""
    for coverage in dossier.resources("Coverage"):
        end = day_of(coverage.get("period", {}).get("end"))
        if end and coverage.get("status") == "active":
            yield min(codes(coverage.get("type")), default=""), end, f"Coverage/{coverage['id']}"
    for decision in decisions(dossier):
        for right in rights_of(decision):
            end = day_of(value(right, "dateEcheance"))
            if end:
                yield min(codes(value(right, "typeDroitPrestation")), default="droit"), end, f"Basic/{decision['id']}"


def decisions(dossier: Dossier) -> Iterator[Resource]:
    """Yield the decisions on the person and on his requests (in TDDUI the subject is the orientation request)."""
    yield from dossier.resources("Basic")
    for request in dossier.resources("ServiceRequest"):
        yield from dossier.reader.search("Basic", [("subject", f"ServiceRequest/{request['id']}")])


def rights_of(decision: Resource) -> Iterator[Resource]:
    """Yield the rights (droitPrestation) of a CDAPH decision."""
    for extension in decision.get("extension", ()):
        if extension.get("url") == DECISION:
            yield from (e for e in extension.get("extension", ()) if e.get("url") == "droitPrestation")


def file_of_the_dead(dossier: Dossier) -> Iterator[Deadline]:
    """COM-92: some days after the death, the file is closed; a death without a day says no delay."""
    died = day_of(dossier.patient.get("deceasedDateTime"))
    yield from pending(dossier.days_after(died, "commun.deces_cloture_jours"), done=dossier.current is None)


RULES = (
    ClockRule(id="COM-11", find=contract_handed_over),
    ClockRule(id="COM-12", find=contract_signed),
    ClockRule(id="COM-13", find=amendment),
    ClockRule(id="COM-14", find=yearly_update),
    ClockRule(id="COM-21", find=person_of_trust),
    ClockRule(id="COM-29", find=own_access),
    ClockRule(id="COM-31", find=retention),
    ClockRule(id="COM-33", find=authority_told),
    ClockRule(id="COM-36", find=rights_expiring),
    ClockRule(id="COM-92", find=file_of_the_dead),
)
