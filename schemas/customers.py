"""CRM profiles, consents; orders to merge, unlink and erase; and what channels report back."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from schemas.base import TIME_ZONES, CustomerEventBase, CustomerId, Event, Hash, Identifier, Market, Region, Wire

Channel = Literal["email", "push", "sms", "onsite", "telesales", "print", "ads"]
CRM = "crm"
"""Where a consent comes from unless it is said."""
Purpose = Literal["marketing", "service", "review"]


def _known_zone(value: str) -> str:
    if value not in TIME_ZONES:
        raise ValueError(f"time_zone {value!r} is not a name of the time zone database such as 'Europe/London'")
    return value


class Consent(Wire):
    """One consent of one brand × channel × purpose, with its source and time. The latest ``at`` wins."""

    channel: Channel
    purpose: Purpose = "marketing"
    status: Literal["granted", "withdrawn"]
    at: AwareDatetime
    source: str = Field(CRM, max_length=64)
    confirmed_at: AwareDatetime | None = Field(
        None, description="When the customer confirmed the grant (double opt-in), not before ``at``."
    )


class ContactPoint(Wire):
    """Whether the CRM can reach the customer on a channel. The address itself never travels."""

    channel: Channel
    reachable: bool
    hash: Hash | None = Field(None, description="identifier_hash of the address; links events that carry it.")


class CustomerProfile(Event):
    """The CRM's whole view of a customer for one brand; a later one replaces it (of consents the latest)."""

    type: Literal["customer.registered", "customer.updated"]
    customer_id: CustomerId
    registered_at: AwareDatetime | None = None
    birth_date: date | None = None
    email_domain: str | None = Field(None, max_length=255)
    language: str | None = Field(None, max_length=35, description="BCP 47 language tag.")
    country: Market | None = None
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = None
    home_store: Identifier | None = None
    loyalty_cards: list[Identifier] = Field(default_factory=list, max_length=50)
    preferred_channels: list[Channel] = Field(default_factory=list, max_length=7)
    company: bool = False
    region: Region | None = Field(None, description="Region of the address, such as DE-BY: ISO 3166-2.")
    consents: list[Consent] = Field(default_factory=list, max_length=200)
    contact_points: list[ContactPoint] = Field(default_factory=list, max_length=50)


class CustomerMerged(Event):
    """A CRM order: ``merged_id`` is the same person as ``customer_id``, which stays."""

    type: Literal["customer.merged"]
    customer_id: CustomerId
    merged_id: CustomerId


class CustomerErased(Event):
    """A CRM order: forget this customer."""

    type: Literal["customer.erased"]
    customer_id: CustomerId


class CustomerUnlinked(Event):
    """A CRM order: from ``occurred_at`` on this identifier is not ``customer_id``'s any more; what was before stays."""

    type: Literal["customer.unlinked"]
    customer_id: CustomerId
    identifier: Literal["email_hash", "loyalty_card_id", "device_id", "anonymous_id"] = Field(
        description="Which identifier, by the name that events carry it under."
    )
    value: Identifier = Field(description="The identifier itself.")


CustomerEvent = Annotated[
    CustomerProfile | CustomerMerged | CustomerErased | CustomerUnlinked, Field(discriminator="type")
]


class FeedbackEvent(CustomerEventBase):
    """What a channel did with a decision. Without ``decision_id`` (history): matched by customer and channel."""

    type: Literal["feedback"]
    channel: Channel
    status: Literal[
        "accepted",
        "delivered",
        "bounced",
        "opened",
        "clicked",
        "unsubscribed",
        "complained",
        "dropped",
        "call_outcome",
    ]
    decision_id: str | None = Field(None, pattern=r"^[0-9a-f]{32}$")
    permanent: bool = Field(True, description="Of a bounce: the address is dead, not just full.")
    detail: str | None = Field(None, max_length=256)
