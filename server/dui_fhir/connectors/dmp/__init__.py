"""The DMP (dossier médical partagé): feeding it with documents, transactions TD0.2, TD2.1 and TD3.1."""

from dui_fhir.connectors.dmp.client import DmpConnector

__all__ = ["DmpConnector"]
