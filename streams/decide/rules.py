"""What is in force at a moment: campaigns, brand rules, catalogue; every version with the time it counts from."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from schemas.base import Closed, to_ms
from schemas.campaigns import OPTIONS, BrandRules, Campaign
from schemas.caps import Cap
from schemas.envelope import Envelope
from schemas.iso import CURRENCY_DIGITS
from schemas.sending_times import BusinessHours, ClosedDays, QuietHours
from streams.decide.conditions import Condition, condition_or_refusal

RULES = frozenset({"campaign.published", "campaign.withdrawn", "brand.published"})
BROADCAST = RULES | {"catalog.item"}
"""Event types that go to every partition, and are no customer's."""
VERSIONS_MAX = 64
"""Versions of one product, or of the rules, that a partition keeps; the oldest go first, but before them those of a
product that are as the one before them, as when a catalogue is sent every night."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A campaign as the core uses it: options parsed, times in milliseconds."""

    id: str
    version: str
    campaign: Campaign
    options: Any
    options_name: str
    """Alike for campaigns with the same options: what follows from them alone is worked out once for all of these."""
    starts: int
    ends: int
    occasion: str
    priority: int
    """Higher goes first."""
    afters: tuple[int, ...]
    """The delay of each step."""
    valid_for: int
    condition: Condition | None = None
    worth: int = 0
    """What a message is expected to earn, in ten-thousandths of the brand's currency."""


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand's rules as the core uses them."""

    rules: BrandRules
    version: str
    quiet: dict[tuple[str, str | None], QuietHours]
    """By channel and market."""

    @property
    def has_times(self) -> bool:
        """Whether there are hours or days on which nothing goes."""
        return bool(self.quiet or self.rules.closed_days or self.rules.business_hours)

    def quiet_hours(self, channel: str, market: str | None = None) -> QuietHours | None:
        """The channel's own quiet hours in the market, else in all, else those of ``*``; None when there are none."""
        of = self.quiet.get
        rule = of((channel, market)) or of((channel, None)) or of(("*", market)) or of(("*", None))
        return rule if rule is not None and rule.start != rule.end else None

    def business_hours(self, channel: str, market: str | None) -> BusinessHours | None:
        """The channel's own business hours in the market, else in all, else those of ``*``; None: there are none."""
        for place in ((channel, market), (channel, None), ("*", market), ("*", None)):
            for hours in self.rules.business_hours:
                if (hours.channel, hours.market) == place:
                    return hours
        return None

    def needs_zone(self, campaign: Campaign, channel: str, market: str | None, company: bool = False) -> bool:
        """Whether a campaign's message on the channel has hours, closed days or calendar caps to keep."""
        if company and self.business_hours(channel, market) is not None:
            return True
        if self.quiet_hours(channel, market) is not None or self.closed_days(channel, market):
            return True
        return any(not isinstance(cap.per, int) for cap in self.caps(campaign, channel))

    def caps(self, campaign: Campaign, channel: str) -> Iterator[Cap]:
        """The caps that concern a campaign's messages on a channel."""
        for cap in () if campaign.exempt_from_caps else self.rules.caps:
            if (
                cap.channel in ("*", channel)
                and cap.category in (None, campaign.category)
                and cap.campaign in (None, campaign.id)
            ):
                yield cap

    def closed_days(self, channel: str, market: str | None) -> list[ClosedDays]:
        """The rules that close the channel in the market on some days."""
        if not self.rules.closed_days:
            return []
        return [
            closed
            for closed in self.rules.closed_days
            if closed.channel in (channel, "*") and closed.market in (market, None)
        ]


@dataclass(frozen=True, slots=True)
class Item:
    """A product of the catalogue."""

    product: str
    name: str
    category: str | None
    available: bool
    accessories: tuple[str, ...]
    prices: tuple[tuple[str, str, int], ...] = ()
    """(market, currency, minor units)."""
    usual_days: int | None = None
    """After how many days customers usually buy it again."""

    def price(self, market: str | None) -> tuple[str, int] | None:
        """Currency and minor units in a market; None: it has no price there."""
        return next(((currency, amount) for where, currency, amount in self.prices if where == market), None)


Versions = list[tuple[int, Item]]
"""(from when on, product), oldest first."""
_NO_VERSIONS: tuple[list[int], list[Item], list[str]] = ([], [], [])
_NOTHING: frozenset[str] = frozenset()


