"""What an event costs decide with many campaigns and brands: the task alone in this process, no broker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

from benchmarks.pipeline.bench import Bench, over_rounds
from benchmarks.pipeline.dry_run import DryRun
from benchmarks.pipeline.mix import Line, shipped_campaigns, simulated
from benchmarks.rows import Row
from schemas.campaigns import Campaign
from streams.campaigns import CampaignSet
from streams.simulate.retailer import START_MS

RECORDS, RECORDS_QUICK = 25_000, 3_000
MAIN_BRAND = "online-retail"
BRANDS = [MAIN_BRAND, *(f"brand-{number:02d}" for number in range(2, 31))]
OCCASIONS = 7
"""Shipped campaigns, one of each occasion."""
LANGUAGES = ["en", "de", "fr", "nl", "es", "it", "pt", "sv", "nb", "da"]
LATER_MS = 45 * 60_000
"""A variant speaks so much later than the one before it."""
_NUMBER = re.compile(rb'"(?:customer_id":"|anonymous_id":"cookie-|loyalty_card_id":"card-|device_id":"app-)(\d+)')
_BRAND = b'"brand":"%s"'


def rows(bench: Bench) -> list[Row]:
    """500 campaigns over 30 brands against 20 for one; many campaigns that apply, and many that do not."""
    lines = simulated(bench.options.directory, bench.size(RECORDS, RECORDS_QUICK))
    over_brands = of_brands(lines, BRANDS)
    one, others = BRANDS[:1], BRANDS[1:]
    inputs: dict[str, tuple[CampaignSet, Sequence[Line]]] = {
        "20 campaigns, one brand": (variants(one, 20), lines),
        "500 campaigns, 30 brands": (variants(BRANDS, 500), over_brands),
        "no campaign": (variants(one, 0), lines),
        "7 campaigns": (variants(one, OCCASIONS), lines),
        "56 campaigns": (variants(one, 8 * OCCASIONS), lines),
        "51 campaigns, 7 apply": (joined(variants(one, OCCASIONS), variants(others, 44)), lines),
    }
    cost: dict[str, list[float]] = {name: [] for name in inputs}
    for number in range(bench.rounds):
        for name, (campaigns, given) in inputs.items():
            bench.say(f"breadth, round {number + 1} of {bench.rounds}: {name}")
            cost[name].append(decide_cost(bench, campaigns, given))
    return _rows(cost)


def _rows(cost: dict[str, list[float]]) -> list[Row]:
    def row(name: str, against: str = "", reach: str = "", note: str = "") -> Row:
        others = cost[against] if against else ()
        return over_rounds(
            f"CPU of an event in decide: {name}",
            "µs",
            cost[name],
            against=against,
            others=others,
            reach=reach,
            note=note,
        )

    def added(name: str, campaigns: int) -> list[float]:
        return [(high - low) / campaigns for high, low in zip(cost[name], cost["no campaign"], strict=True)]

    return [
        row("20 campaigns, one brand"),
        row("500 campaigns, 30 brands", "20 campaigns, one brand", "ratio <= 2", "content variants in 10 languages"),
        row("no campaign"),
        row("7 campaigns", note="one of each occasion"),
        row("51 campaigns, 7 apply", "7 campaigns", "ratio <= 1.2", "44 are other brands'"),
        row("56 campaigns", "7 campaigns", note="eight of each occasion"),
        over_rounds(
            "CPU that a campaign adds to an event, of 48 that apply",
            "µs",
            added("56 campaigns", 8 * OCCASIONS),
            against="of 6",
            others=added("7 campaigns", OCCASIONS),
            reach="ratio <= 1.2",
            note="in proportion to the campaigns that apply, or less",
        ),
    ]


def decide_cost(bench: Bench, campaigns: CampaignSet, lines: Sequence[Line]) -> float:
    """CPU microseconds of an event in decide's tasks, once catalogue and campaigns are known."""
    dry_run = DryRun(bench.settings("breadth"), campaigns)
    dry_run.run([line for line in lines if line[1] < START_MS], START_MS)
    before = dry_run.cpu_s["decide"]
    given = dry_run.run([line for line in lines if line[1] >= START_MS])
    return (dry_run.cpu_s["decide"] - before) / given.events * 1e6


def variants(brands: Sequence[str], count: int) -> CampaignSet:
    """``count`` campaigns for ``brands`` in turn, made from the shipped ones, and the rules of each brand."""
    shipped = shipped_campaigns()
    rules = next(rules for rules in shipped.brands if rules.brand == MAIN_BRAND)
    turns = [divmod(number, len(brands)) for number in range(count)]
    by_occasion = {campaign.occasion: campaign for campaign in reversed(shipped.campaigns)}
    models = [by_occasion[name] for name in sorted(by_occasion)][:OCCASIONS]
    campaigns = tuple(_variant(models[turn % OCCASIONS], brands[place], turn) for turn, place in turns)
    return CampaignSet(campaigns, tuple(rules.model_copy(update={"brand": brand}) for brand in brands))


def _variant(campaign: Campaign, brand: str, number: int) -> Campaign:
    later = 0 if campaign.timing == "on_arrival" else number // OCCASIONS * LATER_MS
    fields = campaign.model_dump()
    fields |= {
        "id": f"{campaign.id}-{brand}-{number}",
        "brands": [brand],
        "priority": campaign.priority + number // OCCASIONS,
        "steps": [{**step, "after": step["after"] + later} for step in fields["steps"]],
        "content": {"key": f"{campaign.id}-{brand}-{number}", "languages": LANGUAGES, "fallback": ["en"]},
    }
    return Campaign.model_validate(fields)


def joined(first: CampaignSet, second: CampaignSet) -> CampaignSet:
    """Both sets."""
    return CampaignSet(first.campaigns + second.campaigns, first.brands + second.brands)


def of_brands(lines: Sequence[Line], brands: Sequence[str]) -> list[Line]:
    """The same retailer as many brands: each customer shops with one of them, and all sell the whole assortment.

    Updates of products stay with the first brand, so that there are as many events.
    """
    made: list[Line] = []
    for source, arrived, raw in lines:
        if source != "catalog":
            made.append((source, arrived, _rebranded(raw, brands[_shopper(raw) % len(brands)])))
        elif arrived < START_MS:
            made += [(source, arrived, _rebranded(raw, brand)) for brand in brands]
        else:
            made.append((source, arrived, raw))
    return made


def _rebranded(raw: bytes, brand: str) -> bytes:
    return raw.replace(_BRAND % MAIN_BRAND.encode(), _BRAND % brand.encode())


def _shopper(raw: bytes) -> int:
    found = _NUMBER.search(raw)
    return int(found[1]) if found else crc32(raw)
