"""The ledger of caps: a message takes its place as it is decided, and feedback commits or releases it.

A channel that drops a message, or whose message bounces, gives its place back, unless it was said before that the
message had arrived. Without an answer the place stays taken. Rules: docs/semantics.md, "Caps".
"""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING

from schemas.base import from_ms
from schemas.caps import Cap
from schemas.envelope import Envelope
from streams.decide.local_time import instant
from streams.decide.rules import zone
from streams.decide.state import LEDGER_KEPT_MS, CustomerState, Send

if TYPE_CHECKING:
    from collections.abc import Iterator

ARRIVED = frozenset({"delivered", "opened", "clicked"})
NOT_SENT = frozenset({"dropped", "bounced"})


def reserve(state: CustomerState, brand: str, send: Send) -> None:
    """Enter a message; what no cap can count any more is forgotten."""
    kept = [known for known in state.ledger.get(brand, ()) if known.at > send.at - LEDGER_KEPT_MS]
    state.ledger[brand] = [*kept, send]


def give_back(state: CustomerState, brand: str, decision: str) -> None:
    """Remove the place of a message that is not sent."""
    if brand in state.ledger:
        state.ledger[brand] = [send for send in state.ledger[brand] if send.ghost or send.id != decision]


def move(state: CustomerState, brand: str, decision: str, at: int) -> None:
    """A message that has its place is to be sent at another time."""
    for send in state.ledger.get(brand, ()):
        if send.id == decision and not send.ghost:
            send.at = at


def settle(state: CustomerState, event: Envelope) -> None:
    """Feedback: commit or release the message that it names, or else the customer's latest on brand and channel."""
    status = event.data["status"]
    if status in ARRIVED:
        word = "committed"
    elif status in NOT_SENT:
        word = "released"
    else:
        return
    wanted, channel = event.data["decision"], event.data["channel"]
    waiting = state.reserved
    for brand in state.ledger if wanted else (event.brand,):
        for send in reversed(state.ledger.get(brand, ())):
            if not send.ghost and send.id not in waiting and (send.id == wanted if wanted else send.channel == channel):
                if not send.word:
                    send.word = word  # type: ignore[assignment]
                return


def counted(state: CustomerState, brand: str, cap: Cap, since: int, ghost: bool) -> int:
    """Messages at ``since`` or later that count against a cap. ``ghost``: asked for a message that would be a ghost."""
    return sum(1 for send in _of(state, brand, cap) if send.at >= since and (ghost or not send.ghost))


def window_start(cap: Cap, now: int, zone_name: str | None) -> int:
    """The first moment of the cap's window at ``now``. Calendar windows need a zone."""
    if isinstance(cap.per, int):
        return now - cap.per + 1
    assert zone_name is not None
    day = from_ms(now).astimezone(zone(zone_name)).date()
    if cap.per == "week":
        day -= timedelta(days=day.weekday())
    elif cap.per == "month":
        day = day.replace(day=1)
    return instant(day, time(0), zone_name)


def _of(state: CustomerState, brand: str, cap: Cap) -> Iterator[Send]:
    for sender in state.ledger if cap.all_brands else (brand,):
        for send in state.ledger.get(sender, ()):
            if (
                send.word != "released"
                and cap.channel in ("*", send.channel)
                and cap.category in (None, send.category)
                and cap.campaign in (None, send.campaign)
            ):
                yield send