class RuleSet:
    """Campaigns and brand rules in force together; never changed once made."""

    __slots__ = (
        "armed_by",
        "brands",
        "brands_of",
        "by_brand",
        "campaigns",
        "on_arrival",
        "profiled",
        "since",
        "version",
        "watched",
    )

    def __init__(
        self, campaigns: Mapping[str, Compiled], brands: Mapping[str, Brand], version: int, since: int = -(1 << 62)
    ) -> None:
        self.campaigns = dict(campaigns)
        self.brands = dict(brands)
        self.profiled = {name: brand for name, brand in sorted(self.brands.items()) if brand.rules.profile}
        """Brands whose shops are told what they may know of a customer, by name."""
        self.version = version
        self.since = since
        """When they came into force."""
        self.by_brand: dict[str, dict[str, list[Compiled]]] = {}
        """Brand -> occasion -> campaigns, each in the order of their names."""
        self.on_arrival: set[tuple[str, str]] = set()
        """(brand, occasion) of which a campaign decides on arrival."""
        places = sorted((brand, c.occasion, c.id) for c in self.campaigns.values() for brand in c.campaign.brands)
        for brand, occasion, name in places:
            campaign = self.campaigns[name]
            self.by_brand.setdefault(brand, {}).setdefault(occasion, []).append(campaign)
            if campaign.campaign.timing == "on_arrival":
                self.on_arrival.add((brand, occasion))
        self.watched = {
            brand: kinds
            for brand, occasions in self.by_brand.items()
            if (kinds := frozenset(kind for each in occasions.values() for one in each for kind in watches(one)))
        }
        """Brand -> in what way customers have to have shown interest in a product to be told of its changes."""
        self.armed_by: dict[tuple[str, str], Any] = {}
        """(event type, brand) -> what it may arm, as far as ``streams.decide.customer`` has looked it up."""
        self.brands_of: dict[str, list[str]] = {}
        """Occasion -> brands with campaigns of it, by name."""
        for brand in self.by_brand:
            for occasion in self.by_brand[brand]:
                self.brands_of.setdefault(occasion, []).append(brand)


class Rules:
    """All versions of campaigns, brand rules and products that one partition knows."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._sets: list[RuleSet] = [RuleSet({}, {}, 0)]
        self.has_lists = False
        """Whether a brand has, or had, a list with a capacity."""
        self.has_profiles = False
        """Whether a shop is told, or was, what it may know of a customer."""
        self._items: dict[tuple[str, str], tuple[list[int], list[Item], list[str]]] = {}
        """(brand, product) -> times, versions, event ids."""
        self._lasting: dict[str, set[str]] = {}
        self._with_accessories: dict[str, set[str]] = {}
        self.forgotten: list[tuple[str, str, int]] = []
        """(brand, product, time) of versions no longer kept, since it was last emptied."""

    def at(self, now: int) -> RuleSet:
        """The rules in force at a logical time."""
        times = self._times
        if not times or now >= times[-1]:
            return self._sets[-1]
        return self._sets[bisect_right(times, now)]

    def last_known(self, campaign: str) -> Compiled:
        """A campaign's newest version, even if it was withdrawn since. Raises KeyError: never known, or long gone."""
        for rules in reversed(self._sets):
            if campaign in rules.campaigns:
                return rules.campaigns[campaign]
        raise KeyError(campaign)

    def version_of(self, campaign: str, version: str) -> Compiled | None:
        """A version of a campaign, even if it is in force no more; None: never known, or long gone."""
        for rules in reversed(self._sets):
            known = rules.campaigns.get(campaign)
            if known is not None and known.version == version:
                return known
        return None

    def item(self, brand: str, product: str, now: int) -> Item | None:
        """A product as it is at a logical time; None: not in the catalogue."""
        known = self._items.get((brand, product))
        if known is None:
            return None
        index = bisect_right(known[0], now)
        return known[1][index - 1] if index else None

    def versions(self, brand: str, product: str, now: int) -> Versions:
        """The versions of a product up to a logical time, oldest first, as far as they are kept."""
        times, items, _ = self._items.get((brand, product), _NO_VERSIONS)
        index = bisect_right(times, now)
        return list(zip(times[:index], items[:index], strict=True))

    def lasting(self, brand: str) -> Set[str]:
        """The products of which a version has said after how many days they are usually bought again. It only grows."""
        return self._lasting.get(brand, _NOTHING)

    def with_accessories(self, brand: str) -> Set[str]:
        """The products of which a version has named accessories. It only grows."""
        return self._with_accessories.get(brand, _NOTHING)

    def has_changed(self, brand: str, product: str, since: int) -> bool:
        """Whether there is a version of a product after a moment, in force already or not."""
        known = self._items.get((brand, product))
        return known is not None and known[0][-1] > since

    def knows(self, event: Envelope) -> bool:
        """Whether this very version of a product is known already (the record came twice)."""
        known = self._items.get((event.brand, event.data["product"]))
        return known is not None and event.id in known[2]

    def apply(self, event: Envelope) -> bool:
        """Take over a broadcast event (in order); True when the rules changed (and not only the catalogue)."""
        if event.type == "catalog.item":
            self._apply_item(event)
            return False
        last = self._sets[-1]
        campaigns, brands = dict(last.campaigns), dict(last.brands)
        name, version = event.data["campaign"], event.data["version"]
        if event.type == "brand.published":
            known = brands.get(event.brand)
            if known is not None and known.version == version:
                return False
            brands[event.brand] = compile_brand(BrandRules.model_validate(event.data["rules"]), version)
            self.has_lists = self.has_lists or bool(brands[event.brand].rules.lists)
            self.has_profiles = self.has_profiles or brands[event.brand].rules.profile
        elif event.type == "campaign.published":
            if name in campaigns and campaigns[name].version == version:
                return False
            campaigns[name] = compile_campaign(_campaign(event.data["definition"]), version)
        elif campaigns.pop(name, None) is None:
            return False
        self._times.append(event.eff)
        self._sets.append(RuleSet(campaigns, brands, last.version + 1, event.eff))
        del self._times[:-VERSIONS_MAX], self._sets[: -VERSIONS_MAX - 1]
        return True

    def _apply_item(self, event: Envelope) -> None:
        item = item_of(event)
        times, items, ids = self._items.setdefault((event.brand, item.product), ([], [], []))
        times.append(event.eff)
        items.append(item)
        ids.append(event.id)
        if item.usual_days is not None:
            self._lasting.setdefault(event.brand, set()).add(item.product)
        if item.accessories:
            self._with_accessories.setdefault(event.brand, set()).add(item.product)
        if len(times) > VERSIONS_MAX:
            out = next((i for i in range(1, len(items)) if items[i] == items[i - 1]), 0)
            if times[out] not in times[max(out - 1, 0) : out] + times[out + 1 : out + 2]:
                self.forgotten.append((event.brand, item.product, times[out]))
            del times[out], items[out], ids[out]


