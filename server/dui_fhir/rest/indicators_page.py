"""``/indicateurs``: the indicators of a structure over the months, for whoever steers it. Totals only, nobody is named.

One document without script: a form, one curve per indicator, its table. Its policy lets the browser load nothing.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from uuid import uuid4

from flask import Blueprint, Response, request

from dui_fhir.domain.errors import DuiError
from dui_fhir.domain.structure import Structure
from dui_fhir.indicators import operations
from dui_fhir.indicators.evaluation import Result, masked, today_of
from dui_fhir.indicators.period import Period, last_months
from dui_fhir.indicators.report import sentence
from dui_fhir.rest.blueprint import Rest
from dui_fhir.rest.chart import Point, chart, number
from dui_fhir.rest.errors import error_response
from dui_fhir.rest.outgoing import compressed
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceRequest, ServiceResponse

SPANS = (3, 6, 12, 24)
DEFAULT_SPAN = 6
KEPT_MS = 300_000
HELD_MAX = 500
"""Months of structures kept by a process: totals without their lists."""
_MONTHS = ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")


class IndicatorsPage:
    """The page of one engine."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._held: dict[tuple[str, str, str], tuple[int, Sequence[Result]]] = {}

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        blueprint = Blueprint("indicators", __name__)
        for prefix in ("", "/t/<tenant>"):
            blueprint.add_url_rule(f"{prefix}/indicateurs", view_func=self.page, strict_slashes=False)
        return blueprint

    def page(self, tenant: str | None = None) -> Response:
        """Return the page; ``?structure=FINESS&mois=AAAA-MM&duree=6``."""
        try:
            name = tenant or self._rest.default_tenant
            call = self._call(name)
            body = _page(name, self._view(call))
        except DuiError as error:
            return error_response(request, error, request_id=str(uuid4()))
        sent, encoding = compressed(body.encode(), request.headers.get("Accept-Encoding", ""))
        response = Response(sent, mimetype="text/html")
        response.headers["Content-Security-Policy"] = _policy()
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["Vary"] = "Accept-Encoding"
        if encoding:
            response.headers["Content-Encoding"] = encoding
        return response

    def _call(self, tenant: str) -> Call:
        wanted = ServiceRequest(
            tenant=tenant,
            method="GET",
            path="Organization/$indicators",
            base_url=f"/t/{tenant}/fhir",
            actor=self._rest.actor(request.headers, tenant),  # type: ignore[arg-type]
        )
        call = Call(engine=self._rest.engine, request=wanted, dispatch=_nothing)
        call.engine.stores.open(tenant)
        return call

    def _view(self, call: Call) -> "_View":
        structures = operations.structures_of(call)
        today = today_of(operations.circumstances(call))
        month = request.args.get("mois") or last_months(today, 1)[0]
        end = Period.month(month).end
        span = next((s for s in SPANS if str(s) == request.args.get("duree")), DEFAULT_SPAN)
        months = last_months(end, span - 1) + (month,)
        asked = request.args.get("structure")
        chosen = operations.structure_named(call, asked) if asked else next(iter(structures), None)
        by_month = {m: self._results(call, chosen, m) for m in months} if chosen else {}
        return _View(structures, chosen, month, span, by_month)

    def _results(self, call: Call, structure: Structure, month: str) -> Sequence[Result]:
        """Return the totals of a month, a few minutes old at most: going from one view to the next counts nothing again."""
        key = (call.request.tenant, structure.finess, month)
        now_ms = call.engine.clock.now_ms()
        held = self._held.get(key)
        if held is None or now_ms - held[0] > KEPT_MS:
            found = operations.results_of(call, [structure], Period.month(month))
            held = (now_ms, tuple(masked(result, 0) for result in found))
            while len(self._held) >= HELD_MAX:
                self._held.pop(next(iter(self._held)))
            self._held[key] = held
        return held[1]


class _View:
    """What the page shows."""

    def __init__(
        self,
        structures: Sequence[Structure],
        chosen: Structure | None,
        month: str,
        span: int,
        by_month: Mapping[str, Sequence[Result]],
    ) -> None:
        self.structures, self.chosen, self.month, self.span, self.by_month = structures, chosen, month, span, by_month

    def series(self) -> list[list[Result]]:
        """Return the results of each indicator, oldest month first; those that do not concern the structure left out."""
        found: dict[str, list[Result]] = {}
        for results in self.by_month.values():
            for result in results:
                found.setdefault(result.indicator.id, []).append(result)
        return [s for s in found.values() if s[-1].absent != "not-applicable"]

    @property
    def somebody(self) -> bool:
        """Whether anything at all was counted."""
        return any(r.denominator is not None and r.denominator.value for some in self.by_month.values() for r in some)


def _nothing(inner: ServiceRequest) -> ServiceResponse:
    raise AssertionError("a page asks nothing of the server")


