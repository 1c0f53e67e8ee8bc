"""Campaigns and brand rules: data that marketers write as YAML, one file each.

The compacted topic ``campaigns`` carries them as ``CampaignRecord``.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from schemas.base import Amount, Brand, Closed, Currency, Event, Identifier, Market, Region, Zone
from schemas.capacity import LISTS_MAX, CapacityList, distinct
from schemas.caps import CAPS_MAX, CampaignId, Cap, Category
from schemas.catalogue_options import (
    BackInStockOptions,
    ComplementaryOptions,
    PriceDropOptions,
    ReplenishmentOptions,
)
from schemas.customers import Channel, Purpose
from schemas.durations import Duration
from schemas.experiments import ARMS_MAX, Holdout, Salt
from schemas.lifecycle import SEGMENTS_MAX, LifecycleRules, RfmRules, RhythmOptions, Segment, SegmentId, no_two_alike
from schemas.occasions import (
    DATED,
    AfterReturnOptions,
    AnniversaryOptions,
    BrowsedOptions,
    CalendarOptions,
    ChannelShiftOptions,
    CheckoutOptions,
    DeliveryLateOptions,
    ReturningSessionOptions,
)
from schemas.sending_times import BusinessHours, ClosedDays, QuietHours, one_rule_a_place

OccasionName = Literal[
    "cart_abandoned",
    "review_request",
    "second_purchase",
    "reactivation",
    "welcome",
    "birthday",
    "segment_changed",
    "price_drop",
    "back_in_stock",
    "complementary_offer",
    "replenishment",
    "product_browsed",
    "checkout_abandoned",
    "after_return",
    "delivery_late",
    "anniversary",
    "channel_shift",
    "returning_session",
    "calendar",
]
SourceName = Literal[
    "orders", "returns", "web-sessions", "pos-transactions", "customers", "channel-feedback", "catalog"
]
"""Inputs that can be late or silent."""
CONDITION_CHARACTERS_MAX = 2_000
"""Longest condition."""


class Offer(Closed):
    """What the message offers."""

    kind: Literal["percent", "amount", "free_shipping", "gift"]
    value: Amount | None = None
    code: str | None = Field(None, max_length=64)
    pool: str | None = Field(None, max_length=64, description="A voucher pool instead of one code.")
    valid_for: Duration = 14 * 86_400_000


class Step(Closed):
    """One message of a campaign, ``after`` the moment that the occasion counts from."""

    after: Duration
    offer: Offer | None = None


class Content(Closed):
    """Which content exists. The customer's language, then ``fallback`` in order; else ``content_missing``."""

    key: str = Field(max_length=128)
    languages: Annotated[list[str], Field(min_length=1, max_length=100)]
    fallback: list[str] = Field(default_factory=list, max_length=10)
    markets: list[Market] = Field(default_factory=list, description="Markets the content is made for; none: all.")


class Arm(Closed):
    """One variant of a campaign. What it does not name is the campaign's."""

    id: CampaignId
    weight: int = Field(1, ge=0, le=10_000, description="Its share of all weights; 0: nobody new.")
    content: Content | None = None
    offer: Offer | None = Field(None, description="Instead of the offers of campaign and steps.")


class Experiment(Closed):
    """A/B/n test: a hash of customer id and salt draws the customer's arm, which he keeps once he was sent it."""

    arms: Annotated[list[Arm], Field(min_length=2, max_length=ARMS_MAX)]
    salt: Salt | None = Field(None, description="None: the campaign's id.")

    @model_validator(mode="after")
    def _drawable(self) -> Experiment:
        names = [arm.id for arm in self.arms]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"arm {twice!r} is there twice; give each arm an id of its own")
        if not any(arm.weight for arm in self.arms):
            raise ValueError("no arm has a weight; give at least one a weight of 1 or more")
        return self


class CartOptions(Closed):
    """Options of ``cart_abandoned``."""

    rearm_after: Duration = 7 * 86_400_000
    min_value: Amount | None = None


class ReviewOptions(Closed):
    """Options of ``review_request``."""


class SecondPurchaseOptions(Closed):
    """Options of ``second_purchase``."""

    window: Duration = 30 * 86_400_000


class ReactivationOptions(RhythmOptions):
    """Options of ``reactivation``."""


class WelcomeOptions(Closed):
    """Options of ``welcome``."""


