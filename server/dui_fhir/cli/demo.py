"""``dui-fhir demo``: the server, the simulators and the story, on this machine only."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx

from dui_fhir.demo import person
from dui_fhir.demo.story import Story, StoryError
from dui_fhir.domain.change import Resource

TENANT = "demo"
PUBLISHED = "shared/reference/fhir/tddui-2.4.0-ballot/examples/Bundle-tddui-pp-pa-bundle-example.json"
START_S = 60.0


@click.command()
@click.option("--once", is_flag=True, help="Joue l'histoire puis s'arrête ; sortie 0 si chaque étape a réussi.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Où laisser les pièces et les données de la démonstration.",
)
@click.option("--port", type=int, default=8080, show_default=True, help="Port du serveur ; occupé : un port libre.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Autre Bundle de transaction TDDUI à jouer.",
)
@click.option(
    "--persons",
    type=click.IntRange(0, 1000),
    default=12,
    show_default=True,
    help="Personnes fictives d'un EHPAD voisin, pour avoir de quoi chercher.",
)
def command(once: bool, folder: Path, port: int, bundle: Path | None, persons: int) -> None:
    """Joue l'histoire complète : du Bundle FHIR d'un projet personnalisé jusqu'au DMP (simulé).

    Démarre un serveur et les simulateurs, sur cette machine seulement, avec des données neuves à chaque fois. Joue le Bundle publié
    par le guide TDDUI s'il se trouve à côté du projet (../shared), sinon une personne inventée de même forme. Sans --once, le
    serveur reste ouvert : Ctrl-C l'arrête.
    """
    with contextlib.ExitStack() as stack:
        sys.exit(_demo(stack, once, folder.resolve(), port, bundle, persons))


def _demo(stack: contextlib.ExitStack, once: bool, folder: Path, port: int, file: Path | None, persons: int) -> int:
    from dui_fhir.simulators import start_all

    resource, origin = _bundle(file)
    run = folder / time.strftime("%Y%m%d-%H%M%S")
    run.mkdir(parents=True, mode=0o700)
    simulators = stack.enter_context(start_all(run / "simulateurs"))
    address = f"http://127.0.0.1:{_free(port)}"
    server = stack.enter_context(_server(run, address, simulators.urls["dmp"], _finess(resource), persons))
    click.echo(f"Serveur : {address}/fhir — DMP simulé : {simulators.urls['dmp_pages']}")
    story = Story(f"{address}/t/{TENANT}/fhir/", simulators.urls["dmp_pages"], run, _finess(resource), click.echo)
    try:
        story.play(resource, origin)
    except (StoryError, httpx.HTTPError) as error:
        click.echo(f"ÉCHEC : {error}", err=True)
        click.echo(f"Journal du serveur : {run / 'serveur.log'}", err=True)
        return 1
    click.echo(f"Histoire jouée en entier. Pièces : {run}")
    if once:
        return 0
    click.echo(f"Le serveur reste ouvert ({address}/t/{TENANT}/fhir) ; Ctrl-C pour l'arrêter.")
    with contextlib.suppress(KeyboardInterrupt):
        server.wait()
    return 0


def _bundle(file: Path | None) -> tuple[Resource, str]:
    """Return the Bundle to play and how to name it."""
    if file is None:
        candidates = [Path.cwd() / "..", Path(__file__).resolve().parents[4]]
        file = next((p / PUBLISHED for p in candidates if (p / PUBLISHED).exists()), None)
    if file is None:
        return person.bundle(), "Bundle d'une personne inventée"
    loaded: Any = json.loads(file.read_text(encoding="utf-8"))
    return loaded, "Bundle publié" if file.name in PUBLISHED else f"Bundle {file.name}"


def _finess(bundle: Resource) -> str:
    """Return the structure of the person: the FINESS of a ``3<FINESS>/…`` identifier."""
    found = re.search(r'"3([0-9][0-9AB][0-9]{7})/', json.dumps(bundle))
    return found[1] if found else "330785001"


def _free(port: int) -> int:
    for wanted in (port, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", wanted))
            return int(probe.getsockname()[1])
    raise OSError("no free port on the loopback")


@contextlib.contextmanager
def _server(run: Path, address: str, dmp: str, finess: str, persons: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Create the tenant and run ``dui-fhir serve``, as an operator would, until the block ends."""
    data = str(run / "donnees")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("DUI_FHIR_")},
        "DUI_FHIR_DMP_URL": dmp,
        "DUI_FHIR_DMP_ARCHIVE_DIR": str(run / "dmp"),
        "DUI_FHIR_WORKER_POLL_S": "0.2",
        "DUI_FHIR_DEFAULT_TENANT": TENANT,
    }
    structure = f"{finess},500,EHPAD Les Tilleuls (démonstration),1 rue des Lilas, 33000 Bordeaux"
    command = [sys.executable, "-m", "dui_fhir.cli"]
    subprocess.run(
        [*command, "tenant", "add", TENANT, "--structure", structure, "--data", data], env=environment, check=True
    )
    if persons:
        sample = ["sample", "--corridor", "pa", "--persons", str(persons), "--tenant", TENANT, "--data", data]
        subprocess.run([*command, *sample], env=environment, check=True)
    port = address.rsplit(":", 1)[1]
    with (run / "serveur.log").open("wb") as log:
        running = subprocess.Popen(
            [*command, "serve", "--port", port, "--data", data], env=environment, stdout=log, stderr=log
        )
        try:
            _wait(f"{address}/health/ready", running)
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait()


def _wait(url: str, running: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and running.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.1)
    raise StoryError("le serveur n'a pas démarré (voir serveur.log)")
