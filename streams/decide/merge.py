"""How two customers become one. Adding up is commutative; consents take the most restrictive.

``merge.out`` reaches the source's partition and ``merge.expected`` the target's, both in order at their effective time.
The source's owner sends the state as ``merge.in`` and keeps a forwarding pointer. Until it is there, the target's own
events and timers are parked, then applied at their logical times.
"""

from __future__ import annotations

import base64

from schemas.envelope import Envelope
from streams.decide import experiments, web_facts
from streams.decide.alarms import NEVER
from streams.decide.facts import end_cart
from streams.decide.interests import absorb as absorb_interests
from streams.decide.ledger import give_back
from streams.decide.state import (
    RECENT_IDS_MAX,
    STATE_VERSION,
    Cart,
    CustomerState,
    Purchase,
    Slot,
    decode_state,
    encode_state,
)


def leave(state: CustomerState, event: Envelope) -> tuple[CustomerState, Envelope]:
    """``merge.out``: the pointer that stays, and the ``merge.in`` that carries the state to the target."""
    target = event.data["to"]
    state.wake = NEVER
    carried = Envelope(
        id=f"merge.in/{event.data['merge']}",
        type="merge.in",
        source=event.source,
        customer=target,
        at=event.at,
        eff=event.eff,
        data={
            "merge": event.data["merge"],
            "from": state.customer,
            "state": base64.b64encode(encode_state(state)).decode(),
        },
    )
    return CustomerState(STATE_VERSION, state.customer, moved_to=target, fed_by=state.fed_by), carried


def absorb(state: CustomerState, event: Envelope) -> None:
    """``merge.in``: add the other state to this one."""
    other = decode_state(base64.b64decode(event.data["state"]))
    _end_own_episodes(other, state.customer)
    state.profile = state.profile or other.profile
    state.registered = {**other.registered, **state.registered}
    for brand, market in other.markets.items():
        mine = state.markets.get(brand)
        state.markets[brand] = market if mine is None or market[1] > mine[1] else mine
    for key, (granted, at) in other.consents.items():
        known = state.consents.get(key)
        _absorb_word(state, other, key, (granted, at), known)
        state.consents[key] = (granted, at) if known is None else (granted and known[0], max(at, known[1]))
    for channel, reachable in other.reach.items():
        state.reach[channel] = reachable and state.reach.get(channel, True)
    for key, cart in other.carts.items():
        same = state.carts.get(key)
        state.carts[key] = cart if same is None else _one_cart(same, cart)
    state.forget_derived()
    for key, purchase in other.purchases.items():
        known_purchase = state.purchases.get(key)
        state.purchases[key] = purchase if known_purchase is None else _one_purchase(known_purchase, purchase)
    state.returns = {**other.returns, **state.returns}
    for place, membership in other.segments.items():
        known_membership = state.segments.get(place)
        state.segments[place] = membership if known_membership is None else _in_either(known_membership, membership)
    absorb_interests(state, other.interests)
    web_facts.absorb(state, other)
    for name, due in other.timers.items():
        state.timers[name] = min(due, state.timers.get(name, due))
    for name, slot in other.slots.items():
        known_slot = state.slots.get(name)
        state.slots[name] = slot if known_slot is None else _one_slot(known_slot, slot)
    state.listed = {**other.listed, **state.listed}
    state.decided = dict(sorted({**other.decided, **state.decided}.items(), key=lambda row: row[1]))
    _drop_decided(state)
    _add_rounds(state, other)
    for brand, sends in other.ledger.items():
        state.ledger[brand] = sorted([*sends, *state.ledger.get(brand, [])], key=lambda send: send.at)
    _drop_listed(state)
    for sent in other.sent:
        sent.customer = sent.customer or other.customer
    state.sent = sorted([*other.sent, *state.sent], key=lambda sent: (sent.decided, sent.id))
    state.recent_ids = [*other.recent_ids, *state.recent_ids][-RECENT_IDS_MAX:]
    experiments.absorb(state.exposures, other.exposures)
    for cart in list(state.carts.values()):
        if any(p.cart == cart.id and p.brand == cart.brand and p.at >= cart.activity for p in state.purchases.values()):
            end_cart(state, cart, event.eff)


def _absorb_word(
    state: CustomerState, other: CustomerState, key: str, theirs: tuple[bool, int], mine: tuple[bool, int] | None
) -> None:
    """Source and confirmation of a consent: of the word that counts; of two grants both have to be confirmed."""
    if mine is None or (not theirs[0], theirs[1]) > (not mine[0], mine[1]):
        if key in other.consent_sources:
            state.consent_sources[key] = other.consent_sources[key]
        else:
            state.consent_sources.pop(key, None)
    if mine is None:
        if key in other.confirmed:
            state.confirmed[key] = other.confirmed[key]
    elif key in state.confirmed and key in other.confirmed:
        state.confirmed[key] = max(state.confirmed[key], other.confirmed[key])
    else:
        state.confirmed.pop(key, None)


