"""How events change a customer's facts, and what follows from the facts: kept quantities, matched returns.

Nothing here knows campaigns. Rules: docs/semantics.md, "Facts".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter

from schemas.customers import CRM
from schemas.envelope import Envelope
from streams.decide.ledger import settle
from streams.decide.rhythm import purchase_days
from streams.decide.state import (
    CART_KEPT_MS,
    CARTS_MAX,
    LINES_KEPT_MS,
    LINES_MAX,
    PURCHASES_MAX,
    RETURN_WINDOW_MS,
    Cart,
    CustomerState,
    Line,
    Profile,
    Purchase,
    Return,
    ReturnLine,
)

STORE = "store"
PURCHASE_TYPES = frozenset({"order.placed", "pos.receipt"})
RETURN_TYPES = frozenset({"return.requested", "return.received", "return.rejected", "refund.issued"})
RECEIVED_TYPES = frozenset({"return.received", "refund.issued"})
"""Events that say that the goods of a return are back."""
TRADE_TYPES = PURCHASE_TYPES | RETURN_TYPES | {"order.changed", "order.cancelled"}
"""Events after which purchases, or what is kept of them, may differ."""
WITHDRAWN_BY_UNSUBSCRIBE = ("marketing", "review")

Place = tuple[Purchase, Line]
_oldest_first = attrgetter("at", "id")
Matched = dict[tuple[str, str], int]
"""(purchase id, line) -> quantity that came back."""


def apply(state: CustomerState, event: Envelope) -> None:
    """Change the facts by one event (already known to be no copy)."""
    if event.brand:
        state.markets[event.brand] = (event.market, event.eff)
    function = _APPLY.get(event.type)
    if function is not None:
        if event.type in TRADE_TYPES:
            state.forget_derived()
        function(state, event)


def matched_returns(state: CustomerState, brand: str) -> Matched:
    """Match the brand's returns to purchase lines; what matches nothing waits."""
    derived, key = state.derived, f"matched {brand}"
    if key not in derived:
        derived[key] = _match_returns(state, brand)
    found: Matched = derived[key]
    return found


def _match_returns(state: CustomerState, brand: str) -> Matched:
    matched: Matched = {}
    if not state.returns:
        return matched
    returns = [r for r in state.returns.values() if r.brand == brand and not r.void]
    if not returns:
        return matched
    purchases = [p for p in state.purchases.values() if p.brand == brand and p.lines and p.at >= 0 and not p.cancelled]
    purchases.sort(key=_oldest_first, reverse=True)
    wanted = {line.product for item in returns for line in item.lines}
    by_product: dict[str, list[Place]] = {}
    for purchase in purchases:
        for line in purchase.lines:
            if line.product in wanted:
                by_product.setdefault(line.product, []).append((purchase, line))
    for item in sorted(returns, key=lambda r: (r.at, r.id)):
        order = None if item.order is None else state.purchases.get(f"{brand}|{item.order}")
        for returned in item.lines:
            if order is not None and returned.line is not None:
                places = [(order, line) for line in order.lines if line.line == returned.line and not order.cancelled]
            else:
                places = by_product.get(returned.product, [])
            _match(matched, places, item, returned.qty)
    return matched


def _match(matched: Matched, places: list[Place], item: Return, left: int) -> None:
    for purchase, line in places:
        if item.order is None:
            if purchase.at > item.at:
                continue
        elif purchase.id != item.order:
            continue
        if item.at - purchase.at > RETURN_WINDOW_MS:
            continue
        key = (purchase.id, line.line)
        taken = min(left, line.qty - matched.get(key, 0))
        if taken > 0:
            matched[key] = matched.get(key, 0) + taken
            left -= taken
            if not left:
                return


def is_kept(purchase: Purchase, matched: Matched) -> bool:
    """Whether something of a placed purchase stays with the customer."""
    if purchase.at < 0 or purchase.cancelled:
        return False
    if purchase.folded_kept is not None:
        return purchase.folded_kept
    if not matched:
        return bool(purchase.lines)
    return any(line.qty > matched.get((purchase.id, line.line), 0) for line in purchase.lines)


def kept_value(purchase: Purchase, matched: Matched) -> int:
    """What the customer kept of a purchase is worth, in minor units of its currency: price less the discount's share
    (rounded down) for each piece that did not come back; 0 for a cancelled one."""
    if purchase.at < 0 or purchase.cancelled:
        return 0
    if purchase.folded_kept is not None:
        return purchase.folded_value
    value = 0
    for line in purchase.lines:
        kept = line.qty - matched.get((purchase.id, line.line), 0)
        value += kept * line.price - line.discount * kept // line.qty
    return value


