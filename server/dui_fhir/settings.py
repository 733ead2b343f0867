"""Every setting of the server, in one list: it feeds the TOML file, the environment, the flags and docs/settings.md.

Order of precedence: flag, then environment (``DUI_FHIR_<NAME>``), then the TOML file, then the default here.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``kind`` is int, float, str, bool, or ``list`` (of strings; comma separated in the environment).

    ``deprecated``: empty, or in French since when it is to go, from when it may be gone, and what replaces it.
    """

    name: str
    kind: type
    default: Any
    help: str
    deprecated: str = ""


ALL_CORRIDORS = ["commun", "pa", "dom", "ph", "pde", "pds", "ahi", "pjm"]
"""Those shipped. Where two have a document of one type, the first wins."""

SETTINGS: tuple[Setting, ...] = (
    # where things are
    Setting("data_dir", str, "data", "Dossier des données (bases, journaux, clés)."),
    Setting("store", str, "sqlite", "Moteur : « sqlite », « memory » (essais) ou une URL mongodb://…"),
    Setting("host", str, "127.0.0.1", "Adresse d'écoute."),
    Setting("port", int, 8080, "Port d'écoute."),
    Setting("workers", int, 2, "Processus qui servent les requêtes HTTP."),
    Setting("threads", int, 4, "Fils d'exécution par processus HTTP."),
    Setting("public_url", str, "", "URL publique du serveur, sans chemin ; vide = celle de la requête."),
    # who may enter
    Setting("auth", str, "none", "« none » (boucle locale seulement) ou « oauth » (à venir, ticket 5)."),
    Setting("default_tenant", str, "demo", "Organisme servi sous /fhir."),
    Setting("page_key", str, "", "Secret des liens de page, commun aux serveurs d'une base ; vide = fichier dans les données."),
    # plugins
    Setting("plugins", list, ALL_CORRIDORS, "Couloirs actifs, dans l'ordre ; le tronc commun l'est toujours."),
    Setting("plugin_folders", list, [], "Dossiers de couloirs chargés en plus, sans installation."),
    # FHIR
    Setting("time_zone", str, "Europe/Paris", "Fuseau des dates écrites sans décalage horaire."),
    Setting("if_match_required", bool, False, "Modifier ou supprimer une ressource nommée demande If-Match (428 sans)."),
    Setting("conditional_delete", str, "single", "DELETE Type?critères : « single » (un seul résultat) ou « multiple » (tous)."),
    Setting("conditional_delete_max", int, 1000, "Ressources qu'un DELETE Type?critères peut supprimer en une fois."),
    Setting("page_size", int, 50, "Ressources par page quand _count n'est pas donné."),
    Setting("page_size_max", int, 1000, "Plus grande valeur servie pour _count."),
    Setting("page_bytes_max", int, 32_000_000, "Taille visée d'une page de $everything, en octets."),
    Setting("body_bytes_max", int, 50_000_000, "Taille maximale d'un corps de requête, en octets."),
    Setting("url_bytes_max", int, 32_768, "Taille maximale d'une adresse, paramètres compris, en octets (au-delà : POST _search)."),
    Setting("url_params_max", int, 1000, "Paramètres d'une adresse ou d'un formulaire de recherche."),
    Setting("json_depth_max", int, 64, "Profondeur maximale d'un corps JSON."),
    Setting("bundle_entries_max", int, 10_000, "Entrées maximales d'un Bundle reçu."),
    Setting("search_or_values_max", int, 500, "Valeurs séparées par des virgules dans un paramètre de recherche."),
    Setting("search_chain_depth_max", int, 5, "Maillons d'un paramètre chaîné ou _has."),
    Setting("search_chain_width_max", int, 500, "Lectures possibles d'un paramètre enchaîné dont les types ne sont pas dits."),
    Setting("search_filter_terms_max", int, 100, "Comparaisons d'un paramètre _filter."),
    Setting("search_expansion_max", int, 5000, "Codes d'un jeu de valeurs dans un critère :in, :not-in, :above ou :below."),
    Setting("search_near_km", float, 20.0, "Rayon d'une recherche near qui ne donne pas de distance, en kilomètres."),
    Setting("explain_allowed", bool, False, "Ouvre _explain (comment une recherche est faite) aux administrateurs."),
    Setting("search_parameters_max", int, 200, "Paramètres de recherche qu'un organisme peut ajouter."),
    Setting("search_full_text", str, "content", "Texte indexé : « content » (_text et _content), « text » ou « none »."),
    Setting("search_includes_max", int, 1000, "Ressources ajoutées à une page par _include et _revinclude."),
    Setting("search_iterate_max", int, 5, "Tours de :iterate, le premier compris."),
    Setting("meta_resources_max", int, 100_000, "Ressources étiquetées lues pour un $meta de type ou de système."),
    Setting("write_attempts", int, 5, "Essais d'une écriture dont la lecture préalable a vieilli."),
    # validation of what is written
    Setting("validation_structure", str, "refuse", "Défaut de structure R4 : « refuse » ou « warn »."),
    Setting("validation_declared", str, "warn", "Défaut de profil déclaré (meta.profile) : « refuse », « warn » ou « off »."),
    Setting(
        "validation_profiles",
        list,
        ["refuse urn:dui-fhir:profile:personne-sans-identite"],
        "Profils à part : « refuse <canonique> », « warn … » ou « off … », dans l'ordre.",
    ),
    Setting("validation_preferred", list, ["hl7.fhir.fr.core 2.1.0"], "Version d'un guide quand un profil n'en nomme pas."),
    # store
    Setting("store_timeout_s", float, 30.0, "Attente maximale d'une réponse du processus d'écriture, en secondes."),
    Setting("read_timeout_s", float, 10.0, "Durée maximale d'une lecture du magasin, en secondes."),
    Setting(
        "store_commit_delay_ms", int, 0, "Attente ajoutée à chaque écriture durable, en millisecondes : essai d'un disque lent."
    ),
    Setting("store_cache_mib", int, 16, "Mémoire de pages SQLite par connexion de lecture et par base écrite, en Mio."),
    Setting("tenants_open_max", int, 128, "Bases d'organismes ouvertes à la fois par processus."),
    Setting("mongo_allow_standalone", bool, False, "Essais seulement : accepter un MongoDB sans réplication, en boucle locale."),
    # outbox and services
    Setting("worker_embedded", bool, True, "Le serveur lance aussi le processus d'envoi (sinon : dui-fhir worker)."),
    Setting("job_lease_s", float, 120.0, "Durée pendant laquelle un envoi reste réservé à son processus, en secondes."),
    Setting("job_attempts_max", int, 12, "Essais d'un envoi avant l'abandon."),
    Setting("job_retry_first_s", float, 5.0, "Premier délai avant un nouvel essai ; il double ensuite, en secondes."),
    Setting("job_retry_max_s", float, 3600.0, "Plus long délai entre deux essais, en secondes."),
    Setting("worker_poll_s", float, 1.0, "Attente entre deux lectures de la boîte d'envoi, en secondes."),
    Setting("subscription_hosts", list, [], "Hôtes où les abonnements peuvent notifier : nom, *.domaine, avec ou sans :port."),
    Setting("subscription_timeout_s", float, 10.0, "Attente maximale de la réponse à une notification, en secondes."),
    Setting("nde_notifications_url", str, "", "Base FHIR du gestionnaire de notifications (volet NdE) ; vide = aucun."),
    Setting("dmp_url", str, "", "URL du service DMP (base …/si-dmp-server/v2/services) ; vide = envoi désactivé."),
    Setting("dmp_archive_dir", str, "", "Essais seulement : dossier où garder chaque envoi (données de santé) ; vide = rien."),
    Setting("dmp_timeout_s", float, 30.0, "Attente maximale d'une réponse du DMP, en secondes."),
    Setting("dmp_check_existence", bool, True, "Demander avant l'envoi si le DMP de la personne existe (TD0.2)."),
    Setting("dmp_authentication", str, "INDIRECTE", "Mode d'authentification du VIHF : INDIRECTE ou INDIRECTE_RENFORCEE."),
    Setting("dmp_seal_key", str, "", "Clé de cachet ORG SIGN, fichier PEM ; vide = clé d'essai (boucle locale)."),
    Setting("dmp_seal_certificate", str, "", "Certificat de cachet ORG SIGN, fichier PEM."),
    Setting("dmp_client_key", str, "", "Clé du certificat client TLS ORG AUTH_CLI, fichier PEM."),
    Setting("dmp_client_certificate", str, "", "Certificat client TLS ORG AUTH_CLI, fichier PEM."),
    Setting("dmp_ca_file", str, "", "Autorités du certificat TLS du DMP, fichier PEM ; vide = celles du système."),
    Setting("dmp_signature_digest", str, "sha256", "Empreinte des signatures XML envoyées au DMP : sha256 ou sha1."),
    Setting("dmp_sign_set", bool, True, "Joindre au lot sa signature XAdES."),
    Setting("dmp_source_oid", str, "", "OID de l'installation émettrice (sourceId) ; vide = OID dérivé de l'organisme."),
    Setting("dmp_practice_setting", str, "AMBULATOIRE", "Cadre d'exercice si celui du document est hors de la liste JDV_J62."),
    Setting("dmp_content_type", str, "", "Type d'activité des lots (JDV_J59) ; vide = selon le secteur d'activité."),
    Setting("dmp_vihf_version", str, "3.0", "Version du VIHF."),
    Setting("dmp_lps_id", str, "dui-fhir", "Numéro de série du logiciel, dans le VIHF."),
    Setting("dmp_lps_approval", str, "NON-HOMOLOGUE", "Numéro d'homologation DMP du logiciel, dans le VIHF."),
    Setting("erase_allowed", bool, False, "Ouvrir $erase et $purge : effacement définitif, historique compris."),
    # GraphQL
    Setting("graphql_tokens_max", int, 5000, "Mots d'une requête GraphQL."),
    Setting("graphql_depth_max", int, 20, "Niveaux d'une requête GraphQL, fragments compris."),
    Setting("graphql_fields_max", int, 100_000, "Champs rendus par une requête GraphQL."),
    Setting("graphql_resources_max", int, 2000, "Ressources lues par une requête GraphQL."),
    Setting("graphql_bytes_max", int, 20_000_000, "Taille maximale d'une réponse GraphQL, en octets."),
    # bulk data
    Setting("bulk_dir", str, "", "Dossier des exports et imports ; vide = « bulk » dans le dossier des données."),
    Setting("bulk_lease_s", float, 30.0, "Durée après laquelle un export interrompu est repris, en secondes."),
    Setting("bulk_jobs_max", int, 20, "Exports et imports en attente ou en cours par organisme."),
    Setting("bulk_keep_h", float, 24.0, "Durée de conservation des fichiers d'un export terminé, en heures."),
    # calendar feeds
    Setting("agenda_link_days", int, 365, "Durée la plus longue d'un lien d'agenda (.ics), en jours."),
    Setting("agenda_past_days", int, 31, "Jours passés que montre un agenda (.ics)."),
    Setting("agenda_future_days", int, 366, "Jours à venir que montre un agenda (.ics)."),
    Setting("bulk_import_dir", str, "", "Dossier que $import peut lire, un sous-dossier par organisme ; vide = aucun."),
    Setting("bulk_import_bytes_max", int, 2_000_000_000, "Taille totale des fichiers d'un $import, en octets."),
    # simulators
    Setting("simulators_environment", str, "test", "INS admises par le DMP simulé : « test », « production » ou « any »."),
    # operation
    Setting("log_level", str, "INFO", "Niveau du journal (DEBUG, INFO, WARNING, ERROR)."),
)  # fmt: skip