def _end_own_episodes(other: CustomerState, survivor: str) -> None:
    """Episodes that carry the merged customer's id end; what was decided in them is decided for the survivor."""
    own = f"{other.customer}/"
    for name, at in list(other.decided.items()):
        brand, campaign, episode, step = name.split("|")
        if episode.startswith(own):
            other.decided[f"{brand}|{campaign}|{survivor}/{episode[len(own) :]}|{step}"] = at
    other.timers = {name: due for name, due in other.timers.items() if not name.split("|")[2].startswith(own)}
    for slot in other.slots.values():
        slot.candidates = [c for c in slot.candidates if not c.episode.startswith(own)]
    for name, listed in list(other.listed.items()):
        if listed.candidate.episode.startswith(own):
            del other.listed[name]
            give_back(other, listed.candidate.brand, listed.decision)


def _add_rounds(state: CustomerState, other: CustomerState) -> None:
    """Of two rounds the one that is decided later counts; an end of either cart after that ends it."""
    ends = state.cart_ends
    for place, at in other.cart_ends.items():
        ends[place] = max(at, ends.get(place, at))
    state.cart_ends = dict(sorted(ends.items(), key=lambda row: row[1]))
    for name, rounds in other.rounds.items():
        number, decided, ended = max(rounds, state.rounds.get(name, rounds))
        state.rounds[name] = number, decided, ended
    for name, (number, decided, ended) in state.rounds.items():
        brand, _, cart = name.split("|")
        if decided >= 0 and not ended and state.cart_ends.get(f"{brand}|{cart}", -1) > decided:
            state.rounds[name] = number, decided, True


def _drop_decided(state: CustomerState) -> None:
    """What either of the two has decided, the other's timers and slots do not decide again."""
    waiting: set[str] = set()
    for slot in state.slots.values():
        once = {f"{c.brand}|{c.campaign}|{c.episode}|{c.step}": c for c in reversed(slot.candidates)}
        slot.candidates = [c for name, c in reversed(once.items()) if name not in state.decided and name not in waiting]
        waiting |= once.keys()
    state.timers = {n: due for n, due in state.timers.items() if n not in state.decided and n not in waiting}


def _drop_listed(state: CustomerState) -> None:
    """What is decided waits on no list; what waits on one is in no slot, and its timer is that of the answer."""
    for name, listed in list(state.listed.items()):
        brand, at = listed.candidate.brand, state.timers.get(name, listed.answer_at)
        if name in state.decided:
            del state.listed[name]
            give_back(state, brand, listed.decision)
            continue
        state.timers[name] = at if listed.word else listed.answer_at
        places = [send for send in state.ledger[brand] if send.id == listed.decision and not send.ghost]
        for double in places[:-1]:
            state.ledger[brand].remove(double)
        for slot in state.slots.values():
            slot.candidates = [c for c in slot.candidates if f"{c.brand}|{c.campaign}|{c.episode}|{c.step}" != name]


def _in_either(a: tuple[int, bool], b: tuple[int, bool]) -> tuple[int, bool]:
    """Of two words about a segment: that of the one who is in it, and since he first was."""
    return min(a, b, key=lambda membership: (not membership[1], membership[0]))


def _one_cart(a: Cart, b: Cart) -> Cart:
    newer = max(a, b, key=lambda cart: (cart.activity, cart.event))
    started = min(cart.started for cart in (a, b) if cart.lines or cart is newer)
    return Cart(newer.id, newer.brand, started, newer.activity, newer.lines, newer.event, newer.currency)


def _one_purchase(mine: Purchase, other: Purchase) -> Purchase:
    """One order of which each of the two knows a part: who placed it, and what became of it in all."""
    placed, rest = (mine, other) if mine.at >= 0 else (other, mine)
    if placed.folded_kept is None and rest.changed and not placed.changed:
        placed.lines, placed.changed = rest.lines, True
    placed.cancelled = placed.cancelled or rest.cancelled
    placed.delivered_at = max(placed.delivered_at, rest.delivered_at)
    placed.delivered_all = placed.delivered_all or rest.delivered_all
    for line, quantity in rest.delivered.items():
        placed.delivered[line] = placed.delivered.get(line, 0) + quantity
    promise = max((placed.promised_at, placed.promised), (rest.promised_at, rest.promised))
    placed.promised_at, placed.promised = promise
    return placed


def _one_slot(a: Slot, b: Slot) -> Slot:
    """Both customers' candidates, released when the earlier slot would have been."""
    earlier = min(a, b, key=lambda slot: slot.release)
    return Slot(earlier.release, earlier.moved, a.candidates + b.candidates, earlier.why, earlier.value)
