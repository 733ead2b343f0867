"""Everything a personalised project says, gathered from a CarePlan of TDDUI: what its printed form shows.

Real bundles break their own links: actions ``basedOn`` a plan of another file, Tasks without ``for``, owners that are a
display only (TDDUI, published examples). So an action belongs to the project where it says so *or* where it aims at one of
the project's objectives. Nothing here raises for odd data: what cannot be read is left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from dui_fhir.api import Context, Reader, Reference, Resource

from .ins import HIGH_TRUST, INS_OIDS, identity
from .ppa_text import (  # fmt: skip
    ORIGINS,
    SEXES,
    address_lines,
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
from .reading import TAG, value_of

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
_IDNAT_ST: Final = "urn:oid:1.2.250.1.71.4.2.2"
_GONE: Final = ("entered-in-error",)
_MUTED_TAGS: Final = frozenset({"outbox", "work-list"})
AIMS_AT: Final = "objectif"
"""Search parameter of the common trunk (search/Task-objectif.json): Task by the Goal of ``input:objectif``."""
_VALUES: Final = 50
"""Values given to one search parameter at a time."""


class Gatherer:
    """Reads through one reader, each resource once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._read: dict[str, Resource | None] = {}

    def get(self, reference: Any) -> Resource | None:
        """Return what a Reference element or a literal points to; None where absent, elsewhere, or not readable."""
        literal = text(part(reference, "reference")) if isinstance(reference, dict) else text(reference)
        parsed = Reference.parse(literal)
        if parsed is None:
            return None
        key = str(parsed)
        if key not in self._read:
            self._read[key] = self._reader.read(key)
        return self._read[key]

    def search(self, type: str, *params: tuple[str, str]) -> list[Resource]:
        """Return the matches in a stable order, without what was entered in error and without our own Tasks."""
        found = self._reader.search(type, list(params))
        for resource in found:
            self._read.setdefault(_reference(resource), resource)
        kept = [r for r in found if text(r.get("status")) not in _GONE and text(r.get("lifecycleStatus")) not in _GONE]
        return sorted((r for r in kept if not _tags(r) & _MUTED_TAGS), key=_order)

    def search_all(self, type: str, param: str, references: Sequence[str]) -> list[Resource]:
        """Return the matches of a reference parameter that has one of many values, a few values at a time."""
        batches = [references[i : i + _VALUES] for i in range(0, len(references), _VALUES)]
        return [r for batch in batches for r in self.search(type, (param, ",".join(batch)))]


def _reference(resource: Mapping[str, Any]) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _order(resource: Resource) -> tuple[str, str]:
    """Business number first, so that the document does not depend on ids given by a server."""
    first = next(iter(items(resource.get("identifier"))), {}) if isinstance(resource.get("identifier"), list) else {}
    return text(first.get("value")), text(resource.get("id"))


