"""How Kafka clients prove who they are: the options of every client, from settings and secret files.

A secret is named by the file that holds it, as a Kubernetes secret or a credentials manager mounts it, and is read when
a client is made. So it stands in no environment and in no settings file, and a new one counts from the next start on.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from streams.errors import SettingsError
from streams.settings import Settings
from streams.settings_files import read_secret

T = TypeVar("T")
TLS = ("SSL", "SASL_SSL")
SASL = ("SASL_PLAINTEXT", "SASL_SSL")


class Secret(str):
    """A secret that shows itself only to who uses it as text: clients log their options with ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'(hidden)'"


def client_options(settings: Settings) -> dict[str, Any]:
    """The options that make a client safe; aiokafka and kafka-python take the same ones.

    Raises SettingsError naming the field when a file cannot be read or is no certificate or key.
    """
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol in TLS:
        options["ssl_context"] = tls_context(settings)
    if settings.security_protocol in SASL:
        options["sasl_mechanism"] = settings.sasl_mechanism
        if settings.sasl_username:
            options["sasl_plain_username"] = settings.sasl_username
            options["sasl_plain_password"] = Secret(read_secret("sasl_password_file", settings.sasl_password_file))
    return options


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS as a client: the broker's name and certificate are always checked. Raises SettingsError."""
    authorities = settings.ssl_ca_file or None
    context = _loaded("ssl_ca_file", settings.ssl_ca_file, lambda: ssl.create_default_context(cafile=authorities))
    if settings.ssl_certificate_file:
        password = _key_password(settings)
        _loaded(
            "ssl_certificate_file and ssl_key_file",
            f"{settings.ssl_certificate_file} and {settings.ssl_key_file}",
            # An empty password, where none is given, keeps OpenSSL from asking at the terminal for one.
            lambda: context.load_cert_chain(settings.ssl_certificate_file, settings.ssl_key_file, lambda: password),
        )
    return context


def _key_password(settings: Settings) -> str:
    if not settings.ssl_key_password_file:
        return ""
    return read_secret("ssl_key_password_file", settings.ssl_key_password_file)


def _loaded(field: str, shown: str, load: Callable[[], T]) -> T:
    try:
        return load()
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or str(error)
        raise SettingsError(
            f"Setting {field} = {shown} cannot be used ({reason}); name readable PEM files, the key with the "
            "certificate that belongs to it, and in ssl_key_password_file the key's password if it has one."
        ) from error


def describe_files(settings: Settings) -> list[tuple[str, Path]]:
    """The files that the settings name for security, with their field."""
    names = ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file", "ssl_key_password_file", "sasl_password_file")
    return [(name, Path(getattr(settings, name))) for name in (*names, "hash_key_file") if getattr(settings, name)]
