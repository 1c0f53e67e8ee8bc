"""Three brokers, and the death of the one that matters: a partition's leader, a coordinator."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from aiokafka.client import AIOKafkaClient, CoordinationType

from deploy.local.cluster import NODES, LocalCluster
from streams.settings import Settings
from tests.faults.broker_stage import Counted, Source, Workers, judge, stage_settings
from tests.runtime.counting import OUTPUT, STAGE
from tests.runtime.kit import make_counting_topics

RECORDS_MORE = 100
OFFICES = ("transaction coordinator", "leader of an output", "group coordinator", "leader of a changelog")
"""What the broker is that dies, in this order."""


@dataclass(frozen=True)
class LeaderFigures:
    """What a run gave in which brokers died, one at a time."""

    counting_after_s: dict[str, float]
    """From the kill -9 until counting has gone on with the two others."""
    restarts: list[str]
    counted: Counted


def leaders_die(cluster: LocalCluster, prefix: str, directory: Path, offices: tuple[str, ...]) -> LeaderFigures:
    """Kill the holder of each office, wait until counting goes on without it, and bring it back."""
    settings = stage_settings(cluster.bootstrap_servers, prefix, directory, replication=NODES)
    make_counting_topics(settings)
    after_s = {}
    with Workers(settings) as workers:
        with Source(settings):
            for number in range(2):
                workers.start(f"worker-{number}")
            workers.wait_ready()
            workers.wait_for_more(RECORDS_MORE)
            for office in offices:
                node = cluster.nodes[asyncio.run(_holder(settings, office))]
                began = time.monotonic()
                node.kill()
                workers.wait_for_more(RECORDS_MORE)
                after_s[office] = round(time.monotonic() - began, 1)
                node.start()
                workers.wait(lambda: asyncio.run(_in_sync(settings)), "all replicas are in sync")
        counted = judge(workers)
    return LeaderFigures(after_s, workers.restarts, counted)


async def _holder(settings: Settings, office: str) -> int:
    """Node id of the broker that holds an office for partition 0."""
    client = await _client(settings)
    try:
        if office == "transaction coordinator":
            producer = f"{settings.topic_prefix}-{STAGE.name}-0"
            return int(await client.coordinator_lookup(CoordinationType.TRANSACTION, producer))
        if office == "group coordinator":
            group = f"{settings.topic_prefix}-{STAGE.name}"
            return int(await client.coordinator_lookup(CoordinationType.GROUP, group))
        topic = {"leader of an output": OUTPUT, "leader of a changelog": STAGE.changelog}[office]
        return int(client.cluster._partitions[settings.topic(topic)][0].leader)
    finally:
        await client.close()


async def _in_sync(settings: Settings) -> bool:
    """Whether every partition of the stage's topics has all its replicas again."""
    client = await _client(settings)
    try:
        partitions = [one for topic in client.cluster._partitions.values() for one in topic.values()]
        return bool(partitions) and all(len(one.isr) == NODES for one in partitions)
    finally:
        await client.close()


async def _client(settings: Settings) -> AIOKafkaClient:
    client = AIOKafkaClient(bootstrap_servers=settings.bootstrap_servers)
    await client.bootstrap()
    client.set_topics([settings.topic(name) for name in (*STAGE.inputs, STAGE.changelog, OUTPUT)])
    await client.force_metadata_update()
    return client
