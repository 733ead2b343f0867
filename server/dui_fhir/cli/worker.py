"""``dui-fhir worker``: sends what the outbox holds."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from dui_fhir.cli import options


@click.command()
@options.data
@click.option("--dmp-url", help="URL du DMP ; vide = les envois attendent.")
@click.option("--once", is_flag=True, help="Traite ce qui est dû, puis s'arrête.")
@options.plugin_folder
@options.config
def command(config: Path | None, once: bool, **flags: Any) -> None:
    """Envoie les documents en attente (DMP) et note le résultat.

    Le serveur lance ce processus lui-même, sauf avec worker_embedded=false : alors il se lance à part, une ou plusieurs fois. Un
    envoi interrompu est repris avec les mêmes identifiants : rien n'est envoyé deux fois.
    """
    settings = options.settings_from(config, **flags)
    from dui_fhir import administration

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if not sys.stdin.isatty() and not once and "DUI_FHIR_PARENT_PIPE" in os.environ:
        threading.Thread(target=_stop_with_parent, args=(stop,), daemon=True).start()
    administration.run_worker(settings, stop=stop, once=once)


def _stop_with_parent(stop: threading.Event) -> None:
    # the bare descriptor: a thread inside a buffered read would hold its lock when the interpreter ends
    while os.read(0, 1):
        pass
    stop.set()  # the pipe is closed: the parent is dead
