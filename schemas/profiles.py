"""What a shop may know of a customer: the public view of his state, for what it shows him."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Closed
from schemas.decisions import TriggerOffer
from schemas.lifecycle import Stage

AFFINITIES_MAX = 5
"""Most categories in a profile."""
VISITS_SHOWN_MAX = 5
"""Most devices, and most origins, in a profile."""


class OpenOffer(TriggerOffer):
    """What a message offered to the customer and is not over yet."""

    campaign: str


class PublicProfile(Closed):
    """What one brand's shop may know of a customer (topic ``customer-profile``, key ``brand:customer id``). A record
    says how things are from ``as_of`` on, until the next one; no value (a tombstone): the shop knows nothing."""

    brand: str
    as_of: str = Field(description="Since when this is so: logical time, RFC 3339 in UTC.")
    stage: Stage
    segments: list[str] = Field(description="Ids of the brand's segments that the customer is in, as its rules go.")
    affinities: Annotated[list[str], Field(max_length=AFFINITIES_MAX)] = Field(
        description="Categories of what the customer bought and kept in 125 days, the most often bought first."
    )
    visits: int = Field(
        ge=0, description="Visits that have begun until `as_of`, of the last 50 that are remembered of the customer."
    )
    last_visit_at: str | None = Field(None, description="When the last of them began.")
    devices: Annotated[list[str], Field(max_length=VISITS_SHOWN_MAX)] = Field(
        description="Devices of these visits, the last used first."
    )
    origins: Annotated[list[str], Field(max_length=VISITS_SHOWN_MAX)] = Field(
        description="Hosts that these visits came from (`direct`: from none), the last first."
    )
    offers: list[OpenOffer] = Field(
        description="Offers of messages sent in the last 30 days that are open, the last sent first. Whether one was "
        "redeemed the shop knows."
    )
