"""``dui-fhir simulators``: local stand-ins of the national services."""

import signal
import threading
from pathlib import Path

import click


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data/simulateurs"),
    show_default=True,
    help="Où garder ce qui est reçu.",
)
@click.option("--dmp-port", type=int, default=8090, show_default=True, help="Port du simulateur du DMP.")
@click.option("--insi-port", type=int, default=8091, show_default=True, help="Port du simulateur d'INSi.")
def command(folder: Path, dmp_port: int, insi_port: int) -> None:
    """Démarre les simulateurs des services nationaux (DMP, INSi), en boucle locale.

    Ils sont écrits d'après les spécifications, sans code commun avec les connecteurs, et ne valent pas une homologation. Pannes à
    la demande : voir docs/simulateurs.md. Arrêt : Ctrl-C.
    """
    from dui_fhir.simulators import start_all

    with start_all(folder, {"dmp": dmp_port, "insi": insi_port}) as running:
        for name, url in running.urls.items():
            click.echo(f"{name} : {url}")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        stop.wait()
