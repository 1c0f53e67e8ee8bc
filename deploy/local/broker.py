"""A real Apache Kafka, one node in KRaft mode, as a process of its own, from the jars that ``jars.py`` provides."""

from __future__ import annotations

import base64
import errno
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from deploy.local import jars, ports, process
from deploy.local.config import BROKER_SETTINGS
from streams.admin_client import connect
from streams.errors import BrokerError, PlatformError

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
DISK_FREE_MB_MIN = 256
"""Free space below which a start is refused: a broker that runs out of disk while writing stops at once."""
QUICK_COMPILER = "-XX:TieredStopAtLevel=1"
"""Only the JVM's first compiler: a start takes half the processor time, and hot code stays slower for ever."""


class LocalBroker:
    """One Kafka broker in one directory: ``server.properties``, ``data/``, ``broker.log``, ``broker.pid``.

    ``port`` 0 takes free ports at the first start and keeps them over ``restart``. ``settings`` are server properties
    over the usual ones; ``controller_port`` and ``cluster_id`` are for one of several (``cluster.py``). ``short_lived``
    is for tests: a start takes half the processor time, long work more. The broker outlives this process unless
    ``stop`` is called or it is used as a context manager. Every failure is a PlatformError with the way out.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        heap_mb: int = 512,
        short_lived: bool = False,
        settings: Mapping[str, str] | None = None,
        controller_port: int = 0,
        cluster_id: str = "",
        disk_free_mb_min: int = DISK_FREE_MB_MIN,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.directory = directory.absolute()
        self.port = port
        self.heap_mb = heap_mb
        self.short_lived = short_lived
        self.settings = dict(settings or {})
        self.disk_free_mb_min = disk_free_mb_min
        self.start_timeout_s = start_timeout_s
        self.log_file = self.directory / "broker.log"
        self.pid_file = self.directory / "broker.pid"
        self.controller_port = controller_port
        self._keeps_controller_port = bool(controller_port)
        self._cluster_id = cluster_id or new_cluster_id()
        # With the space after it, so that no longer path is taken for this one.
        self._marker = f"-Dcuepoint.directory={self.directory} "

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients, ``host:port``. Raises PlatformError before the first start with port 0."""
        port = self.port or self._recorded().get("port", 0)
        if not port:
            raise PlatformError(f"The broker in {self.directory} has no port before its first start; start it.")
        return f"{ports.LOCALHOST}:{port}"

    @property
    def pid(self) -> int | None:
        """Process id of the running broker, or None. A pid file left by a dead broker, or whose id now belongs to
        another program, counts as none."""
        pid = self._recorded().get("pid")
        return pid if pid and process.runs(pid, self._marker) else None

    def start(self) -> None:
        """Start and wait until it answers. Raises PlatformError: running already, no Java, no Maven, port in use,
        directory or disk not usable, no answer in time (the sentence names the log file)."""
        if self.pid:
            raise PlatformError(f"A broker already runs in {self.directory} (process {self.pid}); stop it first.")
        self._prepare_directory()
        java, jar_directory = jars.java_executable(), jars.kafka_jars()
        self._take_ports()
        self._write_properties()
        command = self._command(java, jar_directory)
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(command)
        for file in (self.log_file, self._output_file):
            file.unlink(missing_ok=True)
        environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}
        pid = process.spawn([*command, "kafka.Kafka", str(self._properties)], self._output_file, environment)
        try:
            self.pid_file.write_text(json.dumps({"pid": pid, "port": self.port}))
            self._wait_until_ready(pid)
        except BaseException:
            process.end(pid, self._marker, signal.SIGKILL, STOP_TIMEOUT_S)
            self.pid_file.unlink(missing_ok=True)
            raise

    def stop(self) -> bool:
        """End the broker in good order, or by force after 30 s. Returns whether one was running.

        Raises PlatformError when the pid file names a process that is not this broker: nothing is signalled then.
        """
        self._refuse_foreign_process()
        was_running = self._end(signal.SIGTERM, STOP_TIMEOUT_S)
        return self._end(signal.SIGKILL, STOP_TIMEOUT_S) or was_running

    def kill(self) -> None:
        """End the broker as a power failure would (SIGKILL)."""
        self._end(signal.SIGKILL, STOP_TIMEOUT_S)

    def restart(self) -> None:
        """Stop if it runs, then start again on the same ports and data."""
        self.stop()
        self.start()

    def __enter__(self) -> LocalBroker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _output_file(self) -> Path:
        return self.directory / "broker.out"

    def _recorded(self) -> dict[str, int]:
        try:
            recorded = json.loads(self.pid_file.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            raise PlatformError(f"The pid file {self.pid_file} cannot be read ({error}); remove it.") from error
        return recorded if isinstance(recorded, dict) else {}

    def _end(self, kind: signal.Signals, timeout_s: float) -> bool:
        pid = self.pid
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        if process.end(pid, self._marker, kind, timeout_s):
            self.pid_file.unlink(missing_ok=True)
        return True

    def _refuse_foreign_process(self) -> None:
        pid = self._recorded().get("pid")
        running = process.command_line(pid) if pid else None
        if running and self._marker not in running:
            raise PlatformError(
                f"The pid file {self.pid_file} is stale: process {pid} is another program ({running[:60]}), and was "
                f"left alone. Remove {self.pid_file}."
            )

    def _prepare_directory(self) -> None:
        try:
            (self.directory / "data").mkdir(parents=True, exist_ok=True)
            (self.directory / "tmp").mkdir(exist_ok=True)
            self._properties.touch()
        except OSError as error:
            way_out = "free some space" if error.errno == errno.ENOSPC else "make it writable or name another one"
            raise PlatformError(
                f"The broker's directory {self.directory} cannot be written ({error.strerror}); {way_out}."
            ) from error
        free_mb = shutil.disk_usage(self.directory).free // 1_000_000
        if free_mb < self.disk_free_mb_min:
            raise PlatformError(
                f"The disk of {self.directory} has {free_mb} MB free and a broker needs {self.disk_free_mb_min} MB; "
                "free some space or name another directory."
            )

    def _take_ports(self) -> None:
        if not self.port:
            self.port, self.controller_port = ports.free_ports(2)
        if not self._keeps_controller_port and not (self.controller_port and ports.is_free(self.controller_port)):
            self.controller_port = ports.free_ports(1)[0]
        for port in (self.port, self.controller_port):
            if not ports.is_free(port):
                raise PlatformError(_port_in_use(port))

    def _write_properties(self) -> None:
        lines = {
            **BROKER_SETTINGS,
            **self._listeners(),
            "controller.quorum.voters": f"1@{ports.LOCALHOST}:{self.controller_port}",
            "log.dirs": str(self.directory / "data"),
            **self.settings,
        }
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def _listeners(self) -> dict[str, str]:
        """Who may come in where."""
        broker = f"PLAINTEXT://{ports.LOCALHOST}:{self.port}"
        return {
            "listeners": f"{broker},CONTROLLER://{ports.LOCALHOST}:{self.controller_port}",
            "advertised.listeners": broker,
        }

    def _format_options(self) -> list[str]:
        """What else the storage is made with."""
        return []

    def _answers(self, timeout_s: float) -> bool:
        return ports.answers_as_kafka(self.port, timeout_s)

    def _check_usable(self, deadline: float) -> None:
        """Raise BrokerError when clients cannot work with it."""
        connect(self.bootstrap_servers, timeout_s=max(1.0, deadline - time.monotonic())).close()

    def _command(self, java: str, jar_directory: Path) -> list[str]:
        flags = [f"-Xmx{self.heap_mb}m", "-XX:+UseG1GC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError"]
        if self.short_lived:
            flags.append(QUICK_COMPILER)
        return [
            *(java, *flags, self._marker.strip()),
            f"-Djava.io.tmpdir={self.directory / 'tmp'}",
            f"-Dlog4j2.configurationFile={jars.HERE / 'log4j2.properties'}",
            f"-Dcuepoint.log={self.log_file}",
            *("-cp", f"{jar_directory}/*"),
        ]

    def _format(self, command: list[str]) -> None:
        arguments = [command[0], QUICK_COMPILER, *command[1:], "kafka.tools.StorageTool", "format"]
        arguments += ["--cluster-id", self._cluster_id, "--config", str(self._properties), *self._format_options()]
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=max(START_TIMEOUT_S, self.start_timeout_s), check=False
        )
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[0]
            raise PlatformError(
                f"Kafka could not format {self.directory / 'data'} ({reason[:300]}); remove that "
                "directory and start again."
            )

    def _wait_until_ready(self, pid: int) -> None:
        deadline = time.monotonic() + self.start_timeout_s
        while True:
            if not process.runs(pid, self._marker):
                raise PlatformError(self._why_it_ended())
            if self._answers(deadline - time.monotonic()):
                break
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"The broker did not answer on port {self.port} within {self.start_timeout_s:.0f} s and was ended; "
                    f"its log is {self.log_file}."
                )
            time.sleep(0.05)
        try:
            self._check_usable(deadline)
        except BrokerError as error:
            raise PlatformError(f"The broker started but is not usable: {error} Its log is {self.log_file}.") from error

    def _why_it_ended(self) -> str:
        text = "".join(file.read_text(errors="replace") for file in (self._output_file, self.log_file) if file.exists())
        if "Address already in use" in text:
            return _port_in_use(self.port)
        if "No space left on device" in text:
            return f"The disk of {self.directory} is full; free some space or name another directory."
        errors = [line for line in text.splitlines() if "ERROR" in line or "FATAL" in line or "Error" in line]
        reason = f": {errors[0].strip()[:300]}" if errors else ""
        return f"The broker ended while starting{reason}. Its log is {self.log_file}, its output {self._output_file}."


def new_cluster_id() -> str:
    """A random id as Kafka wants it; it does not begin with a dash, which would look like an option."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A", 1)


def _port_in_use(port: int) -> str:
    return (
        f"Port {port} of {ports.LOCALHOST} is in use by another program; end that one, or give another port "
        f"(cuepoint broker start --port, and CUEPOINT_BOOTSTRAP_SERVERS={ports.LOCALHOST}:<port>)."
    )