class BirthdayOptions(Closed):
    """Options of ``birthday``."""

    local_time: time = time(9, 0)
    lead_days: int = Field(0, ge=0, le=60)
    leap_day: Literal["02-28", "03-01"] = "02-28"


class SegmentOptions(Closed):
    """Options of ``segment_changed``."""

    segment: SegmentId
    change: Literal["entered", "left"] = "entered"


OPTIONS: dict[str, type[Closed]] = {
    "cart_abandoned": CartOptions,
    "review_request": ReviewOptions,
    "second_purchase": SecondPurchaseOptions,
    "reactivation": ReactivationOptions,
    "welcome": WelcomeOptions,
    "birthday": BirthdayOptions,
    "segment_changed": SegmentOptions,
    "price_drop": PriceDropOptions,
    "back_in_stock": BackInStockOptions,
    "complementary_offer": ComplementaryOptions,
    "replenishment": ReplenishmentOptions,
    "product_browsed": BrowsedOptions,
    "checkout_abandoned": CheckoutOptions,
    "after_return": AfterReturnOptions,
    "delivery_late": DeliveryLateOptions,
    "anniversary": AnniversaryOptions,
    "channel_shift": ChannelShiftOptions,
    "returning_session": ReturningSessionOptions,
    "calendar": CalendarOptions,
}


ASK_TO_BUY = ("cart_abandoned", "checkout_abandoned", "product_browsed", "second_purchase")
"""Occasions whose messages name products to buy: by default none that the catalogue knows as not to be had."""
ON_ARRIVAL = ("review_request", "second_purchase", "welcome", "after_return", "returning_session")
"""Occasions that one event makes due; the others are about what did not happen, or about a date."""


class Campaign(Closed):
    """One campaign: an occasion, when and how it speaks, and to whom it may."""

    id: CampaignId
    name: str = Field(max_length=200)
    owner: str = Field(max_length=100)
    occasion: OccasionName
    timing: Literal["event_time", "on_arrival"] = Field(
        "event_time",
        description="When it decides: when the clock passes its time, or live as soon as its event is read.",
    )
    priority: int = Field(50, ge=0, le=1000, description="Higher goes first.")
    brands: Annotated[list[Brand], Field(min_length=1, max_length=100)]
    markets: list[Market] = Field(default_factory=list, description="Markets it runs in; none: all.")
    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    when: Annotated[str, Field(min_length=1, max_length=CONDITION_CHARACTERS_MAX)] | None = Field(
        None, description="Condition that has to hold, in CEL; none: for everyone. See docs/conditions.md."
    )
    channels: Annotated[list[Channel], Field(min_length=1, max_length=7)]
    purpose: Purpose = "marketing"
    steps: Annotated[list[Step], Field(min_length=1, max_length=10)]
    valid_for: Duration = 48 * 3_600_000
    content: Content
    offer: Offer | None = None
    exempt_from_caps: bool = False
    expected_value: Amount | None = Field(
        None,
        description="What a message is expected to earn, in the brand's currency: at equal priority the higher goes.",
    )
    category: Category | None = Field(None, description="Kind of message, for caps.")
    products: Literal["any", "known", "sellable"] | None = Field(
        None,
        description="Which items it may name. `any`; `known`: not those that the catalogue knows as unavailable or "
        "without price in the market; `sellable`: only those that it knows as available and priced there. None: "
        "`known` if the occasion asks to buy them, else `any`.",
    )
    sources: list[SourceName] = Field(
        default_factory=list, max_length=8, description="Sources that must have told all until a message's due time."
    )
    stale_after: Duration = Field(
        6 * 3_600_000, description="How long after its due time a message waits for them; then it is not sent."
    )
    silent_after: Duration = Field(
        3_600_000, description="Live, one of them whose newest record is older than this counts as behind."
    )
    holdout: Holdout | None = Field(None, description="Customers whom this campaign leaves out, to measure it.")
    experiment: Experiment | None = Field(None, description="Variants; none: everyone gets the same.")
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Campaign:
        OPTIONS[self.occasion].model_validate(self.options)
        if self.starts and self.ends and self.ends <= self.starts:
            raise ValueError(f"ends {self.ends.isoformat()} is not after starts {self.starts.isoformat()}")
        if any(b.after <= a.after for a, b in zip(self.steps, self.steps[1:], strict=False)):
            raise ValueError("steps must be in rising order of 'after', no two alike")
        if self.timing == "on_arrival" and self.occasion not in ON_ARRIVAL:
            raise ValueError(
                f"timing on_arrival: {self.occasion} is decided in event time only; leave timing out, or take one of "
                f"{', '.join(ON_ARRIVAL)}"
            )
        if self.timing == "on_arrival" and [step.after for step in self.steps] != [0]:
            raise ValueError("timing on_arrival: it has one step, with after: 0s; leave timing out for later messages")
        if self.timing == "on_arrival" and self.sources:
            raise ValueError("timing on_arrival: it waits for no source; leave sources out, or leave timing out")
        if len(set(self.sources)) < len(self.sources):
            raise ValueError(f"sources {', '.join(self.sources)}: one is there twice; name each source once")
        if self.occasion in DATED and len(self.steps) > 1:
            earlier = "an earlier date" if self.occasion == "calendar" else "options.lead_days"
            article = "an" if self.occasion == "anniversary" else "a"
            raise ValueError(f"{article} {self.occasion} campaign has one step; use {earlier} for an earlier message")
        return self


