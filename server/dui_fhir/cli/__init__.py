"""The ``dui-fhir`` command. Each sub-command is a module of this package; its help is its user's manual."""

import sys
from importlib import import_module

import click

from dui_fhir import __version__
from dui_fhir.domain.errors import DuiError
from dui_fhir.settings import SettingError

COMMANDS = {
    "serve": "serve",
    "demo": "demo",
    "worker": "worker",
    "clock": "clock",
    "indicators": "indicators",
    "identities": "identities",
    "subscriptions": "subscriptions",
    "simulators": "simulators",
    "plugin": "plugin",
    "tenant": "tenant",
    "import": "importing",
    "ig": "ig",
    "terminology": "terminology",
    "sample": "sample",
    "check": "check",
    "reindex": "reindex",
    "backup": "backup",
    "restore": "restore",
    "verify": "verify",
    "upgrade": "upgrade",
}
"""Sub-command → module; loaded when used, so that ``--help`` and short commands start at once."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(f"dui_fhir.cli.{module}").command
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dui-fhir")
def group() -> None:
    """Serveur FHIR R4 du dossier usager informatisé (DUI) des établissements sociaux et médico-sociaux.

    Chaque commande a son aide : dui-fhir COMMANDE --help.
    """


def main() -> None:
    """Run the command; a fault of the user's is one French sentence on stderr and exit status 1."""
    try:
        group()
    except SettingError as error:
        _fail(str(error))
    except DuiError as error:
        for issue in error.issues:
            click.echo(f"Erreur [{issue.id}] : {issue.text}", err=True)
            if issue.diagnostics:
                click.echo(f"  ({issue.diagnostics})", err=True)
        sys.exit(1)


def _fail(sentence: str) -> None:
    click.echo(f"Erreur : {sentence}", err=True)
    sys.exit(1)
