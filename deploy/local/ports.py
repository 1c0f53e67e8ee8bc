"""TCP ports of this machine: which are free, and whether a Kafka broker answers on one."""

from __future__ import annotations

import secrets
import socket
import struct
from pathlib import Path

LOCALHOST = "127.0.0.1"
FIRST_PORT = 20_000


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do: the remains of closed connections do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports below the range from which the kernel gives ports to outgoing connections.

    Port 0 would give one out of that range: while the broker is down for a restart, any client's connection could
    take it, even a client's to itself.
    """
    ports: list[int] = []
    last = _first_ephemeral_port() - 1
    while len(ports) < count:
        port = FIRST_PORT + secrets.randbelow(max(1, last - FIRST_PORT))
        if port not in ports and is_free(port):
            ports.append(port)
    return ports


def answers_as_kafka(port: int, timeout_s: float) -> bool:
    """Whether a Kafka broker answers the oldest request there is, ApiVersions version 0.

    A broker listens before it serves, so a connection alone proves nothing.
    """
    correlation = 7
    request = struct.pack(">hhih", 18, 0, correlation, -1)
    try:
        with socket.create_connection((LOCALHOST, port), timeout=1.0) as connection:
            connection.settimeout(max(0.1, timeout_s))
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(8)
    except OSError:
        return False
    return len(answer) == 8 and struct.unpack(">ii", answer)[1] == correlation


def accepts(port: int, timeout_s: float) -> bool:
    """Whether something listens."""
    try:
        socket.create_connection((LOCALHOST, port), timeout=max(0.1, timeout_s)).close()
    except OSError:
        return False
    return True


def _first_ephemeral_port() -> int:
    try:
        return max(FIRST_PORT + 1_000, int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]))
    except OSError:
        return 32_768
