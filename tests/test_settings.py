"""Settings: environment over file over defaults, a sentence for every wrong value, secrets that do not print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.errors import SettingsError
from streams.settings import ENV_PREFIX, Settings, load_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cuepoint.toml"


def load(file: Path, **environ: str) -> Settings:
    return load_settings(environ={"CUEPOINT_CONFIG": str(file), **environ})


def test_without_file_and_environment_the_defaults_count(file: Path) -> None:
    assert load(file) == Settings()


def test_the_file_counts_over_defaults_the_environment_over_the_file_and_a_call_over_all(file: Path) -> None:
    file.write_text('topic_prefix = "shop"\npartitions = 4\nlog_level = "DEBUG"\n')
    environ = {"CUEPOINT_CONFIG": str(file), "CUEPOINT_PARTITIONS": "12", "CUEPOINT_LOG_LEVEL": "ERROR"}
    found = load_settings({"log_level": "WARNING", "partitions": None}, environ)
    assert (found.topic_prefix, found.partitions, found.log_level, found.replication) == ("shop", 12, "WARNING", 1)


def test_the_file_of_the_working_directory_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("partitions = 3\n")
    monkeypatch.chdir(file.parent)
    assert load_settings(environ={}).partitions == 3


def test_tables_are_toml_tables_in_the_file_and_json_in_the_environment(file: Path) -> None:
    file.write_text("[lateness_ms]\norders = 5000\n")
    assert load(file).lateness("orders") == 5_000
    found = load(file, CUEPOINT_LATENESS_MS='{"returns": 7000}')
    assert (found.lateness("returns"), found.lateness("orders")) == (7_000, found.lateness_ms_default)


def test_a_source_without_its_own_lateness_has_the_default() -> None:
    settings = Settings(replay_lateness_ms={"orders": 1}, replay_lateness_ms_default=2)
    assert (settings.replay_lateness("orders"), settings.replay_lateness("returns")) == (1, 2)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_meaning_and_can_come_from_the_environment(name: str, file: Path) -> None:
    assert Settings.model_fields[name].description
    default = getattr(Settings(), name)
    text = json.dumps(default, default=str) if isinstance(default, (dict, list)) else str(default)
    assert name in load(file, **{ENV_PREFIX + name.upper(): text}).model_fields_set


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({"CUEPOINT_PARTITIONS": "many"}, ["Setting partitions = 'many'", "valid integer", "Set CUEPOINT_PARTITIONS"]),
        ({"CUEPOINT_PARTITIONS": "0"}, ["Setting partitions = '0'", "greater than or equal to 1"]),
        ({"CUEPOINT_TOPIC_PREFIX": "my shop"}, ["Setting topic_prefix = 'my shop'", "Set CUEPOINT_TOPIC_PREFIX"]),
        ({"CUEPOINT_LOG_LEVEL": "LOUD"}, ["Setting log_level = 'LOUD'", "DEBUG|INFO|WARNING|ERROR"]),
        ({"CUEPOINT_WEB_PORT": "70000"}, ["Setting web_port = '70000'", "65535"]),
        ({"CUEPOINT_LATENESS_MS": "{orders"}, ["CUEPOINT_LATENESS_MS = '{orders' is not JSON"]),
        ({"CUEPOINT_LATENESS_MS": '{"orders": "late"}'}, ["Setting lateness_ms.orders = 'late'"]),
    ],
)
def test_a_wrong_value_gets_a_sentence_with_field_value_and_way_out(
    environ: dict[str, str], parts: list[str], file: Path
) -> None:
    with pytest.raises(SettingsError) as error:
        load(file, **environ)
    assert all(part in str(error.value) for part in parts), str(error.value)


def test_an_unknown_field_in_the_file_is_an_error(file: Path) -> None:
    file.write_text("partitons = 4\n")
    with pytest.raises(SettingsError, match="Setting partitons = 4"):
        load(file)


def test_a_file_that_is_not_toml_is_named_with_its_line(file: Path) -> None:
    file.write_text("partitions 4\n")
    with pytest.raises(SettingsError, match=r"cuepoint\.toml is not TOML .*line 1"):
        load(file)


def test_the_secret_does_not_print() -> None:
    secret = "a-secret-that-nobody-may-read"
    settings = Settings(hash_key=secret)
    assert secret not in f"{settings!r} {settings}"


def test_a_short_secret_is_refused_without_being_shown(file: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load(file, CUEPOINT_HASH_KEY="tooshort")
    assert "hash_key" in str(error.value)
    assert "tooshort" not in str(error.value)
