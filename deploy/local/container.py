"""The local broker as a container, for machines with a Docker engine and without Java."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

from deploy.local.jars import HERE
from deploy.local.ports import LOCALHOST
from streams.admin_client import connect
from streams.errors import BrokerError, PlatformError

COMMAND_TIMEOUT_S = 30.0
START_TIMEOUT_S = 300.0
"""The first start has to load the image."""


def engine_answers() -> bool:
    """Whether a Docker engine and Docker's compose plugin can be used here."""
    if shutil.which("docker") is None:
        return False
    try:
        for command in (["docker", "info"], ["docker", "compose", "version"]):
            subprocess.run(command, capture_output=True, timeout=10, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return False
    return True


def is_running() -> bool:
    """Whether the broker's container runs. False without a Docker engine."""
    return engine_answers() and bool(_compose("ps", "--quiet", "--status", "running").strip())


def start(port: int, heap_mb: int) -> None:
    """Start the container and wait until the broker answers at 127.0.0.1:``port``. Raises PlatformError."""
    environment = {"CUEPOINT_BROKER_PORT": str(port), "CUEPOINT_BROKER_HEAP_MB": str(heap_mb)}
    deadline = time.monotonic() + START_TIMEOUT_S
    _compose("up", "--detach", timeout_s=START_TIMEOUT_S, environment=environment)
    while True:
        try:
            connect(f"{LOCALHOST}:{port}").close()
        except BrokerError as error:
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"The broker's container did not answer within {START_TIMEOUT_S:.0f} s: {error} See "
                    f"docker compose --file {HERE / 'compose.yaml'} logs."
                ) from error
            time.sleep(0.5)
        else:
            return


def stop() -> None:
    """Stop and remove the container; its volume with the records stays. Raises PlatformError."""
    _compose("down", timeout_s=60.0)


def _compose(*arguments: str, timeout_s: float = COMMAND_TIMEOUT_S, environment: dict[str, str] | None = None) -> str:
    command = ["docker", "compose", "--file", str(HERE / "compose.yaml"), *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**os.environ, **(environment or {})},
            check=False,
        )
        reason = "" if done.returncode == 0 else (done.stderr.strip() or f"exit {done.returncode}").splitlines()[-1]
    except subprocess.TimeoutExpired:
        reason = f"no end after {timeout_s:.0f} s"
    if reason:
        raise PlatformError(
            f"docker compose {arguments[0]} failed ({reason[:300]}); correct that, or "
            "install Java 17 or newer and Maven, or set CUEPOINT_BOOTSTRAP_SERVERS to a Kafka that you have."
        )
    return done.stdout
