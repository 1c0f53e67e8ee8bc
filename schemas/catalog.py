"""The catalogue, and the control record of a topic prefix."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.base import Amount, Brand, Currency, Event, Identifier, Market, Wire
from schemas.catalogue_options import REMEMBERED_DAYS


class Price(Wire):
    """A price in one market."""

    market: Market
    currency: Currency
    amount: Amount


class CatalogItem(Event):
    """A product as it is from ``occurred_at`` on. ``accessories``: products that fit it, best first."""

    type: Literal["catalog.item"]
    product_id: Identifier
    name: str = Field(max_length=512)
    category: str | None = Field(None, max_length=128)
    available: bool = True
    prices: list[Price] = Field(default_factory=list, max_length=300)
    accessories: list[Identifier] = Field(default_factory=list, max_length=50)
    usual_days: int | None = Field(
        None, ge=1, le=REMEMBERED_DAYS, description="After how many days customers usually buy it again."
    )


class ReplayMode(Wire):
    """A replay: the sources that are present; the others are complete. ``complete_until`` comes with the records."""

    kind: Literal["replay"]
    sources: list[str]
    hand_over: bool = Field(False, description="Hand decisions over to channels although it is a replay.")


class LiveMode(Wire):
    """Live: from ``from_time`` on; what came due before it is not sent."""

    kind: Literal["live"]
    from_time: AwareDatetime


class KnownBrands(Wire):
    """The brands that exist: records of others are quarantined. Without this record every brand is taken."""

    kind: Literal["brands"]
    brands: list[Brand]


class FeedContinue(Wire):
    """Go on with a source at which a worker stopped because too many of its records were bad."""

    kind: Literal["continue"]
    source: str


class ReplayDone(Wire):
    """All of a replay is written; it ends when every clock has reached ``until``."""

    kind: Literal["replayed"]
    until: AwareDatetime


class Pause(Wire):
    """Stop the messages of a campaign or of a channel, or let them go again, from where decide reads it."""

    kind: Literal["pause"]
    what: Literal["campaign", "channel"]
    name: Identifier = Field(description="Id of the campaign, or the channel.")
    brand: Brand | None = Field(None, description="Null: of every brand.")
    paused: bool
    at: AwareDatetime
    by: str = Field(max_length=128, description="Who said so.")
    reason: str = Field("", max_length=512)

    @property
    def key(self) -> str:
        """The record's key: a later word on the same takes its place."""
        return f"pause/{self.what}/{self.name}/{self.brand or '*'}"


ControlRecord = Annotated[
    ReplayMode | ReplayDone | LiveMode | KnownBrands | FeedContinue | Pause, Field(discriminator="kind")
]
"""A record on ``control``, written to every partition. Key of ``replay`` and ``live``: ``mode``; of ``pause``: its
``key``; else the kind."""
