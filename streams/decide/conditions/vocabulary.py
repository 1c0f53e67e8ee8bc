"""What a condition may ask: every name with its type, its meaning, and how it is read. The docs are made from here.

A value that is not known of a customer is None here; a condition that needs it is *unknown* then, which is a no.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

from schemas.campaigns import OPTIONS
from schemas.lifecycle import Stage
from streams.decide.conditions import readers
from streams.decide.conditions.types import BOOL, CHANNEL, COUNTRY, INT, TEXT, Name, Type


def _field(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: row.get(name)


ITEM = Type(
    "item",
    fields={
        "product": Name(TEXT, "Product id.", _field("product")),
        "quantity": Name(INT, "Pieces.", _field("quantity"), least=1),
        "name": Name(TEXT, "Name in the catalogue.", _field("name"), always=False),
        "category": Name(TEXT, "Category in the catalogue.", _field("category"), always=False),
        "available": Name(BOOL, "Whether it is in the catalogue and available.", _field("available")),
    },
)

VOCABULARY: dict[str, Name] = {
    "customer.known": Name(
        BOOL, "A customer of the CRM, not a visitor or card without a name.", lambda m: m.view.state.known
    ),
    "customer.company": Name(BOOL, "A company, not a person.", readers.of_profile("company"), always=False),
    "customer.country": Name(COUNTRY, "Country of the profile.", readers.of_profile("country"), always=False),
    "customer.market": Name(
        COUNTRY,
        "The profile's country, else the market of the last event of the brand.",
        lambda m: m.view.market(m.brand),
        always=False,
    ),
    "customer.language": Name(TEXT, "Language tag of the profile.", readers.of_profile("language"), always=False),
    "customer.email_domain": Name(
        TEXT, "Domain of the e-mail address.", readers.of_profile("email_domain"), always=False
    ),
    "customer.home_store": Name(TEXT, "Home store of the profile.", readers.of_profile("home_store"), always=False),
    "customer.preferred_channels": Name(
        Type("list", CHANNEL),
        "Channels that the customer prefers.",
        lambda m: m.view.state.profile.preferred if m.view.state.profile is not None else [],
    ),
    "customer.channels": Name(
        Type("list", CHANNEL),
        "Channels with consent for the campaign's purpose that reach the customer.",
        readers.channels,
    ),
    "customer.age": Name(INT, "Full years.", readers.age, always=False, least=0, most=150),
    "customer.days_registered": Name(
        INT,
        "Full days since the registration with the brand.",
        lambda m: readers.days_between(m.view.state.registered.get(m.brand), m.view.now),
        always=False,
        least=0,
    ),
    "customer.purchases": Name(
        INT, "Kept purchases of the brand, over all channels.", lambda m: len(m.view.kept(m.brand)), least=0
    ),
    "customer.store_purchases": Name(
        INT,
        "Of these, those in a store.",
        lambda m: sum(1 for p in m.view.kept(m.brand) if p.channel == "store"),
        least=0,
    ),
    "customer.online_purchases": Name(
        INT,
        "Of these, those through any other channel.",
        lambda m: sum(1 for p in m.view.kept(m.brand) if p.channel != "store"),
        least=0,
    ),
    "customer.days_since_purchase": Name(
        INT,
        "Full days since the last kept purchase of the brand.",
        readers.days_since_purchase(-1),
        always=False,
        least=0,
    ),
    "customer.days_since_first_purchase": Name(
        INT,
        "Full days since the first kept purchase of the brand.",
        readers.days_since_purchase(0),
        always=False,
        least=0,
    ),
    "customer.products": Name(
        Type("list", TEXT),
        f"Products bought of the brand in the last {readers.PRODUCTS_KEPT_DAYS} days and kept.",
        readers.products,
    ),
    "customer.categories": Name(Type("list", TEXT), "Categories of these, by the catalogue.", readers.categories),
    "customer.open_carts": Name(
        INT,
        f"Carts of the brand that hold something and were touched in the last {readers.CART_OPEN_DAYS} days.",
        readers.open_carts,
        least=0,
    ),
    "customer.messages_7d": Name(INT, "Messages of the brand sent in the last 7 days.", readers.messages(7), least=0),
    "customer.messages_30d": Name(
        INT, "Messages of the brand sent in the last 30 days.", readers.messages(30), least=0
    ),
    "customer.stage": Name(
        Type("string", values=frozenset(get_args(Stage))),
        "Stage of life with the brand ([lifecycle.md](lifecycle.md#stages)).",
        readers.life("stage"),
        always=False,
    ),
    "customer.segments": Name(
        Type("list", TEXT),
        "Segments of the brand that the customer is in ([lifecycle.md](lifecycle.md#segments)).",
        readers.segments,
    ),
    "customer.value_365d": Name(
        INT,
        "What the customer bought of the brand in the last 365 days and kept, in minor units of the brand's currency.",
        readers.life("value_365d"),
        always=False,
        least=0,
    ),
    "customer.value_lifetime": Name(
        INT,
        "The same of all time, as far as purchases are remembered.",
        readers.life("value_lifetime"),
        always=False,
        least=0,
    ),
    "customer.purchase_days_365d": Name(
        INT,
        "Days of the last 365 with a kept purchase of the brand.",
        readers.life("purchase_days_365d"),
        always=False,
        least=0,
    ),
    **{
        f"customer.{score}": Name(
            INT, f"RFM score of {score}, 5 the best.", readers.life(score), always=False, least=1, most=5
        )
        for score in ("recency", "frequency", "monetary")
    },
    "occasion.name": Name(
        Type("string", values=frozenset(OPTIONS)),
        "Occasion of the campaign.",
        lambda m: m.campaign.campaign.occasion,
    ),
    "occasion.step": Name(INT, "Step of the campaign, from 1.", lambda m: m.step, least=1, most=10),
    "occasion.episode": Name(TEXT, "Key of the episode, such as the cart or order id.", lambda m: m.episode),
    "items": Name(Type("list", ITEM), "What the message is about, with the fields of the catalogue.", readers.items),
    "now.hour": Name(
        INT, "Hour of the customer's wall clock.", readers.local(lambda t: t.hour), always=False, least=0, most=23
    ),
    "now.weekday": Name(
        INT,
        "Day of the week there: 1 Monday to 7 Sunday.",
        readers.local(datetime.isoweekday),
        always=False,
        least=1,
        most=7,
    ),
    "now.day": Name(INT, "Day of the month there.", readers.local(lambda t: t.day), always=False, least=1, most=31),
    "now.month": Name(INT, "Month there.", readers.local(lambda t: t.month), always=False, least=1, most=12),
    "now.date": Name(
        TEXT, "Date there, such as 2026-03-01.", readers.local(lambda t: t.date().isoformat()), always=False
    ),
}
"""Every name that a condition may use."""
