"""The shape of a test file: given, when, then."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from schemas.base import Amount, Brand, Closed, CustomerId, Market, Zone
from schemas.customers import Channel
from schemas.decisions import REASONS, Outcome


def _known_reason(value: str) -> str:
    if value not in REASONS:
        close = get_close_matches(value, REASONS, 1)
        raise ValueError(f"no decision has the reason {value!r}" + (f"; write {close[0]!r}" if close else ""))
    return value


STORIES_MAX = 500
EVENTS_MAX = 1_000
Moment = Annotated[str, Field(min_length=2, max_length=40)]
"""``2026-03-02 09:00`` (in the file's zone), with an offset, or ``+4h`` after the event before it."""
Reason = Annotated[str, AfterValidator(_known_reason)]
Feedback = Literal["accepted", "delivered", "bounced", "opened", "clicked", "unsubscribed", "complained", "dropped"]
KINDS = (
    "profile",
    "cart",
    "order",
    "delivered",
    "cancelled",
    "returned",
    "receipt",
    "feedback",
    "product",
    "viewed",
    "wished",
    "event",
)


class Profile(Closed):
    """What the CRM says of the customer."""

    consents: list[Channel] = Field(
        default_factory=lambda: list(get_args(Channel)),
        description="Channels with consent for every purpose, on which the customer can be reached; by default all.",
    )
    withdrawn: list[Channel] = Field(default_factory=list, description="Channels of which the consent is withdrawn.")
    registered: Moment | None = Field(None, description="Registration with the brand.")
    birth_date: str | None = Field(None, description='Birth date in quotes, such as "1980-02-29".')
    country: Market | None = Field(None, description="Country.")
    language: str | None = Field(None, description="Language tag.")
    time_zone: Zone | None = Field(None, description="Time zone.")
    home_store: str | None = Field(None, description="Home store.")
    email_domain: str | None = Field(None, description="Domain of the e-mail address.")
    preferred_channels: list[Channel] = Field(default_factory=list, description="Preferred channels.")
    company: bool = Field(False, description="A company, not a person.")


class Product(Closed):
    """A product of the catalogue."""

    id: str = Field(description="Product id.")
    name: str | None = Field(None, description="Name; by default the id.")
    category: str | None = Field(None, description="Category.")
    accessories: list[str] = Field(default_factory=list, description="Products that fit it, best first.")
    available: bool = Field(True, description="Whether it can be bought.")
    prices: dict[Market, Amount] = Field(
        default_factory=dict, description="Prices by market, in quotes, in GBP like all amounts of a story."
    )
    usual_days: int | None = Field(None, description="After how many days customers usually buy it again.")


class Happens(Closed):
    """Something that happens: `at` a moment, and exactly one of the kinds from `profile` on."""

    at: Moment = Field(
        description="`2026-03-02 09:00` in the file's zone, with an offset, or `+4h` after the one before."
    )
    arrives: Moment | None = Field(None, description="When it becomes known, if later; `+1d` counts from `at`.")
    customer: CustomerId | None = Field(None, description="Whose it is; by default one and the same.")
    id: str | None = Field(None, max_length=64, description="Id of the cart, order or return.")
    price: Amount | None = Field(None, description='Price of a piece, in quotes; by default "10.00".')
    profile: Profile | None = Field(None, description="A profile of the CRM.")
    cart: dict[str, int] | None = Field(None, description="The whole cart: pieces by product; {}: emptied.")
    order: dict[str, int] | None = Field(None, description="An order in the web shop: pieces by product.")
    delivered: str | None = Field(None, description="Id of an order that was delivered as a whole.")
    cancelled: str | None = Field(None, description="Id of an order that was cancelled.")
    returned: dict[str, int] | None = Field(None, description="What came back: pieces by product.")
    receipt: dict[str, int] | None = Field(None, description="A purchase at the till: pieces by product.")
    feedback: Feedback | None = Field(None, description="What the mail service says of its last message.")
    product: Product | None = Field(None, description="A product of the catalogue.")
    viewed: str | None = Field(None, description="Id of a product that was looked at.")
    wished: str | None = Field(None, description="Id of a product that was put on the wish list.")
    event: dict[str, Any] | None = Field(
        None, description="Any other event, with `type` and fields as in contracts.md."
    )

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Happens:
        kinds = [name for name in KINDS if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(
                f"exactly one of {', '.join(KINDS)} has to be here, and it is {', '.join(kinds) or 'none'}"
            )
        return self


class Expected(Closed):
    """A decision; every field that is written has to be as written."""

    campaign: str = Field(description="Campaign id.")
    at: Moment | None = Field(None, description="When it is decided.")
    step: int | None = Field(None, description="Step, from 1.")
    outcome: Outcome | None = Field(None, description="Outcome.")
    reason: Reason | None = Field(None, description="Reason; see campaigns.md.")
    channel: Channel | None = Field(None, description="Channel.")
    customer: CustomerId | None = Field(None, description="Customer.")
    language: str | None = Field(None, description="Language of the content.")
    items: list[str] | None = Field(None, description="Products that it names, in any order.")


class Story(Closed):
    """One story with what has to come of it."""

    name: str = Field(max_length=200, description="What it shows, as a sentence.")
    given: list[Happens] = Field(default_factory=list, max_length=EVENTS_MAX, description="What was before.")
    when: Annotated[list[Happens], Field(min_length=1, max_length=EVENTS_MAX, description="What happens.")]
    then: list[Expected] = Field(
        default_factory=list, max_length=EVENTS_MAX, description="Decisions that have to come, each once."
    )
    never: list[Expected] = Field(
        default_factory=list, max_length=EVENTS_MAX, description="Decisions that must not come."
    )
    until: Moment = Field(description="When the story ends; timers go on firing until then.")
    nothing_else: bool = Field(False, description="No decision may come but those of `then`.")

    @model_validator(mode="after")
    def _expects(self) -> Story:
        if not (self.then or self.never or self.nothing_else):
            raise ValueError("the story expects nothing; write then, never, or nothing_else: true")
        return self


class StoryFile(Closed):
    """A file of stories that share campaigns, brand, market and zone."""

    campaigns: list[str] = Field(default_factory=list, description="Only these campaigns run; none: all of the folder.")
    brand: Brand = Field(description="Brand of all events.")
    market: Market = Field("GB", description="Market of all events.")
    zone: Zone = Field("UTC", description="Zone of moments without an offset.")
    given: list[Happens] = Field(
        default_factory=list, max_length=EVENTS_MAX, description="What was before every story."
    )
    tests: Annotated[list[Story], Field(min_length=1, max_length=STORIES_MAX, description="The stories.")]
