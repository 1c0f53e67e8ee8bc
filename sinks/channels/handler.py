"""What a channel service writes itself: how a message is sent, and how it is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from schemas.decisions import Trigger

if TYPE_CHECKING:
    from sinks.channels.outbox import Outbox

Outcome = Literal["delivered", "accepted"]
"""``delivered``: it has left. ``accepted``: it waits with the channel, which says later how it ended (``Outbox``)."""
DETAIL_CHARACTERS_MAX = 256
"""Longest ``detail`` of an answer; what is longer is cut."""


class Message(NamedTuple):
    """A trigger, with its two times in milliseconds since the epoch."""

    trigger: Trigger
    decided_ms: int
    """Logical time of the decision."""
    valid_until_ms: int
    """After this it must not go."""


class Bounced(Exception):
    """The message could not be delivered to this customer. ``permanent``: the address is dead, so Cuepoint will not
    use the channel for him again; else the mailbox was full, the phone off."""

    def __init__(self, detail: str, permanent: bool = True) -> None:
        super().__init__(detail)
        self.permanent = permanent


class Refused(Exception):
    """This message can never be sent, and it is not the customer's address: no such content, a refused request."""


class Retry(Exception):
    """The message did not leave, and another try may succeed. ``after_s``: not before so many seconds have gone."""

    def __init__(self, detail: str, after_s: float | None = None) -> None:
        super().__init__(detail)
        self.after_s = after_s


class Handler:
    """Base of a channel's handlers. One thread calls it, one message at a time, a customer's messages in order."""

    def send(self, message: Message) -> Outcome:
        """Send it. Returns what became of it; raises Bounced, Refused or Retry when it could not.

        Any other exception counts as Retry, or, when the setting ``channel_delivery`` is ``at_most_once``, as a
        message of which nobody knows whether it left.
        """
        raise NotImplementedError

    def cancel(self, message: Message, outcome: Outcome) -> bool:
        """Take back a message of which ``send`` said this outcome. Whether that was possible; by default it is not.

        What had not come yet, or waits for another try, needs no handler. An exception counts as no.
        """
        return False

    def tick(self, outbox: Outbox) -> None:
        """Called after each poll, at least twice a second: end what was accepted and has left by now."""

    def close(self) -> None:
        """Called at the end."""


Clock = Callable[[Message], int]
"""The channel's time in milliseconds when it takes a message."""


def wall_clock(_: Message) -> int:
    """Now."""
    return time.time_ns() // 1_000_000


def logical_clock(message: Message) -> int:
    """The time of the decision: for replays, in which every trigger is years old."""
    return message.decided_ms
