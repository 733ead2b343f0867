"""What the command does around the server: tenants, the worker, the daily rules. Wires adapters as ``app`` does."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dui_fhir import __version__, app
from dui_fhir.domain.change import Resource
from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.errors import BadRequest, Conflict
from dui_fhir.domain.structure import Structure
from dui_fhir.indicators.publication import publish_measures
from dui_fhir.plugin_host import PluginHost
from dui_fhir.ports import Connector, Store, Stores
from dui_fhir.service import own_parameters, standards, tenant_settings
from dui_fhir.service.engine import Engine
from dui_fhir.service.guided import guided
from dui_fhir.service.publication import publish_questionnaires
from dui_fhir.service.structures import list_structures, register
from dui_fhir.settings import Settings
from dui_fhir.store import open_stores
from dui_fhir.subscriptions import letters
from dui_fhir.validation.policy import Policy

if TYPE_CHECKING:
    from dui_fhir.connectors.dmp.client import DmpConnector
    from dui_fhir.jobs.reindexing import Reindexing


def add_tenant(
    settings: Settings, name: str, structures: Sequence[Structure], corridors: Sequence[str] = ()
) -> list[str]:
    """Create a tenant where it is not there, and add or change its structures. Returns: what was done, in French.

    Raises: BadRequest (``tenant-name``, ``tenant-corridor``), and what the store raises.
    """
    host = PluginHost.load(settings)
    chosen = [_with_corridors(s, corridors, host) for s in structures]
    engine = app.build_engine(settings, writer="own")
    try:
        known = name in engine.stores.names()
        store = engine.stores.open(name) if known else engine.stores.create(name)
        for structure in chosen:
            register(store, structure, engine.extractor)
        _publish(store, engine)
    finally:
        engine.stores.close()
    return [f"Organisme « {name} » {'complété' if known else 'créé'}.", *(_told(s) for s in chosen)]


def _publish(store: Store, engine: Engine) -> None:
    """Store what the plugins ship and clients read: indicators and evaluations."""
    publish_measures(store, engine.extractor, engine.host)
    publish_questionnaires(store, engine.extractor, engine.host)


def _with_corridors(structure: Structure, corridors: Sequence[str], host: PluginHost) -> Structure:
    """Decision D13: the category names the corridor; several or none is the operator's choice."""
    unknown = sorted(set(corridors) - {p.id for p in host.plugins})
    if unknown:
        raise BadRequest.of("tenant-corridor", f"Couloir inconnu ou inactif : {', '.join(unknown)}.", "corridor")
    return replace(structure, corridors=tuple(corridors) or _only(host.corridors_for(structure.category)))


def _only(found: tuple[str, ...]) -> tuple[str, ...]:
    return found if len(found) == 1 else ()


def _told(structure: Structure) -> str:
    line = f"  {structure.finess} {structure.name} : {', '.join(structure.corridors) or 'tronc commun seul'}"
    if structure.corridors:
        return line
    return f"{line} (catégorie {structure.category} sans couloir unique : précisez --corridor si besoin)"


def list_tenants(settings: Settings) -> list[tuple[str, tuple[Structure, ...]]]:
    """Return the tenants and their structures, sorted."""
    if settings.store == "sqlite" and not Path(settings.data_dir).exists():
        return []
    with _opened(settings, writer="own") as stores:
        return [(name, list_structures(stores.open(name))) for name in stores.names()]


def set_tenant(settings: Settings, name: str, key: str, values: Sequence[str]) -> list[str]:
    """Change one setting of a tenant, or none = back to the server's. Returns: what was done and doubts, in French.

    Raises: BadRequest (``tenant-setting``), NotFound (``tenant-unknown``), Conflict (``tenant-setting-race``).
    """
    if key not in standards.SETTINGS:
        text = f"Réglage inconnu : « {key[:60]} ». Réglages d'un organisme : {', '.join(standards.SETTINGS)}."
        raise BadRequest.of("tenant-setting", text, "unknown key")
    if key not in standards.LISTS and len(values) > 1:
        raise BadRequest.of("tenant-setting", f"{key} prend une seule valeur.", "several values")
    changes = {key: tuple(values)}
    standards.policy_of(Policy(), changes)
    engine = app.build_engine(settings, writer="own")
    try:
        if not tenant_settings.save(engine.stores.open(name), engine.extractor, changes):
            raise Conflict.of("tenant-setting-race", "Un autre réglage était en cours : recommencez.", "lost a race")
        library = engine.standards.of(name, fresh=True).validator.library
        doubts = [line for line in map(library.doubt, standards.canonicals(changes)) if line]
    finally:
        engine.stores.close()
    return [
        f"{name} : {key} {'réglé' if values else 'rendu au serveur'}.",
        *(f"  Attention, profil {line}" for line in doubts),
    ]


