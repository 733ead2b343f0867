"""A child process kept alive (``cli/supervision.py``)."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dui_fhir.cli import supervision
from dui_fhir.cli.supervision import Supervised

pytestmark = pytest.mark.e2e

NOTES = "import os, sys, time; open(sys.argv[1], 'a').write(os.environ.get('MARK', '-') + '\\n'); time.sleep(60)"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(supervision, "RESPAWN_S", 0.05)
    file = tmp_path / "notes"
    file.touch()
    return file


def _wait_for(true: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def _child(notes: Path, launch_after_s: float = 0.0) -> Supervised:
    return Supervised([sys.executable, "-c", NOTES, str(notes)], {"MARK": "1"}, launch_after_s=launch_after_s)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_supervised__left_before_its_launch__starts_nothing_and_does_not_wait(notes: Path) -> None:
    started = time.monotonic()

    with _child(notes, launch_after_s=30.0) as child:
        child.relaunch({"MARK": "2"})
        assert child.pid is None

    assert time.monotonic() - started < 5
    assert notes.read_text() == ""


def test_supervised__killed_then_relaunched__comes_back_with_the_changed_variables(notes: Path) -> None:
    with _child(notes) as child:
        _wait_for(lambda: notes.read_text() == "1\n")
        os.kill(child.pid or 0, signal.SIGKILL)
        _wait_for(lambda: notes.read_text() == "1\n1\n")
        child.relaunch({"MARK": "2"})
        _wait_for(lambda: notes.read_text() == "1\n1\n2\n")
        last = child.pid or 0
        assert _lives(last)

    assert not _lives(last)
