"""``dui-fhir serve``: one parent that supervises the writer, the HTTP processes and the worker."""

import contextlib
import errno
import gc
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dui_fhir.cli import options
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from dui_fhir.cli.reloading import PluginWatch, Snapshot, Snapshots
    from dui_fhir.cli.supervision import Supervised

WORKER_AFTER_S = 1.0
"""The worker starts once requests are served: it would take a processor from what makes the first ones wait."""
STOP_S = 5
"""Seconds that requests under way have to end when the server stops."""


@click.command()
@click.option("--host", help="Adresse d'écoute [défaut : 127.0.0.1]")
@click.option("--port", type=int, help="Port d'écoute [défaut : 8080]")
@options.data
@click.option("--workers", type=click.IntRange(1, 64), help="Processus HTTP [défaut : 2]")
@click.option(
    "--auth", type=click.Choice(["none", "oauth"]), help="Authentification [défaut : none, boucle locale seulement]"
)
@options.plugin_folder
@click.option(
    "--reload-plugins",
    is_flag=True,
    help="Relit les couloirs quand un de leurs fichiers change (développement ; une faute laisse l'état d'avant).",
)
@options.config
def command(config: Path | None, reload_plugins: bool, **flags: Any) -> None:
    """Démarre le serveur FHIR.

    Lance le processus d'écriture (SQLite), les processus HTTP et le processus d'envoi, les surveille et les relance. Le premier
    démarrage sur un dossier vide crée l'organisme par défaut. Base FHIR d'un organisme : /t/<organisme>/fhir ; /fhir est celle
    de l'organisme par défaut. Arrêt : Ctrl-C ou SIGTERM.
    """
    serve(options.settings_from(config, **flags), reload_plugins=reload_plugins)


def serve(settings: Settings, *, reload_plugins: bool = False) -> None:
    """Check, announce, run until stopped. Raises: ConfigurationError before anything listens."""
    refuse_open_door(settings)
    refuse_unusable_address(settings)
    gc.disable()  # until all is loaded (``app.share``): nothing of it will be freed
    from dui_fhir.cli import starting

    with contextlib.ExitStack() as stack:
        asked, snapshots = settings, stack.enter_context(_snapshots(settings)) if reload_plugins else None
        if snapshots is not None:
            settings = _entered(snapshots, asked)
        host = starting.checked(settings)
        wait_for_writer = stack.enter_context(starting.running_writer(settings))
        from dui_fhir import app

        app.share(None if snapshots else host)
        wait_for_writer()
        created = starting.ensure_default_tenant(settings)
        worker = stack.enter_context(_worker(settings)) if settings.worker_embedded else None
        if snapshots is not None:
            stack.enter_context(_plugin_watch(snapshots, asked, worker))
        _announce(settings, created)
        _listen(settings)


def refuse_open_door(settings: Settings) -> None:
    """Without authentication, only the loopback may be listened on. Raises: ConfigurationError."""
    if settings.auth == "oauth":
        raise ConfigurationError.of(
            "core-auth-oauth-unavailable",
            "L'authentification « oauth » n'est pas encore disponible ; utilisez --auth none.",
        )
    if settings.auth == "none" and not _loopback(settings.host):
        raise ConfigurationError.of(
            "core-auth-none-exposed",
            f"Sans authentification (--auth none), l'adresse d'écoute doit être locale : {settings.host} ne l'est pas.",
        )


def refuse_unusable_address(settings: Settings) -> None:
    """Only an address that nobody listens on is taken. Raises: ConfigurationError.

    granian shares its port (SO_REUSEPORT): without this, a second server would silently get part of the first one's requests.
    """
    if not 0 <= settings.port <= 65535:
        raise _unusable(settings, "un port est un nombre de 0 à 65535", "port out of range")
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that end do not hold the port
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        reasons = {errno.EADDRINUSE: "ce port est déjà pris", errno.EACCES: "ce port est réservé à l'administrateur"}
        reason = reasons.get(error.errno or 0, "cette adresse n'est pas une adresse de la machine")
        raise _unusable(settings, reason, str(error)) from error


def _unusable(settings: Settings, reason: str, diagnostics: str) -> ConfigurationError:
    return ConfigurationError.of(
        "core-address-unusable",
        f"Le serveur ne peut pas écouter sur {settings.host}, port {settings.port} : {reason}.",
        diagnostics,
    )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _worker(settings: Settings) -> "Iterator[Supervised]":
    """Run ``dui-fhir worker`` beside the server, relaunched where it dies, ended with it."""
    from dui_fhir.cli.supervision import Supervised

    environment = {**os.environ, **settings.as_environment(), "DUI_FHIR_PARENT_PIPE": "1"}
    command = [sys.executable, "-m", "dui_fhir.cli", "worker"]
    with Supervised(command, environment, stdin=subprocess.PIPE, launch_after_s=WORKER_AFTER_S) as running:
        yield running


@contextlib.contextmanager
def _snapshots(settings: Settings) -> "Iterator[Snapshots]":
    """Yield where the corridors in force are copied, until the server stops."""
    from dui_fhir.cli.reloading import Snapshots
    from dui_fhir.plugin_host.finder import find

    with tempfile.TemporaryDirectory(prefix="dui-fhir-couloirs-") as root:
        yield Snapshots(find(settings)[0], Path(root))


def _entered(snapshots: "Snapshots", settings: Settings) -> Settings:
    """Take the corridors as they are now for this process and its children; return the settings that say so."""
    snapshot = snapshots.take()
    snapshots.keep(snapshot)
    snapshot.enter(settings)
    return snapshot.settings(settings)


def _plugin_watch(snapshots: "Snapshots", settings: Settings, worker: "Supervised | None") -> "PluginWatch":
    from dui_fhir.cli.reloading import PluginWatch, ask_to_reload

    def reload(snapshot: "Snapshot") -> None:
        snapshot.enter(settings)
        ask_to_reload()
        if worker is not None:
            worker.relaunch(snapshot.environment(settings))

    return PluginWatch(snapshots, settings, reload)


def _announce(settings: Settings, created: str | None) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base = f"http://{host}:{settings.port}"
    if created:
        click.echo(f"Organisme « {created} » créé (premier démarrage).")
    click.echo(f"dui-fhir écoute sur {base}/fhir (données : {Path(settings.data_dir).resolve()}).")
    click.echo(f"{base}/fhir est l'organisme « {settings.default_tenant} » ; les autres : {base}/t/<organisme>/fhir.")
    click.echo(
        "Attention : aucune authentification (--auth none) ; accès limité à cette machine, données fictives seulement."
    )


def _listen(settings: Settings) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces

    os.environ.update(settings.as_environment())  # how the HTTP processes receive the settings
    Granian(
        "dui_fhir.app:wsgi",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        http=HTTPModes.http1,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=STOP_S,  # an idle keep-alive connection would else hold the stop for ever
        log_enabled=False,
        websockets=False,
    ).serve(target_loader=_application, wrap_loader=False)


def _application() -> "Flask":
    """Return what an HTTP process serves; the first thing that it runs."""
    from dui_fhir import app
    from dui_fhir.store.lifeline import end_with_parent

    end_with_parent(signal.SIGKILL)  # without writer it would go on listening; what it is at is not acknowledged
    application: Flask = app.wsgi
    return application
