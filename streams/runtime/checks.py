"""What must be true of the broker before a worker starts: it answers, and the stage's topics have the right shape."""

from __future__ import annotations

from schemas.topics import CATALOGUE, Stage
from streams.errors import BrokerError
from streams.runtime.switch import TOPIC, has_switch
from streams.settings import Settings
from streams.topics_admin import administering, partition_counts


def check_stage_topics(stage: Stage, settings: Settings) -> None:
    """Raise BrokerError when the broker cannot be reached, or a topic of the stage is missing or has another shape."""
    partitioned = {*stage.inputs, stage.changelog}
    written = {name for name, topic in CATALOGUE.items() if stage.name in topic.producers}
    beside = {TOPIC} if has_switch(stage.name) else set()
    counts = partition_counts(settings, sorted(partitioned | written | beside))
    for name in sorted(partitioned | written | beside):
        found = counts.get(settings.topic(name))
        if found is None:
            raise BrokerError(
                f"Topic {settings.topic(name)} does not exist on {settings.bootstrap_servers}; "
                "create it with: cuepoint topics apply."
            )
        if name in partitioned and found != settings.partitions:
            raise BrokerError(
                f"Topic {settings.topic(name)} has {found} partitions, but the setting partitions says "
                f"{settings.partitions}: all inputs of {stage.name} and its changelog need the same number. Set "
                "CUEPOINT_PARTITIONS to the number the topics were made with, or use a new topic prefix and run "
                "cuepoint topics apply."
            )


def topic_id(settings: Settings, name: str) -> str:
    """What the broker calls a topic (without prefix), and no other one that has had or will have its name."""
    with administering(settings) as admin:
        return str(admin.describe_topics([settings.topic(name)])[0]["topic_id"])
