"""Several local brokers that are one Kafka: for tests of what only replicas show, as the death of a leader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local import ports
from deploy.local.broker import LocalBroker, new_cluster_id

NODES = 3
START_TIMEOUT_S = 240.0
"""None answers before most of them run; on a busy machine three take long."""


class LocalCluster:
    """Three brokers, each a controller too, below one directory; a record counts when two of them have it.

    Use as a context manager. Each node can be stopped, killed and started by itself (``nodes``, by node id).
    """

    def __init__(self, directory: Path, *, heap_mb: int = 256, short_lived: bool = False) -> None:
        free = ports.free_ports(2 * NODES)
        listeners, controllers = free[:NODES], free[NODES:]
        voters = ",".join(f"{n}@{ports.LOCALHOST}:{port}" for n, port in enumerate(controllers, 1))
        cluster_id = new_cluster_id()
        self.bootstrap_servers = ",".join(f"{ports.LOCALHOST}:{port}" for port in listeners)
        self.nodes = {
            number: LocalBroker(
                directory / f"node-{number}",
                port,
                heap_mb=heap_mb,
                short_lived=short_lived,
                start_timeout_s=START_TIMEOUT_S,
                settings={**_SETTINGS, "node.id": str(number), "controller.quorum.voters": voters},
                controller_port=controllers[number - 1],
                cluster_id=cluster_id,
            )
            for number, port in enumerate(listeners, 1)
        }

    def start(self) -> None:
        """Start all at once, since no node answers before most of them run. Raises PlatformError."""
        try:
            _at_once(node.start for node in self.nodes.values())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End those that run. Not in good order: the last ones would wait for a majority that is gone."""
        _at_once(node.kill for node in self.nodes.values())

    def __enter__(self) -> LocalCluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


_SETTINGS = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
}


def _at_once(work: Iterable[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(NODES) as pool:
        for done in [pool.submit(task) for task in work]:
            done.result()
