"""Channel shift: a customer buys only in the store, or only online, ``purchases`` purchase days in a row.

Counted are the brand's kept purchases after the latest kept one in the other channel, those of one UTC day once.
Episode: the id of the purchase that completes the row, so that one row is one episode. A purchase in the other channel
ends the row, and the next one re-arms; one that came back no longer counts, and a later purchase completes the row
then. Who has bought in the other channel by the due time is past it (``bought_online``, ``bought_in_store``), and one
who turns out to have done so in between gets it taken back. Sources: orders, returns, till receipts.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES, STORE, TRADE_TYPES
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, bought_reason, nothing_kept
from streams.decide.rules import Compiled
from streams.decide.state import DAY_MS, Purchase, Sent
from streams.decide.view import View


class ChannelShift:
    """See the module."""

    name = "channel_shift"
    triggers = TRADE_TYPES
    undone_by = PURCHASE_TYPES
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The present row, if it is long enough."""
        row, needed = _row(view.kept(brand), campaign.options.only), campaign.options.purchases
        return [Arming(row[needed - 1].id, row[needed - 1].at)] if len(row) >= needed else []

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """The row still stands, and this purchase completes it."""
        kept, options = view.kept(brand), campaign.options
        row = _row(kept, options.only)
        if len(row) < options.purchases or row[options.purchases - 1].id != episode:
            return self._over(view, brand, episode, kept, options.only)
        completed = row[options.purchases - 1].at
        if completed + after > view.now:
            return Verdict("wait", until=completed + after)
        value = f"purchase days {len(row)}, all {_place(options.only)}"
        inputs = tuple(purchase.id for purchase in row[-10:])
        return Verdict("go", value=value, since=row[0].at, inputs=inputs)

    def _over(self, view: View, brand: str, episode: str, kept: list[Purchase], only: str) -> Verdict:
        """The row has ended: by a purchase in the other channel, or because something of it came back."""
        completing = next((purchase for purchase in kept if purchase.id == episode), None)
        other = kept[-1] if kept and not _is(kept[-1], only) else None
        if completing is None or other is None or other.at <= completing.at:
            return END
        value = f"{_place(only)} until {other.id}"
        return Verdict("suppress", bought_reason(other.channel), value=value, inputs=(episode, other.id))

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """The row of purchase days in the one channel has to be long enough."""
        kept, options = view.kept(brand), campaign.options
        if not kept:
            return nothing_kept(view, brand)
        days = len(_row(kept, options.only))
        if days >= options.purchases:
            return ""
        return f"Purchase days of {brand} in a row {_place(options.only)}: {days}; purchases is {options.purchases}."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """The event is a kept purchase in the other channel, since the row began."""
        this = bought_by(event)
        purchase = next((each for each in view.kept(sent.brand) if each.id == this and each.at >= sent.since), None)
        completing = view.state.purchases.get(f"{sent.brand}|{sent.episode}")
        if purchase is None or completing is None or (purchase.channel == STORE) == (completing.channel == STORE):
            return None
        return bought_reason(purchase.channel)


def _row(kept: list[Purchase], only: str) -> list[Purchase]:
    """The first purchase of each UTC day after the latest in the other channel."""
    row: list[Purchase] = []
    for purchase in kept:
        if not _is(purchase, only):
            row = []
        elif not row or purchase.at // DAY_MS > row[-1].at // DAY_MS:
            row.append(purchase)
    return row


def _is(purchase: Purchase, only: str) -> bool:
    return (purchase.channel == STORE) == (only == STORE)


def _place(only: str) -> str:
    return "in the store" if only == STORE else "online"
