"""Security settings: half of a configuration is refused, secret files are read and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.access import OPERATOR, USERS, user_names
from schemas.topics import CATALOGUE
from streams.errors import SettingsError
from streams.security import Secret, client_options
from streams.settings import load_settings
from streams.up import environment

PASSWORD = "a-password-that-nobody-may-read"


def load(tmp_path: Path, **environ: str) -> object:
    return load_settings(environ={"CUEPOINT_CONFIG": str(tmp_path / "none.toml"), **environ})


@pytest.mark.parametrize(
    ("environ", "part"),
    [
        ({"CUEPOINT_SSL_CA_FILE": "ca.pem"}, "Setting ssl_ca_file is of no use with security_protocol = PLAINTEXT"),
        (
            {"CUEPOINT_SECURITY_PROTOCOL": "SSL", "CUEPOINT_SSL_KEY_FILE": "a.key"},
            "ssl_certificate_file and ssl_key_file belong together",
        ),
        ({"CUEPOINT_SASL_USERNAME": "decide"}, "Setting sasl_username is of no use with security_protocol = PLAINTEXT"),
        ({"CUEPOINT_SECURITY_PROTOCOL": "SASL_SSL"}, "needs both sasl_username and sasl_password_file"),
        ({"CUEPOINT_SECURITY_PROTOCOL": "TLS"}, "Setting security_protocol = 'TLS'"),
    ],
)
def test_half_of_a_configuration_is_refused(environ: dict[str, str], part: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, CUEPOINT_HASH_KEY=PASSWORD, **environ)
    assert part in str(error.value)
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize(("content", "part"), [(None, "No such file"), ("", "is empty"), (b"\xff\xfe", "not UTF-8")])
def test_a_secret_file_that_cannot_be_used_is_named(content: str | bytes | None, part: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match=f"Setting hash_key_file = {file}: .*{part}"):
        load(tmp_path, CUEPOINT_HASH_KEY_FILE=str(file))


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("not a certificate")
    settings = load_settings({"security_protocol": "SSL", "ssl_ca_file": str(file)}, environ={})
    with pytest.raises(SettingsError, match=f"Setting ssl_ca_file = {file} cannot be used"):
        client_options(settings)


def test_the_hash_key_comes_from_its_file_and_is_not_passed_on_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{PASSWORD}\n")
    settings = load_settings({"hash_key_file": str(file), "hash_key": "another-key-of-some-length"}, environ={})
    assert settings.hash_key == PASSWORD
    assert PASSWORD not in environment(settings).values()
    assert environment(settings)["CUEPOINT_HASH_KEY_FILE"] == str(file)


def test_a_password_is_text_and_does_not_print(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    given = {"security_protocol": "SASL_PLAINTEXT", "sasl_username": "decide", "sasl_password_file": str(file)}
    options = client_options(load_settings(given, environ={}))
    assert options["sasl_plain_password"] == PASSWORD
    assert PASSWORD not in f"{options} {options!r}"
    assert Secret(PASSWORD).encode() == PASSWORD.encode()


def test_every_producer_and_consumer_of_the_catalogue_has_a_user_with_that_right() -> None:
    for topic in CATALOGUE.values():
        for role in topic.producers:
            assert all(topic.name in USERS[name].writes for name in user_names(role)), topic.name
        for role in topic.consumers:
            assert all(topic.name in USERS[name].reads for name in user_names(role)), topic.name
    owners = {
        name
        for topic in CATALOGUE.values()
        for role in (*topic.producers, *topic.consumers)
        for name in user_names(role)
    }
    assert owners | {OPERATOR} == set(USERS)