def collect(care_plan: Resource, reader: Reader, context: Context | None = None) -> dict[str, Any]:
    """Return the content of the document, as JSON for the template; the date of the document is not part of it.

    Shape: ``structure``, ``person``, ``ins`` (None unless qualified), ``project``, ``life_projects``, ``expectations``,
    ``evaluations``, ``needs``, ``goals`` (each with ``actions``), ``other_actions``, ``other_means``, ``reviews``,
    ``participants``, ``agreements`` (``person``, ``structure``), ``attachments``. Texts are French, dates ``JJ/MM/AAAA``,
    empty strings and lists where nothing is known.
    """
    return _Project(care_plan, Gatherer(reader), context).content()


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
        mine = [g for g in self.goals_all if self.reference in _targets(g, f"{_EXTENSION}tddui-careplan-reference")]
        goals = _unique([*mine, *listed])
        self.expectations = [g for g in goals if _kind(g) == "attente"]
        life = [g for g in self.goals_all if _kind(g) == "projet-vie"]
        self.life_projects = _unique([*life, *(g for g in goals if _kind(g) == "projet-vie")])
        self.objectives = [g for g in goals if _kind(g) not in ("attente", "projet-vie")]
        self.needs = self.gather.search("ServiceRequest", ("based-on", self.reference))
        tasks = self.gather.search("Task", ("based-on", self.reference))
        goals_of_plan = {_reference(g) for g in self.objectives}
        aiming = self.gather.search_all("Task", AIMS_AT, sorted(goals_of_plan))
        tasks += [t for t in aiming if goals_of_plan & _aims(t)]
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
            "person": _person(self.patient),
            "ins": self._ins(),
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
        known = self.context.structure if self.context else None
        finess = known.finess if known else _finess(self.plan)
        organization = _organization(finess, self.gather)
        name = (known.name if known else "") or text(part(organization, "name"))
        lines = [w.strip() for w in known.address.split("\n") if w.strip()] if known else []
        addresses = items(part(organization, "address"))
        lines = lines or (address_lines(addresses[0]) if addresses else [])
        phones = [text(t.get("value")) for t in items(part(organization, "telecom")) if t.get("system") == "phone"]
        line = " – ".join(w for w in (name, f"FINESS {finess}" if finess else "") if w)
        return {"name": name, "finess": finess, "address": lines, "phone": next(iter(phones), ""), "line": line}

    def _ins(self) -> dict[str, Any] | None:
        """INS for the first page; only where the identity is qualified and shows it (EXI DIF 02)."""
        parameters = self.context.parameters if self.context else {}
        who = identity(orderly(self.patient))
        if not who.qualified(parameters.get("commun.ins_pieces_haut_niveau", HIGH_TRUST)):
            return None
        traits = {
            "matricule": who.matricule,
            "oid": who.oid,
            "given": who.traits.given,
            "family": who.traits.family,
            "sex": "M" if who.traits.sex == "male" else "F",
            "birth_date": who.traits.birth_date,
            "cog": who.traits.cog,
        }
        spaced = f"{who.matricule[:13]} {who.matricule[13:]}"
        kind = INS_OIDS.get(who.oid, "")
        label = "Matricule INS" if kind in ("NIR", "") else f"Matricule INS ({kind})"
        return {
            "matricule": spaced,
            "oid": who.oid,
            "label": label,
            "datamatrix": {"image": "datamatrix-ins", "traits": traits},
        }

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
        return [a for a in self._of("action") if _reference(goal) in _aims(a)]

    def _objective(self, goal: Resource) -> dict[str, Any]:
        notes = _notes(goal)
        targets = items(goal.get("target"))
        needs = [self.gather.get(a) for a in items(goal.get("addresses"))]
        description = text(part(goal, "description", "text")) or concept(goal.get("description"))
        title = next(iter(notes.get("titreObjectif", ())), "")
        evaluated = [value_of(e) for e in _extensions(goal, f"{_EXTENSION}tddui-evaluation-reference")]
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
        found = self.gather.search("QuestionnaireResponse", ("subject", subject)) if subject else []
        wanted = [
            value_of(e) for g in self.objectives for e in _extensions(g, f"{_EXTENSION}tddui-evaluation-reference")
        ]
        wanted += [v for t in self.tasks for v in _inputs(t, "evaluation")]
        referred = [r for w in wanted if (r := self.gather.get(w))]
        newest: dict[str, Resource] = {}
        for response in sorted(found, key=lambda r: text(r.get("authored"))):
            newest[text(response.get("questionnaire")).partition("|")[0]] = response
        chosen = _unique([*referred, *newest.values()])
        return [self._evaluation(r) for r in sorted(chosen, key=lambda r: (text(r.get("authored")), _order(r)))]

    def _evaluation(self, response: Resource) -> dict[str, str]:
        return {
            "title": _questionnaire_title(text(response.get("questionnaire"))),
            "date": date(response.get("authored")),
            "status": status(response),
            "result": _result(response),
            "author": self._who(response.get("source")) or self._who(response.get("author")),
        }

    def _evaluation_line(self, reference: Any) -> str:
        response = self.gather.get(reference)
        if response is None or response.get("resourceType") != "QuestionnaireResponse":
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
        references = [value_of(e) for h in holders for e in _extensions(h, f"{_EXTENSION}tddui-attachment")]
        references += [v for t in self.tasks for v in _inputs(t, "pieceJointe")]
        titles = [_document_title(d) for r in references if (d := self.gather.get(r))]
        return list(dict.fromkeys(t for t in titles if t))


def organization_of(content: Mapping[str, Any], reader: Reader) -> Resource | None:
    """Return the Organization of the structure named by a content, None where the tenant has none."""
    return _organization(text(part(content, "structure", "finess")), Gatherer(reader))


def _organization(finess: str, gather: Gatherer) -> Resource | None:
    if not finess:
        return None
    found = gather.search("Organization", ("identifier", f"{_IDNAT_ST}|1{finess}"))
    # the one that stands for the structure, before one received in a bundle
    return next((o for o in found if "structure" in _tags(o)), found[0] if found else None)


