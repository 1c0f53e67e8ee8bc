"""What Cuepoint writes: decisions with every reason, triggers for channel services, progress of the stages."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Closed
from schemas.customers import Channel

Outcome = Literal["sent", "suppressed", "held", "cancelled", "regretted", "ghost"]
OUTCOMES: dict[str, str] = {
    "sent": "The message was decided: a `send` goes to the channel.",
    "suppressed": "The episode came due and no message is sent; the reason says why. Final.",
    "held": "The message waits for a better time; a later record of the same decision says how it ended.",
    "cancelled": "A send was taken back before the channel had to have sent it; a `cancel` goes to the channel.",
    "regretted": "What became known later says that the message should not have gone; it could not be taken back.",
    "ghost": "The message would have been sent, but the customer is held out to measure what messages do. Final.",
}
"""Every outcome with its meaning. One decision id has at most one of sent, suppressed and ghost, and one correction."""

REASONS: dict[str, str] = {
    "due": "Everything spoke for the message.",
    "bought_online": "The customer bought it online (web, app, phone, or through another order).",
    "bought_in_store": "The customer bought at a till.",
    "returned": "What the message is about came back, or its order was cancelled.",
    "bought_again": "The customer has made another purchase already.",
    "in_cart": "What the customer looked at lies in a cart.",
    "return_rejected": "The return was refused: the customer keeps the goods.",
    "delivered": "Everything has arrived.",
    "below_min_value": "What is left in the cart is worth less than the campaign's min_value.",
    "no_accessory": "The catalogue knows no accessory for the first purchase that the customer lacks.",
    "window_over": "The time in which the message made sense is over.",
    "campaign_withdrawn": "The campaign no longer exists.",
    "campaign_paused": "Somebody has stopped the campaign (`cuepoint pause`).",
    "channel_paused": "Somebody has stopped every channel of the campaign that could be used (`cuepoint pause`).",
    "condition_not_met": "The campaign's condition (`when`) does not hold for the customer.",
    "condition_unknown": "The campaign's condition asks for something that is not known of the customer; that is a no.",
    "campaign_not_running": "Before the campaign's start or after its end.",
    "market_excluded": "The campaign does not run in the customer's market.",
    "brand_rules_missing": "No rules are published for the brand.",
    "no_consent": "The customer has given no consent for brand, channel and purpose.",
    "consent_withdrawn": "The customer has withdrawn the consent.",
    "consent_unconfirmed": "The consent waits for its confirmation (double opt-in).",
    "unreachable": "No channel of the campaign can reach the customer.",
    "content_missing": "No content for the market and language, and no fallback.",
    "zone_unknown": "No time zone is known for the customer, his market or the brand, so local times cannot be kept.",
    "frequency_cap": "The customer has had as many messages as a cap allows.",
    "product_unavailable": "None of the products is available and priced in the customer's market.",
    "source_waits": "A source that the campaign names has not told all until the message's time; the message waits.",
    "source_stale": "A source that the campaign names did not tell all until the message's time, or is silent.",
    "capacity": "The channel or voucher pool has so many places at a cut-off; the message waits for one.",
    "capacity_full": "Others got the places of the channel or voucher pool.",
    "global_holdout": "The customer is in the brand's holdout.",
    "campaign_holdout": "The customer is in the campaign's holdout.",
    "outranked": "Another message of the same slot goes first.",
    "expired": "The message could not go before its validity ended.",
    "quiet_hours": "It is quiet time where the customer lives; the message waits.",
    "closed_day": "The channel does not work on this day where the customer lives; the message waits.",
    "business_hours": "The company does not work at this time; the message waits until it does.",
    "look_ahead": "A message of higher priority is about to come due; the slot waits for it.",
    "before_go_live": "Due before the pipeline went live: the past is not sent.",
    "out_of_stock": "The product is not available, or not in the catalogue.",
    "erased": "The customer is to be forgotten.",
}
"""The closed list of decision reasons with their meaning."""


class GateResult(Closed):
    """One gate that was asked, in order: its name, whether it let the message pass, and the value it looked at."""

    gate: str
    passed: bool
    value: str


class Item(Closed):
    """A product that the message is about."""

    product_id: str
    quantity: int = Field(ge=1)


class TriggerOffer(Closed):
    """An offer with its end."""

    kind: str
    value: str | None = None
    code: str | None = None
    pool: str | None = None
    valid_until: str


class Decision(Closed):
    """One record of a decision's life (topic ``decisions``, key: customer id). Times are RFC 3339 in UTC.

    ``decision_id`` = first 32 hex digits of SHA-256 over ``brand|campaign|episode|step``.
    """

    decision_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    outcome: Outcome
    reason: str
    brand: str
    customer_id: str
    campaign: str
    campaign_version: str
    occasion: str
    episode: str
    step: int = Field(ge=1, description="1 for the first step.")
    channel: Channel | None = None
    market: str | None = None
    due_at: str
    decided_at: str = Field(description="Logical time of this record.")
    valid_until: str
    handed_over: bool = Field(description="Whether a trigger went to the channel's topic with this record.")
    late: bool = Field(False, description="A correction by an event that arrived after its time.")
    gates: list[GateResult]
    items: list[Item] = Field(default_factory=list)
    offer: TriggerOffer | None = None
    content_key: str | None = None
    language: str | None = None
    inputs: list[str] = Field(default_factory=list, description="Ids of the events that the decision rests on.")
    arm: str | None = Field(None, description="Arm of the campaign's experiment (sent, ghost).")
    mixed: bool = Field(
        False, description="A merged profile of the customer was in another arm or holdout: leave him out of analysis."
    )


class Trigger(Closed):
    """Value on ``triggers.<channel>`` (key: customer id; CloudEvents 1.0 binary mode headers)."""

    action: Literal["send", "cancel"]
    decision_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    brand: str
    market: str | None
    customer_id: str
    campaign: str
    occasion: str
    step: int = Field(ge=1)
    reason: str
    content_key: str | None = None
    language: str | None = None
    items: list[Item] = Field(default_factory=list)
    offer: TriggerOffer | None = None
    valid_from: str
    valid_until: str


class SourceCounts(Closed):
    """Cumulative counts of one source in one task; over all tasks, received is the sum of what became of it."""

    received: int = Field(0, description="Records read from the input topic, marks not counted (intake).")
    ignored: int = Field(
        0, description="Voided and training receipts (intake); events of customers who were erased (decide)."
    )
    quarantined: int = Field(0, description="Records in quarantine (intake).")
    accepted: int = Field(0, description="Events applied for the first time (decide).")
    duplicate: int = Field(0, description="Events seen before (decide).")
    late: int = Field(0, description="Accepted events that arrived after their time (decide).")
    guest: int = Field(0, description="Events without a customer; the sink tells accepted from duplicate (decide).")


class Progress(Closed):
    """How far a task is (topic ``progress``, compacted, key ``stage-partition``); written with its transactions."""

    stage: str
    partition: int
    clock: int | None = Field(
        description="Everything before it is worked off, milliseconds since the epoch (exclusive); None: not yet."
    )
    counts: dict[str, SourceCounts] = Field(description="By source.")
    customers: int = Field(0, description="Customers in the state (decide).")
    timers: int = Field(0, description="Timers waiting (decide).")
    waiting: int = Field(0, description="Events in the reorder buffer.")
    missing: list[str] = Field(
        default_factory=list, description="Upstream tasks that have never reported: the clock stands until they do."
    )


class ErasureRecord(Closed):
    """That a name was erased (topic ``erasures``, compacted): the key is its keyed hash, and no name is in it."""

    erased_at: int = Field(description="``occurred_at`` of the erasure, milliseconds since the epoch.")