def set_parameter(settings: Settings, name: str, parameter: str, value: str | None, finess: str | None) -> str:
    """Set a parameter of the corridors for a tenant or one of its structures; None = back to the corridor's.

    Returns: what was done, in French. Raises: BadRequest (``tenant-parameter``), NotFound (``tenant-unknown``), Conflict
    (``tenant-setting-race``).
    """
    engine = app.build_engine(settings, writer="own")
    try:
        store = engine.stores.open(name)
        if finess is not None and finess not in {s.finess for s in list_structures(store)}:
            text = f"L'organisme « {name} » n'a pas de structure {finess}."
            raise BadRequest.of("tenant-parameter", text, "unknown structure")
        place, shipped = finess or own_parameters.ALL, engine.host.parameters(None)
        changes = own_parameters.changed(tenant_settings.load(store)[1], place, parameter, value, shipped)
        if not tenant_settings.save(store, engine.extractor, changes):
            raise Conflict.of("tenant-setting-race", "Un autre réglage était en cours : recommencez.", "lost a race")
    finally:
        engine.stores.close()
    where = f"{name}, structure {finess}" if finess else name
    return f"{where} : {parameter} {'rendu au couloir' if value is None else f'= {value}'}."


def tenant_values(settings: Settings, name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the settings of a tenant's own. Raises: NotFound (``tenant-unknown``)."""
    with _opened(settings, writer="own") as stores:
        return tenant_settings.load(stores.open(name))[1]


def run_worker(settings: Settings, *, stop: threading.Event, once: bool = False) -> None:
    """Send what the outbox holds, run exports and the daily rules, until ``stop`` is set, or once what is due now."""
    from dui_fhir.bulk.folder import Folders
    from dui_fhir.bulk.runner import Runner
    from dui_fhir.clock_rules import Watch
    from dui_fhir.jobs.worker import Worker
    from dui_fhir.service.reader import TrackingReader
    from dui_fhir.service.sendings import OutboxTasks

    engine = app.build_engine(settings, writer="client" if not once else "own")
    sending = connectors_of(settings)
    worker = Worker(
        engine.stores,
        [*sending, *_subscriptions(engine)],
        settings,
        clock=SystemClock(),
        reader=lambda tenant: TrackingReader(engine.stores.open(tenant)),
        index=engine.extractor.extract,
        tasks=OutboxTasks(engine),
    )
    bulk = Runner(engine, Folders(app.bulk_folder(settings)))
    reindexing = reindexing_of(engine)
    watch = Watch(engine)
    beside = [
        threading.Thread(target=work.run_forever, args=(stop,), name=name, daemon=True)
        for name, work in (("bulk", bulk), ("clock", watch), ("reindex", reindexing))
    ]
    try:
        if once:
            watch.tick()
            reindexing.tick(stop)
            worker.run_all(stop)
            bulk.run_all(stop)
        else:
            for thread in beside:
                thread.start()
            worker.run_forever(stop)
            for thread in beside:
                thread.join()
    finally:
        for connector in sending:
            connector.close()
        engine.stores.close()


def reindexing_of(engine: Engine) -> "Reindexing":
    """Return what indexes again, where a search parameter was added."""
    from dui_fhir.jobs.reindexing import Reindexer, Reindexing
    from dui_fhir.jobs.worker import Worker
    from dui_fhir.service.reader import TrackingReader

    reindexer = Reindexer(engine)
    worker = Worker(
        engine.stores,
        [reindexer],
        engine.settings,
        clock=engine.clock,
        reader=lambda tenant: TrackingReader(engine.stores.open(tenant)),
        index=engine.extractor.extract,
    )
    return Reindexing(reindexer, worker, engine.stores.names)


def reindex(settings: Settings, tenant: str | None, *, told: Callable[[str], None]) -> None:
    """Index again now what waits for it, in one tenant or all, telling the progress in French.

    Raises: NotFound (``tenant-unknown``), ConfigurationError (``store-locked``: a server does it already).
    """
    from dui_fhir.jobs.reindexing import Reindexer
    from dui_fhir.service.reindex import progress

    engine = app.build_engine(settings, writer="own")
    try:
        reindexing = reindexing_of(engine)
        for name in [tenant] if tenant else engine.stores.names():
            store = engine.stores.open(name)
            Reindexer(engine).begin(name)
            while lines := [p.line(name) for p in progress(engine.tunings.fresh(name, store), store)]:
                told("\n".join(lines))
                if reindexing.run_one(name) == 0:
                    break
            else:
                told(f"{name} : tous les paramètres de recherche sont indexés.")
    finally:
        engine.stores.close()


def guided_parameters(settings: Settings, tenant: str | None) -> list[str]:
    """Return one French line per search parameter of the packages that all tenants see, or that one sees: in force, or why not.

    Reads no store.
    """
    host = PluginHost.load(settings)
    found = guided(app.guides_of(settings, host).of(tenant).search_parameters(), app.registry_of(host))
    lines = [f"recherche par « {p.code} » ({', '.join(p.base)})" for p in found.parameters]
    return lines + [
        f"paramètre de recherche laissé de côté : {url} ({reason})" for url, reason in found.left_out.items()
    ]


def index_progress(settings: Settings) -> list[str]:
    """Return one French line per tenant and base that is not fully indexed. Reads only."""
    from dui_fhir.service.reindex import progress

    engine = app.build_engine(settings, writer="client")
    try:
        names = engine.stores.names()
        stores = {name: engine.stores.open(name) for name in names}
        return [p.line(name) for name in names for p in progress(engine.tunings.of(name, stores[name]), stores[name])]
    finally:
        engine.stores.close()


def dead_letters(settings: Settings, tenant: str | None) -> list[str]:
    """Return one French line per event that no subscriber received. Reads only."""
    with _opened(settings, writer="client") as stores:
        return [
            f"{name} : {line}"
            for name in ([tenant] if tenant else stores.names())
            for line in letters.lines(letters.dead_letters(stores.open(name)))
        ]


def retry_letters(settings: Settings, tenant: str | None, subscription: str | None) -> list[str]:
    """Put the events that were given up back in the outbox; return one French line per subscription concerned.

    Raises: Unavailable (no server is running), NotFound (``tenant-unknown``).
    """
    with _opened(settings, writer="client") as stores:
        names = [tenant] if tenant else stores.names()
        return [line for name in names for line in _retried(name, stores.open(name), subscription)]


def _retried(tenant: str, store: Store, subscription: str | None) -> Iterator[str]:
    dead = letters.dead_letters(store, subscription)
    for id in dict.fromkeys(one.subscription for one in dead):
        found = store.read("Subscription", id)
        status = "" if found is None or found.deleted else found.resource().get("status", "")
        told = f"{tenant} : Subscription/{id} : "
        if status == "active":
            yield f"{told}{letters.send_again(store, [one for one in dead if one.subscription == id])} évènement(s) remis en file."
        elif status:
            yield f"{told}rien n'est renvoyé, l'abonnement n'est pas actif ({status}) : le redemander (status=requested)."
        else:
            yield f"{told}rien n'est renvoyé, l'abonnement a été supprimé."


class Fictitious(Protocol):
    """A structure and the transactions that fill it."""

    @property
    def structure(self) -> Structure:
        """The structure to declare."""

    def bundles(self) -> Iterator[Resource]:
        """Yield the transactions, in order."""


def fill(settings: Settings, tenant: str, samples: Sequence[Fictitious]) -> Iterator[str]:
    """Declare structures and play their transactions, in reprise mode (decision D7). Yields one French line per structure.

    Raises: Unprocessable where a rule refuses one, and what the store raises.
    """
    from dui_fhir.service import router
    from dui_fhir.service.message import ServiceRequest

    engine = app.build_engine(settings, writer="own")
    try:
        known = tenant in engine.stores.names()
        store = engine.stores.open(tenant) if known else engine.stores.create(tenant)
        _publish(store, engine)
        for sample in samples:
            register(store, sample.structure, engine.extractor)
            engine.structures.forget(tenant)
            count = 0
            for bundle in sample.bundles():
                request = ServiceRequest(
                    tenant=tenant, method="POST", path="", base_url="", resource=bundle, reprise=True
                )
                router.dispatch(engine, request)
                count += len(bundle["entry"])
            yield f"{sample.structure.finess} {sample.structure.name} : {count} ressources."
    finally:
        engine.stores.close()


def run_clock(settings: Settings, day: date | None, tenant: str | None) -> list[str]:
    """Run the daily rules as on ``day`` (None = today) for one tenant or all. Returns: one French line per tenant."""
    from dui_fhir.clock_rules import run_day
    from dui_fhir.clock_rules.passing import today

    engine = app.build_engine(settings, writer="own")
    try:
        tenants = [tenant] if tenant else engine.stores.names()
        return [run_day(engine, name, day or today(engine)).line(name) for name in tenants]
    finally:
        engine.stores.close()


def _subscriptions(engine: Engine) -> list[Connector]:
    """Return the connector of subscriptions where the settings admit some recipient: else no outbox need be looked at."""
    settings = engine.settings
    if not settings.subscription_hosts and not settings.nde_notifications_url:
        return []
    from dui_fhir.service.subscribing import SubscriptionStatuses
    from dui_fhir.subscriptions.delivery import SubscriptionConnector

    statuses = SubscriptionStatuses(engine)
    return [
        SubscriptionConnector(
            settings, stores=engine.stores, statuses=statuses, clock=engine.clock, options=engine.options
        )
    ]


def connectors_of(settings: Settings) -> "list[DmpConnector]":
    """Return the connectors that have an address. Raises: ConfigurationError (keys or certificates that do not load)."""
    if not settings.dmp_url:
        return []
    from dui_fhir.connectors.dmp.client import DmpConnector

    archive = _archive(Path(settings.dmp_archive_dir)) if settings.dmp_archive_dir else None
    return [DmpConnector(settings, archive=archive, version=__version__)]


def _archive(folder: Path) -> Callable[[str, Mapping[str, bytes]], None]:
    def keep(job: str, files: Mapping[str, bytes]) -> None:
        place = folder / job
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in files.items():
            (place / name).write_bytes(content)

    return keep


@contextlib.contextmanager
def _opened(settings: Settings, *, writer: str) -> Iterator[Stores]:
    stores = open_stores(settings, writer="client" if writer == "client" else "own")
    try:
        yield stores
    finally:
        stores.close()
