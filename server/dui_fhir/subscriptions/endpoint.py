"""Where notifications may go: what keeps a subscription from making the server call whoever its author likes.

An address is admitted where the operator named its host in ``subscription_hosts``; in clear (http) only on this machine.
Names that the operator trusts may lead to private addresses: partners of a GHT live there.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_VALUE = re.compile(r"[\t\x20-\x7e]{0,4096}")
_OURS = frozenset({
    "connection", "content-encoding", "content-length", "content-type", "expect", "host", "if-none-exist", "keep-alive",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Headers that the sender or the connection decides."""


def endpoint_fault(url: str, hosts: Iterable[str]) -> str | None:
    """Return why a URL may not be called (French, without the URL), None where it may.

    ``hosts``: names, ``*.domain`` for those below a domain, each maybe with ``:port``.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "l'adresse est mal formée"
    if parts.scheme not in ("https", "http") or not host:
        return "une adresse https est attendue"
    if parts.username is not None or parts.password is not None or parts.fragment or re.search(r"[\s\\]", url):
        return "l'adresse ne contient ni identifiant de connexion, ni fragment, ni espace"
    if parts.scheme == "http" and not is_loopback(host):
        return "hors de cette machine, l'adresse doit être en https"
    number = port or (443 if parts.scheme == "https" else 80)
    if not any(_admits(entry, host, number) for entry in hosts):
        return "cet hôte n'est pas admis par l'exploitant (réglage subscription_hosts)"
    return None


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _admits(entry: str, host: str, port: int) -> bool:
    name, colon, number = entry.strip().lower().rpartition(":")
    if not colon or not number.isdigit():  # no port, or an IPv6 address
        name, number = entry.strip().lower(), ""
    if number and int(number) != port:
        return False
    name = name.removeprefix("[").removesuffix("]")
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def read_header(line: str) -> tuple[str, str] | None:
    """Return name and value of ``Name: value``; None where it is no header, or one that is not the subscriber's to set."""
    name, colon, value = line.partition(":")
    value = value.strip()
    if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _OURS:
        return None
    return name, value
