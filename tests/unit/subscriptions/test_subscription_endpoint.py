"""Where notifications may go."""

import pytest

from dui_fhir.subscriptions.endpoint import endpoint_fault, read_header

HOSTS = ["partenaire.example", "*.ght.example", "api.example:8443", "127.0.0.1", "[::1]:9000"]


@pytest.mark.parametrize(
    "url",
    [
        "https://partenaire.example/x?y=1",
        "https://PARTENAIRE.example:444/",
        "https://a.b.ght.example/",
        "https://api.example:8443/",
        "http://127.0.0.1:8081/hook",
        "http://[::1]:9000/",
    ],
)
def test_endpoint__named_host__is_admitted(url):
    assert endpoint_fault(url, HOSTS) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://partenaire.example/", "https"),
        ("https://ght.example/", "subscription_hosts"),
        ("https://xght.example/", "subscription_hosts"),
        ("https://api.example/", "subscription_hosts"),
        ("http://[::1]:9001/", "subscription_hosts"),
        ("https://partenaire.example.evil.example/", "subscription_hosts"),
        ("https://partenaire.example@evil.example/", "identifiant"),
        ("https://evil.example\\@partenaire.example/", "identifiant"),
        ("https://partenaire.example/#a", "fragment"),
        ("https://partenaire.example/ a", "espace"),
        ("https://partenaire.example:99999/", "formée"),
        ("https://2130706433/", "subscription_hosts"),
        ("https:///x", "https"),
        ("ftp://partenaire.example/", "https"),
        ("mailto:a@partenaire.example", "https"),
        ("", "https"),
    ],
)
def test_endpoint__any_other__is_refused_with_a_reason(url, reason):
    assert reason in (endpoint_fault(url, HOSTS) or "")


def test_endpoint__no_host_named__nothing_is_admitted():
    assert endpoint_fault("http://127.0.0.1/", []) is not None


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("Authorization: Bearer a:b", ("Authorization", "Bearer a:b")),
        ("X-Key:", ("X-Key", "")),
        ("host: x", None),
        ("Transfer-Encoding: chunked", None),
        ("X-A: b\r\nX-C: d", None),
        ("X-A: é", None),
        ("nothing", None),
    ],
)
def test_header__line__is_read_or_refused(line, read):
    assert read_header(line) == read