# ----------------------------------------------------------------------------------------------------------- HTML


def _page(tenant: str, view: _View) -> str:
    title = f"Indicateurs — {view.chosen.name}" if view.chosen else "Indicateurs"
    return (
        f'<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_style()}</style></head><body>'
        f'<a class="skip" href="#contenu">Aller aux indicateurs</a><header><h1>{escape(title)}</h1>'
        f'<p class="note">Organisme {escape(tenant)}. Chiffres de moins de cinq minutes, sur les dossiers tels qu’ils sont.</p>'
        f'{_form(view) if view.chosen else ""}</header><main id="contenu" tabindex="-1">{_content(view)}</main>'
        f"<footer>{_FOOT}</footer></body></html>"
    )


_FOOT = (
    "Un taux n’est jamais plafonné ; sans dénominateur, il n’y a pas de taux (×). La cible se juge avant tout arrondi. "
    "Pour remettre une preuve : <code>dui-fhir indicators --json</code> ou l’opération <code>$indicators</code>."
)


def _form(view: _View) -> str:
    assert view.chosen is not None
    options = "".join(_option(s.finess, f"{s.name} ({s.finess})", s == view.chosen) for s in view.structures)
    spans = "".join(_option(str(s), f"{s} mois", s == view.span) for s in SPANS)
    return (
        f'<form method="get"><div><label for="structure">Structure</label><select id="structure" name="structure">{options}'
        f'</select></div><div><label for="mois">Dernier mois</label><input id="mois" name="mois" type="month" required '
        f'pattern="[0-9]{{4}}-[0-9]{{2}}" value="{escape(view.month)}"></div><div><label for="duree">Durée</label>'
        f'<select id="duree" name="duree">{spans}</select></div><button type="submit">Afficher</button></form>'
    )


def _option(value: str, text: str, selected: bool) -> str:
    return f'<option value="{escape(value)}"{" selected" if selected else ""}>{escape(text)}</option>'


def _content(view: _View) -> str:
    if view.chosen is None:
        return (
            '<p class="empty">Aucune structure n’est déclarée dans cet organisme.<br>'
            "Pour en déclarer une : <code>dui-fhir tenant add NOM --structure …</code></p>"
        )
    notice = (
        "" if view.somebody else '<p class="empty">Personne n’est accompagné dans cette structure sur ces mois.</p>'
    )
    cards = "".join(_card(series) for series in view.series()) if view.somebody else ""
    return f'{notice}<div class="cards">{cards}</div>'


def _card(series: Sequence[Result]) -> str:
    last, indicator = series[-1], series[-1].indicator
    points = [_point(r) for r in series]
    title = f"{indicator.title}, par mois"
    drawn = chart(indicator.measure_id, title, points, unit=indicator.unit, target=indicator.target)
    return (
        f'<section class="card" aria-labelledby="{indicator.measure_id}"><h2 id="{indicator.measure_id}">'
        f"{escape(indicator.title)}</h2><p><span class='value'>{escape(sentence(last))}</span>{_verdict(last)}</p>"
        f"{drawn}<details><summary>Tableau et définition — {escape(indicator.id)}</summary>{_table(series)}"
        f"<p class='note'>{escape(_definition(last))}</p></details></section>"
    )


def _verdict(result: Result) -> str:
    if result.reached is None:
        return ""
    word, kind = ("cible atteinte", "good") if result.reached else ("cible non atteinte", "bad")
    return f"<span class='verdict {kind}'>{word}</span>"


def _definition(result: Result) -> str:
    i = result.indicator
    return f"{i.numerator_text} / {i.denominator_text}. {i.note} Source : {i.source} ({i.status})."


def _point(result: Result) -> Point:
    exact = result.exact
    return Point(label=_month(result.period), value=None if exact is None else float(exact), text=sentence(result))


def _month(period: Period) -> str:
    return f"{_MONTHS[period.start.month - 1]} {period.start:%y}"


def _table(series: Sequence[Result]) -> str:
    return (
        "<div class='scroll'><table><thead><tr><th scope='col'>Mois</th><th scope='col'>Numérateur</th>"
        f"<th scope='col'>Dénominateur</th><th scope='col'>Taux</th></tr></thead>"
        f"<tbody>{''.join(_rows(series))}</tbody></table></div>"
    )


def _rows(series: Sequence[Result]) -> Iterator[str]:
    for result in series:
        cells = [number(t.value) if t else "—" for t in (result.numerator, result.denominator)]
        numbers = "".join(f"<td class='n'>{cell}</td>" for cell in cells)
        yield f"<tr><th scope='row'>{_month(result.period)}</th>{numbers}<td class='n'>{escape(sentence(result))}</td></tr>"


@cache
def _style() -> str:
    return files("dui_fhir.rest").joinpath("static", "indicators.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
