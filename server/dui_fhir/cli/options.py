"""Options that several sub-commands share, each bound to the setting of the same name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dui_fhir.settings import SETTINGS, Settings, load

F = TypeVar("F", bound=Callable[..., Any])

_DEFAULTS = {s.name: s.default for s in SETTINGS}


def config(function: F) -> F:
    """Add ``--config FICHIER``."""
    return click.option(
        "--config", type=click.Path(path_type=Path, dir_okay=False), help="Fichier TOML de réglages (docs/settings.md)."
    )(function)


def data(function: F) -> F:
    """Add ``--data`` and ``--store``: where the data are."""
    function = click.option("--store", help=f"Moteur : sqlite ou mongodb://… [défaut : {_DEFAULTS['store']}]")(function)
    return click.option(
        "--data", "data_dir", metavar="DIR", help=f"Dossier des données [défaut : {_DEFAULTS['data_dir']}]"
    )(function)


def plugin_folder(function: F) -> F:
    """Add ``--plugin-folder``, repeatable."""
    return click.option(
        "--plugin-folder",
        "plugin_folders",
        multiple=True,
        metavar="DIR",
        help="Dossier d'un couloir à charger en plus, sans installation (répétable).",
    )(function)


def settings_from(config: Path | None, **flags: Any) -> Settings:
    """Read file, environment and flags. Raises: SettingError."""
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    if "plugin_folders" in given:
        given["plugin_folders"] = [str(Path(folder).resolve()) for folder in given["plugin_folders"]]
    return load(file=config, flags=given)
