"""Free TCP ports for servers on this machine."""

from __future__ import annotations

import secrets
import socket
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


def _first_ephemeral_port() -> int:
    try:
        return max(FIRST_PORT + 1_000, int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]))
    except OSError:
        return 32_768
