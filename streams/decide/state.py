"""A customer's state: one bounded record, encoded as MessagePack arrays with a version.

Every bound has a name here; what exceeds one is folded or dropped oldest first, as its comment says.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from schemas.envelope import Envelope
from streams.decide.alarms import NEVER, WAKE_BYTES, earliest_wake, wake_bytes
from streams.errors import StateError
from streams.upgrade import other_version, unreadable

STATE_VERSION = 4
"""Version 1 had no wake before it. Version 3 adds fields at the ends of rows: discounts, currencies and
values of purchases, segments, what caps count by, regions, experiments, promises, receipt and reasons of returns, and
what was done on the web; in older states they have their defaults. Version 4 has the public profile's timer among the
timers, and beside the states what shops were told last; of what was sent it knows to whom, where that was another."""
ERASED = "\x00erased"
"""``moved_to`` of who was erased: what names him goes to nobody. Such a state is in memory only."""
NO_WAKE = b"\x80"
"""Values from here on begin with MessagePack at once: its arrays begin with a byte that no wake begins with."""
DAY_MS = 86_400_000

RETURN_WINDOW_MS = 90 * DAY_MS
"""A return later than this after its purchase matches nothing."""
LINES_KEPT_MS = 125 * DAY_MS
"""Lines of a purchase are remembered this long (the return window and 35 days for late ones), then only its sum."""
LINES_MAX = 20_000
"""Most purchase lines in a state; the oldest purchases are folded early beyond it."""
PURCHASES_MAX = 2_000
"""Most purchases in a state; the oldest are dropped beyond it."""
CARTS_MAX = 50
"""Most open carts; those without activity longest are dropped beyond it."""
CART_KEPT_MS = 90 * DAY_MS
"""A cart without activity for this long is forgotten."""
VIEWED_MAX = 100
"""Most products that are remembered as viewed; those viewed longest ago are forgotten beyond it."""
CHECKOUTS_MAX = 50
"""Most checkouts remembered; the oldest are forgotten beyond it."""
SESSIONS_MAX = 50
"""Most visits remembered; the oldest are forgotten beyond it."""
RECENT_IDS_MAX = 64
"""Event ids remembered for de-duplication (orders, receipts and returns are known by their own ids for longer)."""
CORRECTION_MS = 30 * DAY_MS
"""A sent decision can be corrected this long."""
SENT_MAX = 200
"""Most sent decisions remembered for corrections."""
DECIDED_KEPT_MS = 400 * DAY_MS
"""How long a decided (campaign, episode, step) is remembered, so that it is not decided twice."""
LEDGER_KEPT_MS = 92 * DAY_MS
"""Longest window of a frequency cap."""
INTERESTS_MAX = 200
"""Most products in which a customer's interest is remembered; the longest ago go first."""
PARKED_MAX = 100_000
"""Most events parked while a merge waits for the other state."""


_NONE: frozenset[str] = frozenset()


class _Row(msgspec.Struct, array_like=True):
    pass


class Line(_Row):
    """A purchase line. ``price``: minor units a piece. ``discount``: minor units on the whole line."""

    line: str
    product: str
    qty: int
    price: int
    discount: int = 0


class Purchase(_Row):
    """An order or a till receipt. ``at`` is -1 while only other events of the order are known."""

    id: str
    brand: str
    at: int = -1
    channel: str = ""
    lines: list[Line] = msgspec.field(default_factory=list)
    cancelled: bool = False
    delivered_at: int = -1
    delivered_all: bool = False
    delivered: dict[str, int] = msgspec.field(default_factory=dict)
    cart: str = ""
    folded_kept: bool | None = None
    """Whether it was kept when its lines were folded; None: the lines are here."""
    changed: bool = False
    """``order.changed`` has set the lines."""
    currency: str = ""
    folded_value: int = 0
    """What was kept of it when its lines were folded, in minor units."""
    promised: int = -1
    """Until when it is to be delivered; -1: nothing was promised."""
    promised_at: int = -1
    """When that was said."""


class ReturnLine(_Row):
    """What came back."""

    line: str | None
    product: str
    qty: int
    reason: str = ""


class Return(_Row):
    """The last word on one return id."""

    id: str
    brand: str
    at: int
    order: str | None
    lines: list[ReturnLine]
    void: bool = False
    received: int = -1
    """When the goods were first back; -1: not yet."""


class Cart(_Row):
    """A cart. ``lines``: (product, quantity, unit price in minor units); none: it was emptied at ``activity``."""

    id: str
    brand: str
    started: int
    activity: int
    lines: list[tuple[str, int, int]]
    event: str
    currency: str


class Viewed(_Row):
    """A product that was looked at."""

    last: int
    session: str
    """Of the last view."""
    views: int


class Session(_Row):
    """A visit."""

    at: int
    device: str
    origin: str
    """Host that the visitor came from; empty: from none."""


class Candidate(_Row):
    """A message that passed its gates and waits in a slot."""

    brand: str
    campaign: str
    episode: str
    step: int
    due: int
    valid_until: int


