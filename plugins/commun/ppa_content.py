"""Everything a personalised project says, gathered from a CarePlan of TDDUI: what its printed form shows.

Real bundles break their own links: actions ``basedOn`` a plan of another file, Tasks without ``for``, owners that are a
display only (TDDUI, published examples). So an action belongs to the project where it says so *or* where it aims at one of
the project's objectives. Nothing here raises for odd data: what cannot be read is left out.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from dui_fhir.api import AggirComplete, Context, Reader, Reference, Resource, aggir_grid, evaluate_aggir

from .document_head import ins_of, is_protected, may_be_printed, person_of, structure_of
from .document_text import (  # fmt: skip
    ORIGINS,
    concept,
    date,
    human_name,
    items,
    orderly,
    part,
    period,
    status,
    text,
)
from .gatherer import Gatherer
from .gatherer import order as _order
from .gatherer import reference_of as _reference
from .lenient import extensions
from .reading import value_of

TDDUI: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui"
_EXTENSION: Final = f"{TDDUI}/StructureDefinition/"
_IDENTIFIER: Final = "https://identifiant-medicosocial-{}.esante.gouv.fr"
_KINDS: Final = {
    _IDENTIFIER.format("attente"): "attente", _IDENTIFIER.format("objectif"): "objectif",
    _IDENTIFIER.format("projetvie"): "projet-vie", _IDENTIFIER.format("action"): "action",
    _IDENTIFIER.format("moyenressource"): "moyen", _IDENTIFIER.format("prestation"): "prestation",
    _IDENTIFIER.format("bilan"): "bilan",
}  # fmt: skip
"""Business object of a Goal or Task by the system of its identifier (TDDUI, identifier rules)."""
AIMS_AT: Final = "objectif"
"""Search parameter of the common trunk (search/Task-objectif.json): Task by the Goal of ``input:objectif``."""


def collect(care_plan: Resource, reader: Reader, context: Context | None = None) -> dict[str, Any]:
    """Return the content of the document, as JSON for the template; the date of the document is not part of it.

    Shape: ``structure``, ``person``, ``ins`` (None unless qualified), ``project``, ``life_projects``, ``expectations``,
    ``evaluations``, ``needs``, ``goals`` (each with ``actions``), ``other_actions``, ``other_means``, ``reviews``,
    ``participants``, ``agreements`` (``person``, ``structure``), ``attachments``. Texts are French, dates ``JJ/MM/AAAA``,
    empty strings and lists where nothing is known.
    """
    return _Project(care_plan, Gatherer(reader, lambda r: may_be_printed(r, context)), context).content()


class _Project:
    def __init__(self, plan: Resource, gather: Gatherer, context: Context | None) -> None:
        self.plan, self.gather, self.context = plan, gather, context
        self.reference = _reference(plan)
        self.patient = gather.get(plan.get("subject")) or {}
        subject = text(part(plan, "subject", "reference"))
        self.goals_all = gather.search("Goal", ("patient", subject)) if subject else []
        self.people: dict[str, dict[str, str]] = {}
        self._load()

    def _load(self) -> None:
        """Find the objects of the project: its own, and those that aim at its objectives."""
        listed = [g for r in items(self.plan.get("goal")) if (g := self.gather.get(r))]
        mine = [g for g in self.goals_all if self.reference in plans_of_goal(g)]
        goals = _unique([*mine, *(g for g in listed if self.gather.shown(g))])
        self.expectations = [g for g in goals if _kind(g) == "attente"]
        life = [g for g in self.goals_all if _kind(g) == "projet-vie"]
        self.life_projects = _unique([*life, *(g for g in goals if _kind(g) == "projet-vie")])
        self.objectives = [g for g in goals if _kind(g) not in ("attente", "projet-vie")]
        self.needs = self.gather.search("ServiceRequest", ("based-on", self.reference))
        tasks = self.gather.search("Task", ("based-on", self.reference))
        goals_of_plan = {_reference(g) for g in self.objectives}
        aiming = self.gather.search_all("Task", AIMS_AT, sorted(goals_of_plan))
        tasks += [t for t in aiming if goals_of_plan & aims(t)]
        actions = sorted({_reference(t) for t in tasks})
        tasks += self.gather.search_all("Task", "part-of", actions)
        self.tasks = _unique(tasks)

    def content(self) -> dict[str, Any]:
        goals = [self._objective(g) for g in self.objectives]
        aimed = {_reference(a) for g in self.objectives for a in self._actions_of(g)}
        known = {_reference(a) for a in self._of("action")}
        others = [a for a in self._of("action") if _reference(a) not in aimed]
        content = {
            "structure": self._structure(),
            "person": person_of(self.patient),
            "ins": ins_of(self.patient, self.context),
            "project": self._project(),
            "life_projects": [_life_project(g) for g in self.life_projects],
            "expectations": [_expectation(g) for g in self.expectations],
            "evaluations": self._evaluations(),
            "needs": [_need(n) for n in self.needs],
            "goals": goals,
            "other_actions": [self._action(a) for a in others],
            "other_means": [_means(m) for m in self._of("moyen", "prestation") if not known & _targets_of(m, "partOf")],
            "reviews": [self._review(b) for b in self._of("bilan")],
            "agreements": {
                "person": self._agreements("accordUsager"),
                "structure": self._agreements("accordStructure"),
            },
            "attachments": self._attachments(),
        }
        for member in (self.plan.get("author"), *items(self.plan.get("contributor"))):
            self._who(member)
        for team in items(self.plan.get("careTeam")):
            for participant in items(part(self.gather.get(team), "participant")):
                self._who(participant.get("member"), concept(participant.get("role")))
        content["participants"] = sorted(self.people.values(), key=lambda p: (p["name"], p["role"]))
        return content

    # --- who

    def _who(self, reference: Any, role: str = "") -> str:
        """Return the name of a professional, person or structure, and note it among the participants."""
        found = self._named(reference)
        if found is None:
            return ""
        name, known_role, is_participant = found
        if is_participant:
            entry = self.people.setdefault(name, {"name": name, "role": role or known_role})
            entry["role"] = entry["role"] or role or known_role
        return f"{name} ({known_role})" if known_role else name

    def _named(self, reference: Any) -> tuple[str, str, bool] | None:
        """Return name, role, and whether it is somebody other than the person accompanied."""
        if not isinstance(reference, dict):
            return None
        resource = self.gather.get(reference)
        display = text(reference.get("display"))
        if resource is None:
            return (display, "", True) if display else None
        kind = resource.get("resourceType")
        if kind == "PractitionerRole":
            inner = self._named(resource.get("practitioner"))
            role = concept(resource.get("code")) or (inner[1] if inner else "")
            name = inner[0] if inner else display or role
            return (name, role if name != role else "", True) if name else None
        is_organization = kind == "Organization"
        name = text(resource.get("name")) if is_organization else human_name(_best_name(resource))
        role = _role(resource)
        name = name or display
        return (name, role, kind != "Patient") if name else None

    # --- head

    def _structure(self) -> dict[str, Any]:
        """Structure of the request, else of the business number of the plan, with what its Organization adds."""
        finess = finess_of(self.plan)
        return structure_of(finess, self.gather, self.context, silent=is_protected(self.patient))

    def _project(self) -> dict[str, str]:
        plan = self.plan
        notes = [text(n.get("text")) for n in items(plan.get("note"))]
        return {
            "title": text(plan.get("title")),
            "type": concept(plan.get("category")),
            "status": status(plan),
            "period": period(plan.get("period")),
            "identifier": next((text(i.get("value")) for i in items(plan.get("identifier"))), ""),
            "description": text(plan.get("description")),
            "communication": "\n".join(n for n in notes if n),
        }

    # --- objectives and actions

    def _of(self, *kinds: str) -> list[Resource]:
        return [t for t in self.tasks if _kind(t) in kinds]

    def _actions_of(self, goal: Resource) -> list[Resource]:
        return [a for a in self._of("action") if _reference(goal) in aims(a)]

    def _objective(self, goal: Resource) -> dict[str, Any]:
        notes = _notes(goal)
        targets = items(goal.get("target"))
        needs = [self.gather.get(a) for a in items(goal.get("addresses"))]
        description = text(part(goal, "description", "text")) or concept(goal.get("description"))
        title = next(iter(notes.get("titreObjectif", ())), "")
        evaluated = [value_of(e) for e in extensions(goal, f"{_EXTENSION}tddui-evaluation-reference")]
        return {
            # « Objectif 1 » in the title of published files says no more than the number that the document gives
            "title": description if _is_bare_number(title) or not title else title,
            "description": "" if _is_bare_number(title) or not title else description,
            "status": status(goal),
            "domain": concept(goal.get("category")),
            "needs": "\n".join(text(part(n, "code", "text")) or concept(part(n, "code")) for n in needs if n),
            "start": date(goal.get("startDate")),
            "due": next((date(t.get("dueDate")) for t in targets if t.get("dueDate")), ""),
            "expected": "\n".join(text(t.get("detailString")) for t in targets if t.get("detailString")),
            "referent": self._who(goal.get("expressedBy")),
            "opinion": "\n".join(notes.get("avisUsagerObjectif", ())),
            "strategy": "\n".join(notes.get("strategieMiseEnOeuvreObjectif", ())),
            "evaluations": [w for r in evaluated if (w := self._evaluation_line(r))],
            "actions": [self._action(a) for a in self._actions_of(goal)],
        }

    def _action(self, action: Resource) -> dict[str, Any]:
        means = [m for m in self._of("moyen", "prestation") if _reference(action) in _targets_of(m, "partOf")]
        title, described = _first_text(_inputs(action, "titre")), text(action.get("description"))
        return {
            "title": described or title,
            "description": title if described and title != described else "",
            "status": status(action),
            "owner": self._who(action.get("owner")),
            "period": period(action.get("executionPeriod")),
            "expected": _first_text(_inputs(action, "resultatAttendu")),
            "opinion": _first_text(_inputs(action, "avisUsager")),
            "means": [_means(m) for m in means if _kind(m) == "moyen"],
            "services": [_means(m) for m in means if _kind(m) == "prestation"],
            "evaluations": [w for r in _inputs(action, "evaluation") if (w := self._evaluation_line(r))],
        }

    def _review(self, task: Resource) -> dict[str, Any]:
        prepared = [_signed_note(v, self._who) for v in _inputs(task, "synthesePreparationBilan")]
        return {
            "date": date(part(task, "executionPeriod", "start")),
            "status": concept(task.get("code")) or status(task),
            "scope": _first_text(_inputs(task, "perimetre")),
            "problem": _first_text(_inputs(task, "problematique")),
            "guests": _first_text(_inputs(task, "invite")),
            "preparation": [p for p in prepared if p],
            "summary": _first_text(_inputs(task, "syntheseBilan", "output")),
            "next": date(next(iter(_inputs(task, "dateProchainBilan")), "")),
        }

    # --- evaluations, agreements, attachments

    def _evaluations(self) -> list[dict[str, str]]:
        """Those that the project refers to, and the newest of each other questionnaire about the person."""
        subject = text(part(self.plan, "subject", "reference"))
        found = self.gather.every("QuestionnaireResponse", ("subject", subject)) if subject else []
        wanted = [
            value_of(e) for g in self.objectives for e in extensions(g, f"{_EXTENSION}tddui-evaluation-reference")
        ]
        wanted += [v for t in self.tasks for v in _inputs(t, "evaluation")]
        referred = [r for w in wanted if (r := self.gather.get(w)) and self.gather.shown(r)]
        newest: dict[str, Resource] = {}
        for response in sorted(found, key=lambda r: text(r.get("authored"))):
            newest[text(response.get("questionnaire")).partition("|")[0]] = response
        chosen = _unique([*referred, *newest.values()])
        return [self._evaluation(r) for r in sorted(chosen, key=lambda r: (text(r.get("authored")), _order(r)))]

    def _evaluation(self, response: Resource) -> dict[str, str]:
        return {
            "title": questionnaire_title(text(response.get("questionnaire"))),
            "date": date(response.get("authored")),
            "status": status(response),
            "result": result_of(response, self.context),
            "author": self._who(response.get("source")) or self._who(response.get("author")),
        }

    def _evaluation_line(self, reference: Any) -> str:
        response = self.gather.get(reference)
        if (
            response is None
            or response.get("resourceType") != "QuestionnaireResponse"
            or not self.gather.shown(response)
        ):
            return ""
        words = self._evaluation(response)
        head = f"{words['title']} : {words['result']}" if words["result"] else words["title"]
        return f"{head} ({words['date']})" if words["date"] else head

    def _agreements(self, kind: str) -> list[dict[str, Any]]:
        consents = [
            self.gather.get(info) for info in items(self.plan.get("supportingInfo")) if kind in _discriminators(info)
        ]
        return [signed for c in consents if c for signed in self._signatures(c)]

    def _signatures(self, consent: Resource) -> list[dict[str, Any]]:
        done = consent.get("status") == "active" and bool(text(consent.get("dateTime")))
        state = "Accord donné" if done else {"rejected": "Accord refusé", "inactive": "Accord retiré"}.get(
            text(consent.get("status")), "Accord en attente"
        )  # fmt: skip
        day = date(consent.get("dateTime"))
        performers = items(consent.get("performer")) or [{}]
        signed = []
        for performer in performers:
            found = self._named(performer)
            name, role, _ = found or ("", "", False)
            self._who(performer)
            signed.append({"name": name, "role": role, "date": day, "state": state, "signed": done})
        return signed

    def _attachments(self) -> list[str]:
        holders = [self.plan, *self.objectives, *self.needs]
        references = [value_of(e) for h in holders for e in extensions(h, f"{_EXTENSION}tddui-attachment")]
        references += [v for t in self.tasks for v in _inputs(t, "pieceJointe")]
        titles = [_document_title(d) for r in references if (d := self.gather.get(r)) and self.gather.shown(d)]
        return list(dict.fromkeys(t for t in titles if t))


# --- pure readings


def finess_of(plan: Resource) -> str:
    """Return the FINESS of a business number ``3<FINESS>/<usager>…``; empty where there is none."""
    for identifier in items(plan.get("identifier")):
        head, slash, _ = text(identifier.get("value")).partition("/")
        if slash and head.startswith("3") and len(head) == 10:
            return head[1:]
    return ""


def _life_project(goal: Resource) -> dict[str, str]:
    targets = items(goal.get("target"))
    return {
        "title": text(part(goal, "description", "text")) or concept(goal.get("description")),
        "wish": "\n".join(text(t.get("detailString")) for t in targets if t.get("detailString")),
        "status": status(goal),
        "start": date(goal.get("startDate")),
        "due": next((date(t.get("dueDate")) for t in targets if t.get("dueDate")), ""),
    }


def _expectation(goal: Resource) -> dict[str, Any]:
    notes = _notes(goal)
    origin = ", ".join(notes.get("origineAttente", ()))
    return {
        "origin": ORIGINS.get(origin.lower(), origin),
        "text": text(part(goal, "description", "text")) or concept(goal.get("description")),
        "comments": notes.get("commentaireAttente", []),
    }


def _need(request: Resource) -> dict[str, str]:
    return {
        "text": text(part(request, "code", "text")) or concept(request.get("code")),
        "category": concept(request.get("category")),
        "analysis": "\n".join(w for d in items(request.get("orderDetail")) if (w := concept(d))),
        "note": "\n".join(w for n in items(request.get("note")) if (w := text(n.get("text")))),
        "status": status(request),
    }


def _means(task: Resource) -> str:
    """Return what a means or service is: its description, else its title; with its type where coded."""
    words = text(task.get("description")) or _first_text(_inputs(task, "titre"))
    types = concept([v for v in _inputs(task, "typePrestation") if isinstance(v, dict)]) or concept(task.get("code"))
    return f"{words} ({types})" if words and types and types != words else words or types


def _signed_note(value: Any, who: Callable[[Any], str]) -> str:
    words = text(part(value, "text")) if isinstance(value, dict) else text(value)
    author = who(part(value, "authorReference")) if isinstance(value, dict) else ""
    return f"{author} : {words}" if author and words else words


def _role(resource: Resource) -> str:
    kind = resource.get("resourceType")
    if kind == "Practitioner":
        return concept([q.get("code") for q in items(resource.get("qualification"))])
    if kind == "RelatedPerson":
        return concept(resource.get("relationship"))
    return "personne accompagnée" if kind == "Patient" else ""


def _document_title(document: Resource) -> str:
    titles = [text(part(c, "attachment", "title")) for c in items(document.get("content"))]
    return text(document.get("description")) or next((t for t in titles if t), "")


def _best_name(resource: Resource) -> Any:
    names = items(resource.get("name"))
    return next((n for n in names if n.get("use") == "usual" and n.get("family")), names[0] if names else None)


def questionnaire_title(canonical: str) -> str:
    """Return the name of a questionnaire for people."""
    name = canonical.partition("|")[0].rpartition("/")[2]
    known = {
        "tddui-questionnaire-aggir-pa-ssiad": "Grille AGGIR",
        "tddui-questionnaire-aggir-ph-ssiad": "Grille AGGIR (personne handicapée)",
        "tddui-questionnaire-serafin": "Évaluation SERAFIN-PH",
        "tddui-questionnaire-situation-ssiad": "Situation (SSIAD)",
        "urn:dui-fhir:questionnaire:chutes": "Évaluation du risque de chute",
        "urn:dui-fhir:questionnaire:evaluation-enfant": "Évaluation de la situation de l’enfant",
        "urn:dui-fhir:questionnaire:evaluation-sociale": "Évaluation médicale, psychique et sociale",
    }
    return known.get(name, name or "Évaluation")


def result_of(response: Resource, context: Context | None = None) -> str:
    """Return the answer to ``resultat-eval``: ``GIR 3``; else the GIR that a complete grid gives: ``GIR 3 (calculé)``."""
    for item in items(response.get("item")):
        if item.get("linkId") == "resultat-eval":
            answers = items(item.get("answer"))
            value = value_of(answers[0]) if answers else None
            words = concept(value) if isinstance(value, dict) else text(value)
            if words:
                return words.replace("GIR-", "GIR ")
    return _computed(response, context)


def _computed(response: Resource, context: Context | None) -> str:
    if aggir_grid(response) is None:
        return ""
    table = context.parameters.get("commun.aggir_modalites") if context is not None else None
    sound = orderly(response)
    found = evaluate_aggir(sound, table) if table else evaluate_aggir(sound)
    return f"GIR {found.gir} (calculé)" if isinstance(found, AggirComplete) else ""


def _is_bare_number(title: str) -> bool:
    return title.lower().removeprefix("objectif").strip(" n°.:").isdigit()


def _first_text(values: Iterable[Any]) -> str:
    return next((text(v) for v in values if text(v)), "")


def _inputs(task: Mapping[str, Any], code: str, where: str = "input") -> list[Any]:
    """Return the values of the inputs (or outputs) of a Task that have this code."""
    found = [
        i for i in items(task.get(where)) if code in {text(c.get("code")) for c in items(part(i, "type", "coding"))}
    ]
    return [v for i in found if (v := value_of(i)) is not None]


def aims(action: Mapping[str, Any]) -> set[str]:
    """Return the objectives (``Goal/id``) that an action says it aims at."""
    return {_local(text(part(v, "reference"))) for v in _inputs(action, "objectif")}


def _notes(goal: Resource) -> dict[str, list[str]]:
    notes: dict[str, list[str]] = {}
    for note in items(goal.get("note")):
        for code in _discriminators(note):
            if text(note.get("text")):
                notes.setdefault(code, []).append(text(note.get("text")))
    return notes


def _discriminators(element: Mapping[str, Any]) -> set[str]:
    values = [value_of(e) for e in extensions(element, f"{_EXTENSION}tddui-discriminator")]
    return {text(c.get("code")) for v in values for c in items(part(v, "coding"))}


def plans_of_goal(goal: Mapping[str, Any]) -> set[str]:
    """Return the projects (``CarePlan/id``) that an objective says it belongs to."""
    url = f"{_EXTENSION}tddui-careplan-reference"
    return {_local(text(part(value_of(e), "reference"))) for e in extensions(goal, url)}


def _targets_of(resource: Mapping[str, Any], element: str) -> set[str]:
    return {_local(text(r.get("reference"))) for r in items(resource.get(element))}


def _local(literal: str) -> str:
    parsed = Reference.parse(literal)
    return str(parsed) if parsed else literal


def _kind(resource: Mapping[str, Any]) -> str:
    for identifier in items(resource.get("identifier")):
        if text(identifier.get("system")) in _KINDS:
            return _KINDS[text(identifier.get("system"))]
    if resource.get("resourceType") == "Task":
        return _task_kind(resource)
    notes = _notes(dict(resource))
    return "attente" if "origineAttente" in notes else "objectif"


def _task_kind(task: Mapping[str, Any]) -> str:
    """Kind by the code system of the inputs, where the identifier does not tell."""
    systems = {text(c.get("system")) for i in items(task.get("input")) for c in items(part(i, "type", "coding"))}
    for suffix, kind in (
        ("moyen-ressource", "moyen"),
        ("prestation", "prestation"),
        ("bilan", "bilan"),
        ("action", "action"),
    ):
        if f"{TDDUI}/CodeSystem/tddui-task-input-{suffix}" in systems:
            return kind
    return "action"


def _unique(resources: Iterable[Resource]) -> list[Resource]:
    return sorted({_reference(r): r for r in resources}.values(), key=_order)
