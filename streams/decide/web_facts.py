"""What is remembered of visits: products viewed, checkouts entered, sessions. Each is bounded, the oldest go first.

Kept only from when a campaign of the brand asks for it (``streams.decide.occasions.REMEMBERED_FOR``), so that the
clicks of a shop without such campaigns cost nothing. Rules: docs/semantics.md, "Facts".
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from schemas.envelope import Envelope
from streams.decide.state import CHECKOUTS_MAX, SESSIONS_MAX, VIEWED_MAX, CustomerState, Session, Viewed


def remember(state: CustomerState, event: Envelope) -> None:
    """Take a web event of ``REMEMBERED`` into the state."""
    REMEMBERED[event.type](state, event)
    _bound(state)


def absorb(state: CustomerState, other: CustomerState) -> None:
    """Add what another customer did, who is this one."""
    for key, viewed in other.views.items():
        mine = state.views.get(key)
        state.views[key] = viewed if mine is None else _both(mine, viewed)
    for key, at in other.checkouts.items():
        state.checkouts[key] = max(at, state.checkouts.get(key, at))
    for key, session in other.sessions.items():
        state.sessions[key] = _earlier(session, state.sessions.get(key))
    _bound(state)


def host_of(referrer: str | None) -> str:
    """The host of an origin, lower case, without port; empty for none."""
    text = (referrer or "").strip()
    try:
        return urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""


def _viewed(state: CustomerState, event: Envelope) -> None:
    key, seen = f"{event.brand}|{event.data['product']}", Viewed(event.at, event.data["session"], 1)
    known = state.views.get(key)
    state.views[key] = seen if known is None else _both(known, seen)


def _both(a: Viewed, b: Viewed) -> Viewed:
    """Their views together; the later is the last, of two at one time the one with the greater session id."""
    last = max((a.last, a.session), (b.last, b.session))
    return Viewed(*last, a.views + b.views)


def _checkout(state: CustomerState, event: Envelope) -> None:
    key = f"{event.brand}|{event.data['cart']}"
    state.checkouts[key] = max(event.at, state.checkouts.get(key, event.at))


def _session(state: CustomerState, event: Envelope) -> None:
    session = Session(event.at, event.data["device"], host_of(event.data["referrer"]))
    key = f"{event.brand}|{event.data['session']}"
    state.sessions[key] = _earlier(session, state.sessions.get(key))


def _earlier(a: Session, b: Session | None) -> Session:
    """Of two beginnings of one session the first."""
    return a if b is None else min(a, b, key=lambda session: (session.at, session.device, session.origin))


def _bound(state: CustomerState) -> None:
    while len(state.views) > VIEWED_MAX:
        del state.views[min(state.views, key=lambda key: (state.views[key].last, key))]
    while len(state.checkouts) > CHECKOUTS_MAX:
        del state.checkouts[min(state.checkouts, key=lambda key: (state.checkouts[key], key))]
    while len(state.sessions) > SESSIONS_MAX:
        del state.sessions[min(state.sessions, key=lambda key: (state.sessions[key].at, key))]


REMEMBERED: dict[str, Callable[[CustomerState, Envelope], None]] = {
    "product.viewed": _viewed,
    "checkout.started": _checkout,
    "session.started": _session,
}
"""Event types that it knows."""