class Slot(_Row):
    """The messages that compete for one moment of one brand and channel."""

    release: int
    moved: bool
    """Whether the release was moved, and the candidates were said to wait."""
    candidates: list[Candidate] = msgspec.field(default_factory=list)
    why: str = "quiet_hours"
    """Of a moved one the reason, and what was looked at."""
    value: str = "quiet"


class Sent(_Row):
    """A sent decision, as far as a correction needs it."""

    id: str
    brand: str
    campaign: str
    version: str
    occasion: str
    episode: str
    step: int
    channel: str
    purpose: str
    due: int
    decided: int
    valid_until: int
    since: int
    """Purchases from here on undo it (a cart's start, an anchor)."""
    items: list[tuple[str, int]]
    wanted: list[tuple[str, int]]
    """Of the items' products, what the cart held: the purchases since ``since`` are counted against it."""
    delivered: bool = False
    corrected: bool = False
    customer: str = ""
    """To whom it went, if that was somebody whom a merge made part of this customer."""


class Send(_Row):
    """A message in the ledger of caps: its place is reserved at the decision, committed or released by feedback."""

    channel: str
    at: int
    id: str = ""
    """Decision id; none in states before version 3."""
    campaign: str = ""
    category: str = ""
    word: Literal["", "committed", "released"] = ""
    ghost: bool = False
    """It was not sent, since the customer is held out; it counts for other ghosts only."""


class Listed(_Row):
    """A message that waits for a place on a list, or has one and waits for its time (``lists``)."""

    candidate: Candidate
    decision: str
    channel: str
    name: str
    """Of the list."""
    id: str
    """Of the candidate that went to the capacity stage, and of the answer."""
    answer_at: int
    passed: list[str]
    """Lists on which it had a place before."""
    word: Literal["", "chosen", "declined"] = ""
    value: str = ""
    """What the answer says of its place."""


class Exposure(_Row):
    """The arm or holdout that a customer was exposed to, and those of profiles that he was merged with."""

    arm: str
    """None yet: empty."""
    others: list[str] = msgspec.field(default_factory=list)


class Profile(_Row):
    """What the CRM says."""

    birth: str | None = None
    email_domain: str | None = None
    language: str | None = None
    country: str | None = None
    zone: str | None = None
    home_store: str | None = None
    preferred: list[str] = msgspec.field(default_factory=list)
    company: bool = False
    region: str | None = None


class Interest(_Row):
    """When the customer last showed interest in a product; -1: not. ``listed``: it is on his wish list since then."""

    viewed: int = -1
    carted: int = -1
    wished: int = -1
    listed: bool = False
    bought: int = -1

    @property
    def last(self) -> int:
        """The last sign of any kind."""
        return max(self.viewed, self.carted, self.wished, self.bought)


