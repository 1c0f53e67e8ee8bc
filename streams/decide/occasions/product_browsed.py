"""Product browsed: products were looked at in a visit, and neither bought nor put into a cart.

Episode: the session id. It starts with the session's first view, and counts from its last one. Its products are those
whose last view is in it, viewed ``min_views`` times over all visits; what was bought of the brand anywhere, or lies in
a cart, since ``left_out_for`` before the session's last view is left out. It ends when no product has enough views, or
all were looked at again later: then the later session is the one. Another session is another episode. It is undone by
purchases of all products that it named. Sources: web sessions, orders, till receipts.
"""

from __future__ import annotations

from schemas.envelope import Envelope
from streams.decide.facts import PURCHASE_TYPES
from streams.decide.occasions.base import END, Arming, Verdict, bought_by, bought_reason, most_valuable
from streams.decide.rules import Compiled
from streams.decide.state import Purchase, Sent, Viewed
from streams.decide.view import View


class ProductBrowsed:
    """See the module."""

    name = "product_browsed"
    triggers = frozenset({"product.viewed"})
    undone_by = PURCHASE_TYPES
    across_brands = False
    rearms_at_pop = False

    def arm(self, view: View, campaign: Compiled, brand: str, event: Envelope | None) -> list[Arming]:
        """The event's session, or at a new campaign every session with a last view of a product."""
        own = [viewed for key, viewed in view.state.views.items() if key.startswith(f"{brand}|")]
        sessions = {viewed.session for viewed in own} if event is None else {event.data["session"]}
        lasts = {session: [viewed.last for viewed in own if viewed.session == session] for session in sessions}
        return [Arming(session, max(lasts[session])) for session in sorted(sessions) if lasts[session]]

    def check(self, view: View, campaign: Compiled, brand: str, episode: str, after: int) -> Verdict:
        """Something is left of what was looked at."""
        views = _of_session(view, brand, episode)
        last = max((viewed.last for viewed in views.values()), default=None)
        if last is None:
            return END
        if last + after > view.now:
            return Verdict("wait", until=last + after)
        wanted = {product: viewed for product, viewed in views.items() if viewed.views >= campaign.options.min_views}
        if not wanted:
            return END
        since = last - campaign.options.left_out_for
        bought, purchases = view.bought_since(brand, since)
        held = {
            product
            for cart in view.state.carts.values()
            if cart.brand == brand and cart.activity >= since
            for product, _, _ in cart.lines
        }
        left = {product: (1, viewed.views) for product, viewed in wanted.items() if product not in held | bought.keys()}
        value = f"products left {len(left)} of {len(wanted)} viewed"
        if left:
            items = most_valuable(left)
            before = [(product, 1) for product, _ in items]
            return Verdict("go", value=value, items=items, wanted=before, since=since, inputs=(episode,))
        buying = [purchase for purchase in purchases if any(line.product in wanted for line in purchase.lines)]
        reason = bought_reason(buying[-1].channel) if buying else "in_cart"
        return Verdict("suppress", reason, value=value, inputs=(episode, *(purchase.id for purchase in buying)))

    def missing(self, view: View, campaign: Compiled, brand: str) -> str:
        """A product of the brand has to have been looked at."""
        seen = any(key.startswith(f"{brand}|") for key in view.state.views)
        return "" if seen else f"No view of a product of {brand} is remembered."

    def undone(self, view: View, sent: Sent, event: Envelope) -> str | None:
        """Everything that the message named has been bought, the last of it by this event."""
        bought, purchases = view.bought_since(sent.brand, sent.since)
        if any(product not in bought for product, _ in sent.wanted):
            return None
        this, named = bought_by(event), {product for product, _ in sent.items}
        buying = (purchase for purchase in purchases if purchase.id == this and _holds(purchase, named))
        return next((bought_reason(purchase.channel) for purchase in buying), None)


def _of_session(view: View, brand: str, session: str) -> dict[str, Viewed]:
    """Product -> its views, of the brand's products whose last view is in the session."""
    start = f"{brand}|"
    return {
        key[len(start) :]: viewed
        for key, viewed in view.state.views.items()
        if viewed.session == session and key.startswith(start)
    }


def _holds(purchase: Purchase, products: set[str]) -> bool:
    return any(line.product in products for line in purchase.lines)
