"""Options that several sub-commands share, each bound to the setting of the same name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from dui_fhir.domain.errors import ConfigurationError
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


def tenants(function: F) -> F:
    """Add ``--tenant``, repeatable."""
    return click.option(
        "--tenant", "tenants", multiple=True, help="Cet organisme seulement (répétable) [défaut : tous]"
    )(function)


def one_tenant(function: F) -> F:
    """Add ``--tenant``, once."""
    return click.option("--tenant", help="Pour cet organisme seulement [défaut : pour tous]")(function)


def settings_from(config: Path | None, **flags: Any) -> Settings:
    """Read file, environment and flags. Raises: SettingError."""
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    if "plugin_folders" in given:
        given["plugin_folders"] = [str(Path(folder).resolve()) for folder in given["plugin_folders"]]
    return load(file=config, flags=given)


def sqlite_settings(config: Path | None, **flags: Any) -> Settings:
    """Read the settings for a command that works on SQLite files.

    Raises: SettingError, ConfigurationError (``store-not-files``: another engine has its own tools).
    """
    settings = settings_from(config, **flags)
    if settings.store != "sqlite":
        text = "Cette commande concerne le stockage SQLite ; une base MongoDB se sauvegarde avec mongodump et mongorestore."
        raise ConfigurationError.of("store-not-files", text, "setting store")
    return settings