class CustomerState(_Row, dict=True):
    """Everything that decisions about one customer rest on.

    ``derived`` (in the instance's ``__dict__``, never encoded) remembers what follows from purchases and returns;
    whoever changes those calls ``forget_derived``.
    """

    wake = NEVER
    """When the customer has to be looked at next (``alarms``). No field: it goes before the encoded state."""
    version: int
    customer: str
    profile: Profile | None = None
    registered: dict[str, int] = msgspec.field(default_factory=dict)
    """Brand -> registered_at."""
    markets: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)
    """Brand -> market of the last event, and its effective time."""
    consents: dict[str, tuple[bool, int]] = msgspec.field(default_factory=dict)
    """``brand|channel|purpose`` -> (granted, at)."""
    reach: dict[str, bool] = msgspec.field(default_factory=dict)
    carts: dict[str, Cart] = msgspec.field(default_factory=dict)
    """``brand|cart id`` -> cart; purchases and returns alike."""
    purchases: dict[str, Purchase] = msgspec.field(default_factory=dict)
    returns: dict[str, Return] = msgspec.field(default_factory=dict)
    timers: dict[str, int] = msgspec.field(default_factory=dict)
    """``brand|campaign|episode|step`` -> due."""
    slots: dict[str, Slot] = msgspec.field(default_factory=dict)
    """``brand|channel`` -> slot."""
    decided: dict[str, int] = msgspec.field(default_factory=dict)
    """``brand|campaign|episode|step`` -> when."""
    rounds: dict[str, tuple[int, int, bool]] = msgspec.field(default_factory=dict)
    """``brand|campaign|cart`` -> (round, last decision in it or -1, the cart has ended since)."""
    ledger: dict[str, list[Send]] = msgspec.field(default_factory=dict)
    """Brand -> sends, oldest first."""
    sent: list[Sent] = msgspec.field(default_factory=list)
    recent_ids: list[int] = msgspec.field(default_factory=list)
    moved_to: str | None = None
    """After a merge: where this customer's events go."""
    waits_for: list[str] = msgspec.field(default_factory=list)
    """Merge ids announced whose state has not come yet."""
    arrived: list[Envelope] = msgspec.field(default_factory=list)
    """States that came before they were announced."""
    parked: list[Envelope] = msgspec.field(default_factory=list)
    """Events that wait for a merge."""
    segments: dict[str, tuple[int, bool]] = msgspec.field(default_factory=dict)
    """``brand|segment`` -> (when he entered or left it, or -1: before anyone looked; whether he is in it). Segments
    that he never was in are absent."""
    interests: dict[str, Interest] = msgspec.field(default_factory=dict)
    """``brand|product`` -> interest, for brands with campaigns about it. A known customer is entered for each of these
    in the partition's index (``watchers``)."""
    fed_by: dict[int, int] = msgspec.field(default_factory=dict)
    """Partition from which events that name merged ids are forwarded to this customer -> the greatest height of the
    pointers there (``streams.decide.forwarding``)."""
    returned: tuple[int, str, str] | None = None
    """After a circle of merges: (time and id of the ``merge.expected`` that made a pointer a customer again, where what
    comes before it still goes)."""
    exposures: dict[str, Exposure] = msgspec.field(default_factory=dict)
    """Experiment (``brand``, ``brand|campaign`` or ``campaign``) -> the arm he was exposed to."""
    views: dict[str, Viewed] = msgspec.field(default_factory=dict)
    """``brand|product`` -> its views; this and what follows only while a campaign asks for it (``web_facts``)."""
    checkouts: dict[str, int] = msgspec.field(default_factory=dict)
    """``brand|cart id`` -> when its checkout was last entered."""
    sessions: dict[str, Session] = msgspec.field(default_factory=dict)
    """``brand|session id`` -> visit."""
    cart_ends: dict[str, int] = msgspec.field(default_factory=dict)
    """``brand|cart id`` -> when a cart last ended, for ``CART_KEPT_MS``: it may become one with another's."""
    listed: dict[str, Listed] = msgspec.field(default_factory=dict)
    """``brand|campaign|episode|step`` -> the message that waits for a place on a list; its timer is the answer's."""
    passing: list[str] = msgspec.field(default_factory=list)
    """Merges passed on to whom this customer became, of which one half (expectation or state) is still to come."""
    forgotten: int = -1
    """Of an identifier that was erased: what happened until then is left out."""
    consent_sources: dict[str, str] = msgspec.field(default_factory=dict)
    """As ``consents``: where a word came from, unless from the CRM or a channel's feedback."""
    confirmed: dict[str, int] = msgspec.field(default_factory=dict)
    """As ``consents``: when a grant was last confirmed by double opt-in."""

    @property
    def derived(self) -> dict[Any, Any]:
        """What was computed from purchases and returns since they last changed."""
        known: dict[Any, Any] | None = self.__dict__.get("_derived")
        if known is None:
            known = self.__dict__["_derived"] = {}
        return known

    def forget_derived(self) -> None:
        """Purchases or returns have changed."""
        self.__dict__.pop("_derived", None)

    @property
    def remembered(self) -> dict[Any, Any]:
        """What was computed, with that which it was computed from: it holds as long as that is the same, also when
        purchases or returns have changed. Never encoded, as ``derived``."""
        known: dict[Any, Any] | None = self.__dict__.get("_remembered")
        if known is None:
            known = self.__dict__["_remembered"] = {}
        return known

    @property
    def reserved(self) -> frozenset[str]:
        """Decision ids of messages that have a place in the ledger and are not sent yet."""
        return frozenset(listed.decision for listed in self.listed.values()) if self.listed else _NONE

    @property
    def unanswered(self) -> int:
        """When the first answer of the capacity stage is due that is not here; NEVER without one."""
        return min((listed.answer_at for listed in self.listed.values() if not listed.word), default=NEVER)

    @property
    def known(self) -> bool:
        """True for a customer of the CRM, False for a visitor, card, device or address not yet linked."""
        return ":" not in self.customer


class _Versioned(_Row):
    """A state of any version: all begin with it."""

    version: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CustomerState)
_version_decoder = msgspec.msgpack.Decoder(_Versioned)


def encode_state(state: CustomerState) -> bytes:
    """Its wake, eight bytes, and the MessagePack of a state."""
    return wake_bytes(state.wake) + _encoder.encode(state)


def decode_state(value: bytes) -> CustomerState:
    """A state from its bytes. Raises StateError for a version that this release does not know."""
    has_wake = value < NO_WAKE
    body = memoryview(value)[WAKE_BYTES:] if has_wake else value
    try:
        state = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise _refused(body, error) from error
    if not 1 <= state.version <= STATE_VERSION:
        raise _refused(body, None)
    state.version = STATE_VERSION
    state.wake = int.from_bytes(value[:WAKE_BYTES], "big") if has_wake else earliest_wake(state)
    return state


def wake_of(value: bytes) -> bytes:
    """The wake of an encoded state. Raises StateError as ``decode_state`` does."""
    return wake_bytes(decode_state(value).wake) if value >= NO_WAKE else value[:WAKE_BYTES]


def _refused(body: bytes | memoryview, error: Exception | None) -> StateError:
    """Why a state is not read. The version is looked at first: another one may have any shape."""
    try:
        version = _version_decoder.decode(body).version
    except msgspec.DecodeError:
        version = STATE_VERSION
    if version == STATE_VERSION:
        return unreadable("A customer state", error)
    return other_version("A customer state", version, STATE_VERSION)
