"""The demo's broker: the one that a setting names, else a fresh one from Kafka's jars, else a container."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from deploy.local import container, jars, ports
from deploy.local.broker import LocalBroker
from streams.errors import PlatformError
from streams.settings import Settings
from streams.topics_admin import delete_topics

DEFAULT_SERVERS = str(Settings.model_fields["bootstrap_servers"].default)
CONTAINER_HEAP_MB = 512


class DemoBroker:
    """Starts in the background; ``ready`` waits for it, ``close`` leaves nothing behind."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._given = settings.bootstrap_servers if settings.bootstrap_servers != DEFAULT_SERVERS else None
        self._local: LocalBroker | None = None
        self._settings = settings.model_copy(update={"topic_prefix": f"demo-{os.getpid()}"})
        self._container_port: int | None = None
        self._directory = directory
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._start, daemon=True)
        self._thread.start()

    def ready(self) -> Settings:
        """The settings with address and a topic prefix of this run. Raises what went wrong at the start."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._settings

    @property
    def pid(self) -> int | None:
        """Process of a broker that was started here."""
        return self._local.pid if self._local is not None else None

    def close(self) -> None:
        """Stop what was started; on a broker that stays, delete the topics."""
        self._thread.join()
        if self._local is not None:
            self._local.stop()
        elif self._error is None:
            delete_topics(self._settings, prefix=self._settings.topic_prefix)
            if self._container_port is not None:
                container.stop()

    def _start(self) -> None:
        try:
            self._settings = self._settings.model_copy(update={"bootstrap_servers": self._choose()})
        except BaseException as error:
            self._error = error

    def _choose(self) -> str:
        if self._given is not None:
            return self._given
        try:
            jars.check_prerequisites()
        except PlatformError:
            if not container.engine_answers():
                raise
            self._container_port = ports.free_ports(1)[0]
            container.start(self._container_port, CONTAINER_HEAP_MB)
            return f"{ports.LOCALHOST}:{self._container_port}"
        self._local = LocalBroker(self._directory)
        self._local.start()
        return self._local.bootstrap_servers