class MarketRules(Closed):
    """What is known of a market when the customer's profile is silent."""

    zone: Zone | None = None
    language: str | None = None
    double_opt_in: bool | None = Field(None, description="As for the brand; None: as the brand says.")


class BrandRules(Closed):
    """The rules that all campaigns of a brand share."""

    brand: Brand
    currency: Currency
    zone: Zone | None = None
    language: str | None = None
    markets: dict[Market, MarketRules] = Field(default_factory=dict)
    stores: dict[Identifier, Zone] = Field(
        default_factory=dict, description="Store -> time zone, for customers whose profile names a home store only."
    )
    regions: dict[Region, Zone] = Field(
        default_factory=dict, description="Region of the address (ISO 3166-2) -> time zone."
    )
    caps: list[Cap] = Field(default_factory=list, max_length=CAPS_MAX)
    quiet_hours: Annotated[list[QuietHours], AfterValidator(one_rule_a_place)] = Field(
        default_factory=list, max_length=100
    )
    business_hours: Annotated[list[BusinessHours], AfterValidator(one_rule_a_place)] = Field(
        default_factory=list, max_length=100, description="When companies may be spoken to; none: like everybody."
    )
    closed_days: list[ClosedDays] = Field(
        default_factory=list, max_length=100, description="Days on which nothing goes: a message waits for the next."
    )
    double_opt_in: bool = Field(
        False,
        description="A granted consent counts from its confirmation on (`confirmed_at`), but for service messages.",
    )
    hold_window: Duration = Field(
        30 * 60_000, le=7 * 86_400_000, description="Messages due within it compete for one slot."
    )
    look_ahead: Duration = Field(
        0,
        le=7 * 86_400_000,
        description="How long a slot waits for a message of higher priority that has its time already.",
    )
    lists: Annotated[list[CapacityList], AfterValidator(distinct)] = Field(
        default_factory=list, max_length=LISTS_MAX, description="Channels and voucher pools with a capacity."
    )
    holdout: Holdout | None = Field(None, description="Customers who get nothing of the brand but service messages.")
    in_flight: Duration = Field(
        3_600_000, description="How long after a send a purchase still cancels it when no channel has answered."
    )
    lifecycle: LifecycleRules = Field(default_factory=LifecycleRules)
    rfm: RfmRules = Field(default_factory=RfmRules)
    segments: Annotated[list[Segment], AfterValidator(no_two_alike)] = Field(
        default_factory=list, max_length=SEGMENTS_MAX
    )
    profile: bool = Field(
        False, description="Whether the brand's shop is told what it may know of a customer (`customer-profile`)."
    )


class CampaignRecord(Event):
    """One version of a campaign or of a brand's rules on the topic ``campaigns``, in force from ``occurred_at`` on.

    Neither ``campaign`` nor ``rules``: the campaign of ``campaign_id`` is withdrawn.
    """

    type: Literal["campaign.published", "campaign.withdrawn", "brand.published"]
    campaign_id: Identifier | None = None
    version: str = Field(max_length=64, description="Hash of the content, so that equal content has equal versions.")
    published_by: str = Field("", max_length=128)
    published_at: AwareDatetime | None = None
    campaign: Campaign | None = None
    rules: BrandRules | None = None
