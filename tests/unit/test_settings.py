"""settings.py: one list, three sources."""

from pathlib import Path

import pytest

from dui_fhir.settings import SETTINGS, SettingError, Settings, load


def test_load__three_sources__flag_beats_environment_beats_file(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('port = 1\nhost = "a"\npage_size = 7\n')

    settings = load(
        file=file, environment={"DUI_FHIR_PORT": "2", "DUI_FHIR_HOST": "b"}, flags={"port": 3, "host": None}
    )

    assert (settings.port, settings.host, settings.page_size) == (3, "b", 7)


def test_as_environment__any_settings__gives_them_back() -> None:
    settings = Settings({"plugins": ["commun", "pa"], "worker_embedded": False, "job_lease_s": 1.5})

    again = load(environment=settings.as_environment())

    assert all(getattr(again, s.name) == getattr(settings, s.name) for s in SETTINGS)


@pytest.mark.parametrize("values", [{"prot": 1}, {"port": "x"}, {"worker_embedded": "peut-être"}])
def test_settings__unknown_or_wrong__says_so_in_french(values: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="réglage"):
        Settings(values)


def test_settings__assignment__is_refused() -> None:
    with pytest.raises(AttributeError):
        Settings({}).port = 1


def test_load__unreadable_file__names_it(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="absent.toml"):
        load(file=tmp_path / "absent.toml", environment={})
