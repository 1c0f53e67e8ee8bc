"""A connection to the broker for administration, and the one way to say that there is no broker."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, SaslAuthenticationFailedError
from kafka.net.compat import KafkaNetClient

from streams.errors import BrokerError, BrokerUnavailableError
from streams.security import client_options
from streams.settings import Settings

CONNECT_TIMEOUT_S = 5.0
"""For a connection to one address, and for one attempt to be known there. A refusal is told after it."""
SECURED_TIMEOUT_S = 15.0
"""For all attempts where hands are shaken (TLS, SASL): a busy broker takes seconds for that, or to refuse a user."""
REQUEST_TIMEOUT_S = 30.0
START_ONE = "start one (cuepoint broker start) or set CUEPOINT_BOOTSTRAP_SERVERS to its host:port"

_log_lock = threading.Lock()


def connect(broker: Settings | str, timeout_s: float | None = None) -> KafkaAdminClient:
    """An admin client (also a context manager) of a broker that was seen to answer.

    ``broker``: settings, or the address of one that asks for no security. Raises BrokerError with one sentence, and
    logs nothing, when an address has no valid form or the broker refuses user or certificate; BrokerUnavailableError
    when within about ``timeout_s`` (by default CONNECT_TIMEOUT_S, of a secured broker SECURED_TIMEOUT_S) a host name is
    unknown, nothing listens or answers, what answers is no Kafka broker, or the broker tells clients to go to an
    address that cannot be reached.
    """
    settings = broker if isinstance(broker, Settings) else Settings(bootstrap_servers=broker)
    if timeout_s is None:
        timeout_s = CONNECT_TIMEOUT_S if settings.security_protocol == "PLAINTEXT" else SECURED_TIMEOUT_S
    deadline = time.monotonic() + timeout_s
    bootstrap_servers, security = settings.bootstrap_servers, client_options(settings)
    problems = {address: _problem(address, deadline) for address in _addresses(bootstrap_servers)}
    usable = [f"{host}:{port}" for (host, port), problem in problems.items() if problem is None]
    if not usable:
        text = "; ".join(f"{host}:{port} {problem}" for (host, port), problem in problems.items())
        raise BrokerUnavailableError(f"No Kafka broker: {text}. Unless the broker is still starting, {START_ONE}.")
    clients: list[KafkaNetClient] = []

    def remember(**config: Any) -> KafkaNetClient:
        clients.append(KafkaNetClient(**config))
        return clients[0]

    with _quiet_client_log() as logged:
        while True:
            remaining = deadline - time.monotonic()
            try:
                admin = KafkaAdminClient(
                    bootstrap_servers=usable,
                    bootstrap_timeout_ms=int(max(0.5, min(CONNECT_TIMEOUT_S, remaining)) * 1000),
                    request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000),
                    kafka_client=remember,
                    **security,
                )
                break
            except KafkaError as error:
                _close_half_open(clients)
                if refused := logged.refusal():
                    raise BrokerError(_refused(settings, usable, refused)) from error
                if time.monotonic() >= deadline:
                    raise BrokerUnavailableError(
                        f"What listens at {', '.join(usable)} does not answer as a Kafka broker ({reason(error)}): "
                        "another program, a controller's port, or a port that wants other security than "
                        f"security_protocol = {settings.security_protocol}; {START_ONE}."
                    ) from error
        try:
            _check_advertised(clients[0], usable, deadline)
        except BrokerError:
            admin.close()
            raise
    return admin


def reason(error: KafkaError) -> str:
    """The client's error as the middle of a sentence."""
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _addresses(bootstrap_servers: str) -> list[tuple[str, int]]:
    addresses = []
    for part in bootstrap_servers.split(","):
        host, colon, port = part.strip().rpartition(":")
        if not colon or not host.strip("[]") or not port.isdigit() or not 0 < int(port) < 65_536:
            raise BrokerError(
                f"bootstrap_servers = {bootstrap_servers!r}: {part.strip()!r} is not host:port; set "
                "CUEPOINT_BOOTSTRAP_SERVERS to host:port, several separated by commas."
            )
        addresses.append((host.strip("[]"), int(port)))
    return addresses


def _problem(address: tuple[str, int], deadline: float) -> str | None:
    """Why no connection can be made to this address, as the end of a sentence; None when it can."""
    try:
        socket.create_connection(address, timeout=min(CONNECT_TIMEOUT_S, max(0.2, deadline - time.monotonic()))).close()
    except socket.gaierror:
        return "has a host name that is not known"
    except ConnectionRefusedError:
        return "refuses connections (nothing listens there)"
    except TimeoutError:
        return "does not answer"
    except OSError as error:
        return f"cannot be reached ({error.strerror or error})"
    return None


def _check_advertised(client: KafkaNetClient, bootstrap: list[str], deadline: float) -> None:
    nodes = [(node.host, node.port) for node in client.cluster.brokers()]
    problems = [(node, _problem(node, deadline)) for node in nodes]
    bad = next(((node, problem) for node, problem in problems if problem), None)
    if bad and all(problem for _, problem in problems):
        (host, port), problem = bad
        raise BrokerUnavailableError(
            f"The broker at {', '.join(bootstrap)} tells clients to use {host}:{port}, which {problem}; correct its "
            "advertised.listeners, or make that name known on this machine."
        )


def _close_half_open(clients: list[KafkaNetClient]) -> None:
    """The admin client's constructor leaves its thread running when it fails."""
    while clients:
        client = clients.pop()
        network = client._manager._net
        client.close()
        network.stop()


def _refused(settings: Settings, usable: list[str], error: BaseException) -> str:
    if isinstance(error, SaslAuthenticationFailedError):
        return (
            f"The broker at {', '.join(usable)} does not know user {settings.sasl_username!r} with the password in "
            f"{settings.sasl_password_file or 'sasl_password_file'} ({settings.sasl_mechanism}); correct "
            "sasl_username, sasl_password_file or sasl_mechanism, or make the user."
        )
    return (
        f"TLS with {', '.join(usable)} failed ({error}); set security_protocol to what that port speaks, ssl_ca_file "
        "to who signed the broker's certificate, and ssl_certificate_file where the broker asks for one."
    )


class _Logged(logging.Handler):
    """Keeps why the client's attempts failed: it says so in its log alone, and tries again."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging``."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        self._errors += [value for value in arguments if isinstance(value, BaseException)]

    def refusal(self) -> BaseException | None:
        """The first error of authentication or of TLS."""
        for error in self._errors:
            if isinstance(error, SaslAuthenticationFailedError) or "SSL" in str(error) or "Handshake" in str(error):
                return error
        return None


@contextmanager
def _quiet_client_log() -> Iterator[_Logged]:
    """The client logs a line for each failed attempt; the one sentence of a BrokerError replaces them."""
    logger, logged = logging.getLogger("kafka"), _Logged()
    with _log_lock:
        level, before = logger.level, (logger.propagate, logger.handlers)
        logger.setLevel(logging.WARNING)
        logger.propagate, logger.handlers = False, [logged]
        try:
            yield logged
        finally:
            logger.setLevel(level)
            logger.propagate, logger.handlers = before
