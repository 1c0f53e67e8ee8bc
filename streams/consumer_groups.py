"""What the broker knows of a consumer group. Its coordinator may be silent for a while, and silence is no answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError, RetriableError

from streams.errors import BrokerUnavailableError

ATTEMPTS = 20
PAUSE_S = 0.2

_Answer = TypeVar("_Answer")


def members(admin: KafkaAdminClient, group: str) -> int:
    """How many workers a group has; none where no group has ever been. Raises BrokerUnavailableError, KafkaError."""

    def described() -> int:
        found = admin.describe_groups([group])[group]
        error = found["error"]
        if error and "GroupIdNotFound" not in error:
            raise RetriableError(error)
        return len(found["members"])

    return _answer(group, described)


def committed_offsets(admin: KafkaAdminClient, group: str) -> dict[TopicPartition, Any]:
    """What a group has committed; nothing where it never has. Raises BrokerUnavailableError, KafkaError."""
    return _answer(group, lambda: dict(admin.list_group_offsets({group: None}).get(group, {})))


def _answer(group: str, ask: Callable[[], _Answer]) -> _Answer:
    """Ask until there is an answer. The broker makes its topic of groups only when it is first asked; a coordinator
    that has just taken over still reads what it knows."""
    said = ""
    for _ in range(ATTEMPTS):
        try:
            return ask()
        except KafkaError as error:
            if not error.retriable:
                raise
            said = str(error)
        time.sleep(PAUSE_S)
    raise BrokerUnavailableError(
        f"The broker does not say who is in group {group} ({said}); see that it is well, and try again in a moment."
    )
