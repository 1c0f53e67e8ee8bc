"""The beginning of a shadow: its changelog becomes a copy of the live stage's, partition by partition."""

from __future__ import annotations

from collections.abc import Callable

from kafka.errors import KafkaError

from schemas.topics import SHADOW, SHADOW_STAGE, STAGES
from streams.broker_logs import copy_of_state
from streams.changelog_writer import transactional_producer, write_changelog
from streams.ordered import POSITION_KEY
from streams.settings import Settings
from streams.tools import consumer
from streams.topics_admin import check_topics, ensure_topics


def seed(settings: Settings, say: Callable[[str], None] = lambda _: None) -> list[int]:
    """Make the shadow's topics, and copy the live state to every partition that has none yet; which these were.

    Each copy is one transaction, and the live position goes with it: where the live stage was when it was read, there
    the shadow reads on. Raises BrokerError.
    """
    ensure_topics(settings, [topic.name for topic in SHADOW])
    check_topics(settings, [SHADOW_STAGE.changelog, STAGES["decide"].changelog, *SHADOW_STAGE.inputs])
    with consumer(settings) as client:
        empty = [
            number
            for number in range(settings.partitions)
            if POSITION_KEY not in copy_of_state(client, settings, (SHADOW_STAGE.changelog, number))
        ]
        for number in empty:
            state = copy_of_state(client, settings, (STAGES["decide"].changelog, number))
            if state:
                say(f"partition {number}: {len(state):,} entries of the live state are copied")
                _write(settings, number, state)
    return empty


def _write(settings: Settings, partition: int, state: dict[bytes, bytes]) -> None:
    """Write a copy in one transaction. Raises BrokerError, and then nothing of it is visible."""

    def sentence(error: KafkaError) -> str:
        return (
            f"The live state could not be copied to {settings.topic(SHADOW_STAGE.changelog)} partition {partition} "
            f"({error}); nothing of it was written. Run cuepoint shadow again, and only once at a time while it begins."
        )

    with transactional_producer(settings, "shadow-seed", sentence) as client:
        write_changelog(client, settings, (SHADOW_STAGE.changelog, partition), state)
