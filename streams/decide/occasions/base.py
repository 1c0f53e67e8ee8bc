"""What every occasion answers: which episodes it arms, and whether one that comes due still holds."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from schemas.envelope import Envelope
from streams.decide.rules import Compiled
from streams.decide.state import Purchase, Sent
from streams.decide.view import View

ITEMS_MAX = 20
"""Most items that one message names; the most valuable stay."""


class Arming(msgspec.Struct, frozen=True):
    """An episode and the moment that its steps count from."""

    episode: str
    anchor: int


class Verdict(msgspec.Struct, frozen=True):
    """``go``: due. ``suppress``: due, not to be sent for ``reason``. ``wait``: not before ``until``. ``end``: over."""

    kind: Literal["go", "suppress", "wait", "end"]
    reason: str = ""
    until: int = 0
    value: str = ""
    """What the episode gate looked at, for the explanation."""
    items: list[tuple[str, int]] = []
    wanted: list[tuple[str, int]] = []
    """Of a cart: what it held of the items' products."""
    since: int = 0
    """From when on purchases undo the message."""
    inputs: tuple[str, ...] = ()


END = Verdict("end")


class Occasion(Protocol):
    """A kind of moment. Implementations are stateless; everything they know is in the view."""

    name: str
    triggers: frozenset[str]
    """Event types after which ``arm`` is asked."""
    undone_by: frozenset[str]
    """Event types after which ``undone`` is asked (consents and erasures are looked at for all occasions)."""
    across_brands: bool
    """Whether an event of one brand arms the occasion for every brand that has a campaign of it."""
    rearms_at_pop: bool
    """Whether ``arm`` is asked again when one of its timers has popped."""

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The episodes that should be waiting now. ``event``: what just happened; None at a pop or a new campaign."""

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Whether an episode still holds at ``view.now``; ``after``: the step's delay."""

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """In words, which precondition does not hold at ``view.now`` so that nothing is armed; empty: all hold.

        For ``cuepoint explain`` only, never on the way of an event. It changes nothing.
        """

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The reason why a sent message should not have gone, or need not go any more; None: it stands."""


def most_valuable(lines: dict[str, tuple[int, int]]) -> list[tuple[str, int]]:
    """Items (product, quantity) of product -> (quantity, value), most valuable first, then by product."""
    ordered = sorted(lines.items(), key=lambda row: (-row[1][1], row[0]))
    return [(product, quantity) for product, (quantity, _) in ordered[:ITEMS_MAX]]


def bought_reason(channel: str) -> str:
    """The reason code of a purchase by its channel."""
    return "bought_in_store" if channel == "store" else "bought_online"


def takes_from(event: Envelope, purchase: Purchase) -> bool:
    """Whether a return or cancellation event is about this purchase: by its id, or else by one of its products."""
    if event.type == "order.cancelled" or event.data.get("order") is not None:
        return bool(event.data["order"] == purchase.id)
    held = {line.product for line in purchase.lines}
    return any(row["product"] in held and row.get("kind") != "sale" for row in event.data["lines"])


def bought_by(event: Envelope) -> str:
    """The purchase id of a purchase event."""
    purchase: str = event.data["order"] if event.type == "order.placed" else event.data["receipt"]
    return purchase


NOT_KNOWN = "Not a customer of the CRM, but a visitor, card, device or address that nothing has linked to one."


def nothing_kept(view: View, brand: str) -> str:
    """Why no purchase of the brand is kept."""
    placed = sum(1 for p in view.state.purchases.values() if p.brand == brand and p.at >= 0)
    if not placed:
        return f"No purchase of {brand} is known."
    return f"No purchase of {brand} is kept: {placed} came back or cancelled."


def not_registered(view: View, brand: str) -> str:
    """Why there is no registration with the brand; empty: there is one."""
    if brand in view.state.registered:
        return ""
    others = ", ".join(sorted(view.state.registered))
    return f"No registration with {brand} is known" + (f", only with {others}." if others else ".")