def item_of(event: Envelope) -> Item:
    """The version of a product that an event brings."""
    data = event.data
    return Item(
        data["product"],
        data["name"],
        data["category"],
        data["available"],
        tuple(data["accessories"]),
        tuple((row["market"], row["currency"], row["price"]) for row in data.get("prices", ())),
        data.get("usual_days"),
    )


def _campaign(definition: Mapping[str, Any]) -> Campaign:
    return Campaign.model_validate(definition)


def compile_campaign(campaign: Campaign, version: str) -> Compiled:
    """Parse a campaign once for the core."""
    options: Closed = OPTIONS[campaign.occasion].model_validate(campaign.options)
    return Compiled(
        campaign.id,
        version,
        campaign,
        options,
        options.model_dump_json(),
        -(1 << 62) if campaign.starts is None else to_ms(campaign.starts),
        1 << 62 if campaign.ends is None else to_ms(campaign.ends),
        campaign.occasion,
        campaign.priority,
        tuple(step.after for step in campaign.steps),
        campaign.valid_for,
        condition_or_refusal(campaign.when),
        int(Decimal(campaign.expected_value or 0) * 10_000),
    )


def watches(campaign: Compiled) -> Sequence[str]:
    """The kinds of interest in a product that make a customer hear of its changes, for one campaign."""
    if campaign.occasion in ("complementary_offer", "replenishment"):
        return ("bought",)
    return campaign.options.of if campaign.occasion in ("price_drop", "back_in_stock") else ()


def compile_brand(rules: BrandRules, version: str) -> Brand:
    """Index a brand's rules once for the core."""
    return Brand(rules, version, {(quiet.channel, quiet.market): quiet for quiet in rules.quiet_hours})


@lru_cache(maxsize=1_024)
def zone(name: str) -> ZoneInfo:
    """A time zone by name (checked when the profile or rules came in)."""
    return ZoneInfo(name)


@lru_cache(maxsize=10_000)
def minor(amount: str, currency: str) -> int:
    """Minor units of a campaign's amount in a currency, rounded up where the currency is coarser."""
    return math.ceil(Decimal(amount).scaleb(CURRENCY_DIGITS[currency]))
