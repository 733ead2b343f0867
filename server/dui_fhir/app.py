"""The application: the only place that wires adapters to ports.

``dui_fhir.app:wsgi`` is what a WSGI server runs; it reads its settings from the environment, at first use.
"""

import atexit
import contextlib
import gc
import logging
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from dui_fhir.access.open_door import OpenDoor
from dui_fhir.bulk.folder import Folders
from dui_fhir.bulk.operations import deferral
from dui_fhir.bulk.operations import operations as bulk
from dui_fhir.definitions import SearchRegistry, search_parameters
from dui_fhir.documents.renderer import TypstRenderer
from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.indicators import operations as indicators
from dui_fhir.plugin_host import PluginHost
from dui_fhir.ports import Clock, Stores
from dui_fhir.rest import log
from dui_fhir.rest.agenda import Agenda
from dui_fhir.rest.blueprint import Rest
from dui_fhir.rest.errors import bad_http
from dui_fhir.rest.front import Front
from dui_fhir.rest.indicators_page import IndicatorsPage
from dui_fhir.rest.pages import Pages
from dui_fhir.search.extract import Extractor
from dui_fhir.search.options import SearchOptions
from dui_fhir.service.engine import Engine
from dui_fhir.service.graphql import operation as graphql
from dui_fhir.service.operations import calendar_link, dmp_submit, served, sign, subscription
from dui_fhir.service.standards import Standards
from dui_fhir.settings import Settings, load
from dui_fhir.store import Writer, open_stores
from dui_fhir.terminology import operations as terminology_operations
from dui_fhir.validation.guides import Guides
from dui_fhir.validation.policy import Policy, read_policy

PAGE_KEY_BYTES = 32


def build_engine(
    settings: Settings,
    *,
    writer: Writer = "client",
    stores: Stores | None = None,
    clock: Clock | None = None,
    host: PluginHost | None = None,
) -> Engine:
    """Load plugins, open stores, and put everything together.

    ``stores``, ``clock`` and ``host`` replace those of the settings. Raises: ConfigurationError: the server does not start.
    """
    host = host or PluginHost.load(settings)
    registry = registry_of(host)
    guides = guides_of(settings, host)
    options = SearchOptions.of(settings, registry=registry, terminology=guides.of().terminology)
    folders = Folders(bulk_folder(settings))
    stores = stores or host.choose_store(settings) or open_stores(settings, writer=writer)
    standards = Standards(stores, guides, _policy(settings))
    return Engine(
        settings=settings,
        stores=stores,
        host=host,
        clock=clock or SystemClock(),
        renderer=TypstRenderer(),
        registry=registry,
        extractor=Extractor(registry, zone=options.zone, full_text=options.full_text),
        options=options,
        page_key=_page_key(settings),
        standards=standards,
        defer=deferral(folders),
        operations=(
            *host.operations(),
            *served(),
            *bulk(folders),
            graphql.operation(),
            *terminology_operations(lambda r: standards.of(r.context.tenant, fresh=True).terminology),
            sign.operation(host),
            dmp_submit.operation(host),
            *subscription.operations(stores),
            *indicators.operations(),
            *calendar_link.operations(),
        ),
    )


def registry_of(host: PluginHost) -> SearchRegistry:
    """Return the search parameters of R4 and of the plugins."""
    return search_parameters().with_extra(host.search_parameters())


def guides_of(settings: Settings, host: PluginHost) -> Guides:
    """Return the packages of the server and of its tenants."""
    preferred = dict(line.split(" ", 1) for line in settings.validation_preferred)
    return Guides(ig_folder(settings), host.definitions(), preferred)


def _policy(settings: Settings) -> Policy:
    try:
        return read_policy(settings.validation_structure, settings.validation_declared, settings.validation_profiles)
    except ValueError as error:
        raise ConfigurationError.of("core-validation-policy", str(error), "settings validation_*") from error


def ig_folder(settings: Settings) -> Path:
    """Return where the packages added by ``dui-fhir ig add`` are."""
    return Path(settings.data_dir) / "ig"


def bulk_folder(settings: Settings) -> Path:
    """Return where the files of exports and imports are; those of a store in memory end with the process."""
    if settings.bulk_dir or settings.store != "memory":
        return Path(settings.bulk_dir or Path(settings.data_dir) / "bulk")
    passing = tempfile.TemporaryDirectory(prefix="dui-fhir-bulk-")
    atexit.register(passing.cleanup)
    return Path(passing.name)


def create_app(settings: Settings, *, engine: Engine | None = None) -> Flask:
    """Return the WSGI application. Raises: ConfigurationError."""
    if settings.auth != "none":
        raise ConfigurationError.of(
            "core-auth-oauth-unavailable",
            "L'authentification « oauth » n'est pas encore disponible ; utilisez --auth none.",
            "setting auth",
        )
    log.configure(settings.log_level)
    for line in settings.to_go():
        logging.getLogger(__name__).warning(line)
    engine = engine or build_engine(settings)
    if settings.store == "memory":
        _ensure_tenant(engine.stores, settings.default_tenant)
    app = Flask("dui_fhir", static_folder=None)
    rest = Rest(engine, OpenDoor())
    app.register_blueprint(rest.blueprint())
    app.register_blueprint(Pages(engine).blueprint())
    app.register_blueprint(IndicatorsPage(rest).blueprint())
    app.register_blueprint(Agenda(engine).blueprint())
    app.wsgi_app = Front(app.wsgi_app, rest)  # type: ignore[method-assign]
    app.register_error_handler(HTTPException, _http_error)
    app.extensions["dui_fhir"] = engine
    return app


def _ensure_tenant(stores: Stores, tenant: str) -> None:
    """A store that starts empty has no command line to make its tenant."""
    if tenant not in stores.names():
        stores.create(tenant)


def _http_error(error: HTTPException) -> Response:
    return bad_http(request, error.code or 500, error.name)


def _page_key(settings: Settings) -> bytes:
    """Return the secret of page links: all processes of a server share it, and it outlives them."""
    if settings.page_key:
        return str(settings.page_key).encode()
    if settings.store == "memory":
        return secrets.token_bytes(PAGE_KEY_BYTES)
    file = Path(settings.data_dir) / "page.key"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        _create(file, secrets.token_bytes(PAGE_KEY_BYTES))
    return file.read_bytes()


def _create(file: Path, content: bytes) -> None:
    """Write a private file whole, or find that another process was first."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        os.link(draft, file)
    finally:
        draft.unlink()


def spare_collector() -> None:
    """Leave what is loaded out of the search for cycles, and search seldom: a request frees what it makes by reference
    counts, and going through the tables of R4 again took a tenth of the time of a write."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


_inherited: list[PluginHost] = []


def share(host: PluginHost | None) -> None:
    """Load, in a process about to fork, what its HTTP processes find ready (docs/decisions/0060): this module and all it
    imports, the parameters of R4, and the plugins unless ``host`` is None. It opens no file, connection or thread.
    The search for cycles starts again, where the caller spared it."""
    search_parameters()
    _inherited[:] = [host] if host else []
    gc.freeze()  # no collection first: hardly anything of it is garbage, and the search would take 0.1 s
    gc.enable()


def __getattr__(name: str) -> Any:
    if name == "wsgi":
        # made when the server's process asks for it, so that importing this module starts nothing
        settings = load()
        engine = build_engine(settings, host=_inherited[0]) if _inherited else None
        globals()["wsgi"] = application = create_app(settings, engine=engine)
        spare_collector()
        return application
    raise AttributeError(name)
