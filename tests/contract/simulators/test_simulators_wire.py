"""The simulators over real loopback connections: start, stop, and connections hurt on purpose."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dui_fhir.simulators import Simulators, start_all


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Simulators]:
    with start_all(tmp_path) as simulators:
        yield simulators


def _order(running: Simulators, **fault: object) -> None:
    httpx.post(running.urls["dmp_pages"] + "_simulateur/pannes", json=fault).raise_for_status()


def _post(running: Simulators) -> httpx.Response:
    headers = {"Content-Type": "application/soap+xml"}
    return httpx.post(f"{running.urls['dmp']}/registry", content=b"<a/>", headers=headers, timeout=5)


def test_start_all__free_ports__answers_and_prints_nothing(
    running: Simulators, capfd: pytest.CaptureFixture[str]
) -> None:
    assert httpx.get(running.urls["dmp_pages"]).status_code == 200
    assert _post(running).status_code == 400
    assert capfd.readouterr() == ("", "")


def test_start_all__stopped__frees_its_ports(tmp_path: Path) -> None:
    with start_all(tmp_path) as simulators:
        port = httpx.URL(simulators.urls["dmp"]).port

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_start_all__port_taken__raises_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            start_all(tmp_path, {"dmp": taken.getsockname()[1]})


def test_start_all__unknown_service__is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="autre"):
        start_all(tmp_path, {"autre": 1})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"mode": "refuse-connection"}, httpx.TransportError),
        ({"mode": "drop-after-store"}, httpx.RemoteProtocolError),
        ({"mode": "timeout", "seconds": 0.1}, httpx.RemoteProtocolError),
        ({"mode": "truncate"}, httpx.RemoteProtocolError),
    ],
)
def test_fault__of_the_connection__reaches_the_client_once(
    running: Simulators, capfd: pytest.CaptureFixture[str], fault: dict[str, object], error: type[Exception]
) -> None:
    _order(running, **fault)

    with pytest.raises(error):
        _post(running)
    assert _post(running).status_code == 400
    assert capfd.readouterr() == ("", "")


def test_fault__long_timeout__does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with start_all(tmp_path) as simulators:
        _order(simulators, mode="timeout", seconds=600)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{simulators.urls['dmp']}/registry", content=b"<a/>", timeout=0.2)


def test_start_all__insi__has_its_own_address(running: Simulators) -> None:
    headers = {"Content-Type": "application/soap+xml"}

    assert httpx.URL(running.urls["insi"]).path == "/lps"
    assert httpx.post(running.urls["insi"], content=b"<a/>", headers=headers).status_code == 400