def kept_values(state: CustomerState, brand: str) -> list[int]:
    """``kept_value`` of each of ``kept_purchases``. That of a purchase of which nothing came back is remembered with
    its lines, which are replaced and never changed."""
    matched = matched_returns(state, brand)
    returned, values = {purchase for purchase, _ in matched}, []
    known: dict[str, tuple[list[Line], int]] = state.remembered.get(("worth", brand), {})
    worth: dict[str, tuple[list[Line], int]] = {}
    for purchase in kept_purchases(state, brand):
        if purchase.id in returned or not purchase.lines:
            values.append(kept_value(purchase, matched))
            continue
        last = known.get(purchase.id)
        if last is None or last[0] is not purchase.lines:
            last = purchase.lines, kept_value(purchase, matched)
        worth[purchase.id] = last
        values.append(last[1])
    state.remembered["worth", brand] = worth
    return values


def kept_purchases(state: CustomerState, brand: str) -> list[Purchase]:
    """The brand's kept purchases, oldest first (by time, then id)."""
    derived, key = state.derived, f"kept {brand}"
    if key not in derived:
        matched = matched_returns(state, brand)
        kept = [p for p in state.purchases.values() if p.brand == brand and is_kept(p, matched)]
        kept.sort(key=_oldest_first)
        derived[key] = kept
    found: list[Purchase] = derived[key]
    return found


def days_with_purchases(state: CustomerState, brand: str) -> list[int]:
    """The first kept purchase of the brand on each UTC day with one, oldest first."""
    derived, key = state.derived, ("days", brand)
    if key not in derived:
        derived[key] = purchase_days(kept_purchases(state, brand))
    found: list[int] = derived[key]
    return found


def bought_since(state: CustomerState, brand: str, since: int) -> tuple[dict[str, int], list[Purchase]]:
    """Product -> quantity bought of the brand at or after ``since``, and the purchases, oldest first."""
    since = max(since, 0)
    purchases = [p for p in state.purchases.values() if p.at >= since and p.brand == brand and not p.cancelled]
    purchases.sort(key=_oldest_first)
    quantities: dict[str, int] = {}
    for purchase in purchases:
        for line in purchase.lines:
            quantities[line.product] = quantities.get(line.product, 0) + line.qty
    return quantities, purchases


def products_bought(state: CustomerState, brand: str) -> set[str]:
    """The products of the brand's purchases that are not cancelled, as far as lines are remembered."""
    derived, key = state.derived, ("products bought", brand)
    if key not in derived:
        purchases = [p for p in state.purchases.values() if p.at >= 0 and p.brand == brand and not p.cancelled]
        derived[key] = {line.product for purchase in purchases for line in purchase.lines}
    found: set[str] = derived[key]
    return found


def fold(state: CustomerState, now: int) -> None:
    """Forget the lines of purchases older than ``LINES_KEPT_MS``, keeping whether they were kept; drop old returns.
    A return may get another word (refused, refunded all the same) for as long: what it may concern keeps its lines."""
    horizon = now - LINES_KEPT_MS
    lines, old = 0, []
    for purchase in state.purchases.values():
        if purchase.lines:
            lines += len(purchase.lines)
            if 0 <= purchase.at < horizon:
                old.append(purchase)
    if old and state.returns:
        old = _without_returns(state, old, horizon)
    if lines > LINES_MAX:
        old = _oldest_beyond(state, lines)
    for purchase in old:
        matched = matched_returns(state, purchase.brand)
        purchase.folded_kept, purchase.folded_value = is_kept(purchase, matched), kept_value(purchase, matched)
    for purchase in old:
        purchase.lines = []
        purchase.delivered = {}
    if old:
        _forget_returns(state, horizon)
        state.forget_derived()
    if len(state.purchases) > PURCHASES_MAX:
        for purchase in sorted(state.purchases.values(), key=lambda p: (p.at, p.id))[:-PURCHASES_MAX]:
            del state.purchases[f"{purchase.brand}|{purchase.id}"]


def _without_returns(state: CustomerState, old: list[Purchase], horizon: int) -> list[Purchase]:
    """The purchases, all before ``horizon``, that no return from then on may concern."""
    first: dict[tuple[str, str | None], int] = {}
    for back in state.returns.values():
        if back.at >= horizon:
            place = (back.brand, back.order)
            first[place] = min(back.at, first.get(place, back.at))
    return [
        purchase
        for purchase in old
        if all(
            place not in first or first[place] - purchase.at > RETURN_WINDOW_MS
            for place in ((purchase.brand, purchase.id), (purchase.brand, None))
        )
    ]


def _forget_returns(state: CustomerState, horizon: int) -> None:
    """Drop old returns, but for those that lines are counted against which are still remembered."""
    left = [purchase for purchase in state.purchases.values() if purchase.lines]
    for key, back in list(state.returns.items()):
        if back.at < horizon and not any(_may_concern(back, purchase) for purchase in left):
            del state.returns[key]