# --- pure readings


def _person(patient: Resource) -> dict[str, str]:
    names = items(patient.get("name"))
    official = next((n for n in names if n.get("use") == "official"), names[0] if names else {})
    usual = next((n for n in names if n.get("use") == "usual"), {})
    birth_name, used_name = text(official.get("family")), text(usual.get("family"))
    given = official.get("given") if isinstance(official.get("given"), list) else []
    used_given = usual.get("given") if isinstance(usual.get("given"), list) else []
    listed = text(
        _extension_value(
            official, "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name"
        )
    )
    first_given = " ".join(text(g) for g in given or [])
    first_used = " ".join(text(g) for g in used_given or [])
    short = " ".join(w for w in (first_used or first_given, (used_name or birth_name).upper()) if w)
    return {
        "short": short or "personne accompagnée",
        "birth_name": birth_name.upper(),
        "birth_given": listed or first_given,
        "used_name": used_name.upper() if used_name != birth_name else "",
        "used_given": first_used if first_used != first_given else "",
        "sex": SEXES.get(text(patient.get("gender")), ""),
        "birth_date": date(patient.get("birthDate")),
        "birth_place": _birth_place(patient),
        "local_id": _local_id(patient),
    }


def _birth_place(patient: Resource) -> str:
    place = _extension_value(patient, "http://hl7.org/fhir/StructureDefinition/patient-birthPlace")
    if not isinstance(place, dict):
        return ""
    code = text(
        part(
            _extension_value(place, "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code"),
            "code",
        )
    )
    town = text(place.get("city"))
    if town and code:
        return f"{town} (code INSEE {code})"
    return town or (f"code INSEE {code}" if code else "")


def _local_id(patient: Resource) -> str:
    wanted = _IDENTIFIER.format("localusager")
    return next((text(i.get("value")) for i in items(patient.get("identifier")) if i.get("system") == wanted), "")


def _finess(plan: Resource) -> str:
    """FINESS of the business number ``3<FINESS>/<usager>-PPER-<n>``."""
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


def _questionnaire_title(canonical: str) -> str:
    name = canonical.partition("|")[0].rpartition("/")[2]
    known = {
        "tddui-questionnaire-aggir-pa-ssiad": "Grille AGGIR",
        "tddui-questionnaire-aggir-ph-ssiad": "Grille AGGIR (personne handicapée)",
        "tddui-questionnaire-serafin": "Évaluation SERAFIN-PH",
        "tddui-questionnaire-situation-ssiad": "Situation (SSIAD)",
    }
    return known.get(name, name or "Évaluation")


def _result(response: Resource) -> str:
    """Return the answer to ``resultat-eval``: ``GIR 3``."""
    for item in items(response.get("item")):
        if item.get("linkId") == "resultat-eval":
            answers = items(item.get("answer"))
            value = value_of(answers[0]) if answers else None
            words = concept(value) if isinstance(value, dict) else text(value)
            return words.replace("GIR-", "GIR ")
    return ""


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


def _aims(action: Mapping[str, Any]) -> set[str]:
    return {_local(text(part(v, "reference"))) for v in _inputs(action, "objectif")}


def _notes(goal: Resource) -> dict[str, list[str]]:
    notes: dict[str, list[str]] = {}
    for note in items(goal.get("note")):
        for code in _discriminators(note):
            if text(note.get("text")):
                notes.setdefault(code, []).append(text(note.get("text")))
    return notes


def _discriminators(element: Mapping[str, Any]) -> set[str]:
    values = [value_of(e) for e in _extensions(element, f"{_EXTENSION}tddui-discriminator")]
    return {text(c.get("code")) for v in values for c in items(part(v, "coding"))}


def _extensions(element: Any, url: str) -> list[dict[str, Any]]:
    return [e for e in items(part(element, "extension")) if e.get("url") == url]


def _extension_value(element: Any, url: str) -> Any:
    return next((value_of(e) for e in _extensions(element, url)), None)


def _tags(resource: Mapping[str, Any]) -> set[str]:
    return {text(t.get("code")) for t in items(part(resource, "meta", "tag")) if t.get("system") == TAG}


def _targets(resource: Mapping[str, Any], url: str) -> set[str]:
    return {_local(text(part(value_of(e), "reference"))) for e in _extensions(resource, url)}


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