_BY_NAME = {setting.name: setting for setting in SETTINGS}


class SettingError(ValueError):
    """A setting has an unknown name or a value of the wrong type; the message is in French."""


class Settings:
    """The settings in force, read as attributes (``settings.page_size``); frozen."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        unknown = sorted(set(values) - set(_BY_NAME))
        if unknown:
            raise SettingError(f"réglage inconnu : {', '.join(unknown)}")
        chosen = {s.name: _convert(s, values.get(s.name, s.default)) for s in SETTINGS}
        object.__setattr__(self, "_values", chosen)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("settings are frozen")

    def as_environment(self) -> dict[str, str]:
        """Return the variables that give the same settings to a child process."""
        return {
            f"DUI_FHIR_{name.upper()}": ",".join(value) if isinstance(value, list) else str(value)
            for name, value in self._values.items()
        }

    def to_go(self) -> tuple[str, ...]:
        """Return one French line for each setting in use that is deprecated (docs/compatibility.md)."""
        used = [s for s in SETTINGS if s.deprecated and self._values[s.name] != _convert(s, s.default)]
        return tuple(f"Réglage {s.name} : {s.deprecated}" for s in used)

    def with_(self, **changes: Any) -> "Settings":
        """Return a copy with some values replaced."""
        return Settings({**self._values, **changes})


def load(
    *, file: Path | None = None, environment: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Read the settings from their three sources.

    Raises: SettingError (unknown name, wrong type, unreadable file).
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values |= tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise SettingError(f"fichier de réglages illisible : {file} ({error})") from error
    environment = os.environ if environment is None else environment
    values |= {
        s.name: environment[variable] for s in SETTINGS if (variable := f"DUI_FHIR_{s.name.upper()}") in environment
    }
    values |= {name: value for name, value in (flags or {}).items() if value is not None}
    return Settings(values)


def read_one(setting: Setting, environment: Mapping[str, str] | None = None) -> Any:
    """Return the value of a setting that a plugin declares: from the environment, else its default.

    Raises: SettingError (wrong type).
    """
    environment = os.environ if environment is None else environment
    return _convert(setting, environment.get(f"DUI_FHIR_{setting.name.upper()}", setting.default))


def _convert(setting: Setting, value: Any) -> Any:
    try:
        if setting.kind is list:
            return [v for v in value.split(",") if v] if isinstance(value, str) else [str(v) for v in value]
        if setting.kind is bool and isinstance(value, str):
            return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
        return setting.kind(value)
    except (KeyError, TypeError, ValueError):
        raise SettingError(f"réglage {setting.name} : « {value} » n'est pas de type {setting.kind.__name__}") from None


def markdown() -> str:
    """Return docs/settings.md: ``python -m dui_fhir.settings > docs/settings.md``."""
    rows = [
        f"| `{s.name}` | `DUI_FHIR_{s.name.upper()}` | {_KINDS[s.kind]} | {_shown(s.default)} | {s.help} |"
        for s in SETTINGS
    ]
    return "\n".join([_HEADING, *rows, ""])


_KINDS = {int: "entier", float: "nombre", str: "texte", bool: "oui/non", list: "liste"}
_HEADING = """# Réglages

Page produite par `python -m dui_fhir.settings` ; un test vérifie qu'elle est à jour.

Trois sources, de la plus forte à la plus faible : l'option de la commande (`--port 8081`), la variable d'environnement
(`DUI_FHIR_PORT=8081`), le fichier TOML donné par `--config` (`port = 8081`). Une valeur inconnue ou d'un autre type arrête le
démarrage avec une phrase qui la nomme. Dans l'environnement, une liste s'écrit avec des virgules.

| réglage | variable | type | défaut | rôle |
|---|---|---|---|---|"""


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"`{','.join(value)}`" if value else "(vide)"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return f"`{value}`" if value != "" else "(vide)"


if __name__ == "__main__":
    print(markdown(), end="")