def _may_concern(back: Return, purchase: Purchase) -> bool:
    if back.brand != purchase.brand or back.at - purchase.at > RETURN_WINDOW_MS:
        return False
    return back.order == purchase.id or (back.order is None and purchase.at <= back.at)


def _oldest_beyond(state: CustomerState, lines: int) -> list[Purchase]:
    old = []
    for purchase in sorted(state.purchases.values(), key=lambda p: (p.at, p.id)):
        if lines <= LINES_MAX:
            break
        if purchase.lines:
            old.append(purchase)
            lines -= len(purchase.lines)
    return old


def _purchase(state: CustomerState, event: Envelope, key: str) -> Purchase:
    name = f"{event.brand}|{key}"
    purchase = state.purchases.get(name)
    if purchase is None:
        purchase = state.purchases[name] = Purchase(key, event.brand)
    return purchase


def _lines(rows: Iterable[dict[str, object]]) -> list[Line]:
    return [
        Line(row["line"], row["product"], row["qty"], row["price"], row.get("discount", 0))  # type: ignore[arg-type]
        for row in rows
    ]


def _order_placed(state: CustomerState, event: Envelope) -> None:
    fold(state, event.eff)
    purchase = _purchase(state, event, event.data["order"])
    purchase.at, purchase.channel, purchase.currency = event.at, event.data["channel"], event.currency
    if not purchase.changed:
        purchase.lines = _lines(event.data["lines"])
    purchase.cart = event.data.get("cart", "")
    _promise(purchase, event)
    cart = state.carts.get(f"{event.brand}|{purchase.cart}")
    if cart is not None and event.at >= cart.activity:
        end_cart(state, cart, event.eff)


def _order_shipped(state: CustomerState, event: Envelope) -> None:
    if "promised" in event.data:
        _promise(_purchase(state, event, event.data["order"]), event)


def _promise(purchase: Purchase, event: Envelope) -> None:
    """The latest word on the delivery counts; at equal times the later date."""
    promised = event.data.get("promised", -1)
    if promised >= 0 and (event.at, promised) > (purchase.promised_at, purchase.promised):
        purchase.promised, purchase.promised_at = promised, event.at


def _order_changed(state: CustomerState, event: Envelope) -> None:
    purchase = _purchase(state, event, event.data["order"])
    if purchase.folded_kept is None:
        purchase.lines, purchase.changed = _lines(event.data["lines"]), True


def _order_cancelled(state: CustomerState, event: Envelope) -> None:
    _purchase(state, event, event.data["order"]).cancelled = True


def _order_delivered(state: CustomerState, event: Envelope) -> None:
    purchase = _purchase(state, event, event.data["order"])
    purchase.delivered_at = max(purchase.delivered_at, event.at)
    if not event.data["lines"]:
        purchase.delivered_all = True
    for row in event.data["lines"]:
        purchase.delivered[row["line"]] = purchase.delivered.get(row["line"], 0) + row["qty"]


def _receipt(state: CustomerState, event: Envelope) -> None:
    fold(state, event.eff)
    key, rows = event.data["receipt"], event.data["lines"]
    sales = [row for row in rows if row["kind"] == "sale"]
    if sales:
        purchase = _purchase(state, event, key)
        purchase.at, purchase.channel, purchase.lines = event.at, STORE, _lines(sales)
        purchase.currency = event.currency
    back = [ReturnLine(None, row["product"], row["qty"]) for row in rows if row["kind"] == "return"]
    if back:
        state.returns[f"{event.brand}|{key}"] = Return(key, event.brand, event.at, None, back, received=event.at)


def _returned(state: CustomerState, event: Envelope) -> None:
    fold(state, event.eff)
    rows = event.data["lines"]
    lines = [ReturnLine(row["line"], row["product"], row["qty"], row.get("reason") or "") for row in rows]
    key = event.data["return"]
    void = event.type == "return.rejected"
    known = state.returns.get(f"{event.brand}|{key}")
    at = event.at if known is None else min(known.at, event.at)
    received = -1 if known is None else known.received
    if event.type in RECEIVED_TYPES:
        received = event.at if received < 0 else min(received, event.at)
    state.returns[f"{event.brand}|{key}"] = Return(key, event.brand, at, event.data["order"], lines, void, received)


def _cart_updated(state: CustomerState, event: Envelope) -> None:
    brand, key = event.brand, event.data["cart"]
    for purchase in state.purchases.values():
        if purchase.cart == key and purchase.at >= event.at and purchase.brand == brand:
            return
    cart = state.carts.get(f"{brand}|{key}")
    if cart is not None and event.at < cart.activity:
        if cart.lines:
            cart.started = min(cart.started, event.at)
        return
    lines = [(row["product"], row["qty"], row["price"]) for row in event.data["lines"]]
    if cart is not None and not lines:
        end_cart(state, cart, event.eff)
    started = cart.started if cart is not None and cart.lines else event.at
    state.carts[f"{brand}|{key}"] = Cart(key, brand, started, event.at, lines, event.id, event.currency)
    if cart is None and len(state.carts) > 1:
        _bound_carts(state, event.eff)


def _bound_carts(state: CustomerState, now: int) -> None:
    for cart in [cart for cart in state.carts.values() if cart.activity < now - CART_KEPT_MS]:
        end_cart(state, cart, now)
    while len(state.carts) > CARTS_MAX:
        end_cart(state, min(state.carts.values(), key=lambda cart: (cart.activity, cart.id)), now)


def end_cart(state: CustomerState, cart: Cart, now: int) -> None:
    """A cart was emptied, ordered or forgotten; what was decided in its round is over."""
    place, ends = f"{cart.brand}|{cart.id}", state.cart_ends
    del state.carts[place]
    ends.pop(place, None)
    while ends and next(iter(ends.values())) < now - CART_KEPT_MS:
        del ends[next(iter(ends))]
    ends[place] = now
    start, end = f"{cart.brand}|", f"|{cart.id}"
    for name, (number, decided, _) in state.rounds.items():
        if decided >= 0 and name.startswith(start) and name.endswith(end):
            state.rounds[name] = (number, decided, True)


def _profile(state: CustomerState, event: Envelope) -> None:
    data = event.data
    state.profile = Profile(
        data["birth"],
        data["email_domain"],
        data["language"],
        data["country"],
        data["zone"],
        data["home_store"],
        data["preferred"],
        data["company"],
        data.get("region"),
    )
    if data["registered"] is not None:
        state.registered[event.brand] = data["registered"]
    for row in data["consents"]:
        key = f"{event.brand}|{row['channel']}|{row['purpose']}"
        if set_consent(state, key, row["granted"], row["at"]):
            _note_source(state, key, row.get("source", CRM))
        if "confirmed" in row and row["granted"]:
            state.confirmed[key] = max(row["confirmed"], state.confirmed.get(key, -1))
    for row in data["reach"]:
        state.reach[row["channel"]] = row["reachable"]


def withdraws(event: Envelope, brand: str, channel: str, purpose: str) -> bool:
    """Whether an event withdraws this consent."""
    if event.brand != brand:
        return False
    if event.type == "feedback":
        ends_it = event.data["status"] in ("unsubscribed", "complained") and purpose in WITHDRAWN_BY_UNSUBSCRIBE
        return ends_it and event.data["channel"] == channel
    return any(
        row["channel"] == channel and row["purpose"] == purpose and not row["granted"] for row in event.data["consents"]
    )


def set_consent(state: CustomerState, key: str, granted: bool, at: int) -> bool:
    """The latest word counts; at equal times a withdrawal. Whether it is this one."""
    known = state.consents.get(key)
    if known is None or at > known[1] or (at == known[1] and not granted):
        state.consents[key] = (granted, at)
        return True
    return False


def _note_source(state: CustomerState, key: str, source: str) -> None:
    if source != CRM:
        state.consent_sources[key] = source
    else:
        state.consent_sources.pop(key, None)


def is_confirmed(state: CustomerState, key: str, now: int) -> bool:
    """Whether a grant was confirmed, not before it was given, by double opt-in."""
    return state.consents[key][1] <= state.confirmed.get(key, -1) <= now


def _feedback(state: CustomerState, event: Envelope) -> None:
    channel, status = event.data["channel"], event.data["status"]
    settle(state, event)
    if status in ("unsubscribed", "complained"):
        for purpose in WITHDRAWN_BY_UNSUBSCRIBE:
            if set_consent(state, key := f"{event.brand}|{channel}|{purpose}", False, event.at):
                _note_source(state, key, status)
    elif status == "bounced" and event.data["permanent"]:
        state.reach[channel] = False
    elif status == "delivered":
        wanted = event.data["decision"]
        for sent in reversed(state.sent):
            if sent.id == wanted if wanted else (sent.brand == event.brand and sent.channel == channel):
                sent.delivered = True
                break


_APPLY: dict[str, Callable[[CustomerState, Envelope], None]] = {
    "order.placed": _order_placed,
    "order.changed": _order_changed,
    "order.cancelled": _order_cancelled,
    "order.delivered": _order_delivered,
    "order.shipped": _order_shipped,
    "pos.receipt": _receipt,
    "return.requested": _returned,
    "return.received": _returned,
    "return.rejected": _returned,
    "refund.issued": _returned,
    "cart.updated": _cart_updated,
    "customer.registered": _profile,
    "customer.updated": _profile,
    "feedback": _feedback,
}
