"""Campaigns that can never fire, and why: their dates, markets, condition, caps, times, or sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta

from schemas.campaigns import OPTIONS, BirthdayOptions, BrandRules, Campaign, SecondPurchaseOptions
from schemas.generate import kinds
from schemas.occasions import AnniversaryOptions, CalendarOptions
from schemas.sending_times import WEEKDAYS
from schemas.topics import DAY_MS, INPUTS
from streams.decide.conditions.truth import can_hold
from streams.decide.occasions import OCCASIONS
from streams.decide.rules import compile_brand

Reason = tuple[str, str]
"""(field, sentence)."""
AtLocalTime = BirthdayOptions | AnniversaryOptions | CalendarOptions
"""Options of the occasions at a time of day."""
_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001 - only differences of wall times are looked at


def never(campaign: Campaign, rules: Mapping[str, BrandRules], sources: frozenset[str] | None) -> Iterator[Reason]:
    """Why a campaign, or a step of it, never sends anything."""
    made = campaign.content.markets
    if made and campaign.markets and not set(made) & set(campaign.markets):
        yield "content.markets", "never fires: its content is made for none of its markets; name the same ones."
    yield from _condition(campaign)
    yield from _sources(campaign, sources)
    options = OPTIONS[campaign.occasion].model_validate(campaign.options)
    if isinstance(options, SecondPurchaseOptions):
        for number, step in enumerate(campaign.steps):
            if step.after > options.window:
                yield (
                    f"steps.{number}",
                    f"step {number + 1} never fires: it is due {_days(step.after)} after the purchase, and the window "
                    f"is {_days(options.window)}; lengthen options.window or shorten 'after'.",
                )
    for brand in campaign.brands:
        yield from _caps(campaign, rules[brand])
        yield from _closed(campaign, rules[brand])
        yield from _times(campaign, rules[brand], options if isinstance(options, AtLocalTime) else None)


def _condition(campaign: Campaign) -> Iterator[Reason]:
    if campaign.when is None:
        return
    steps = frozenset(range(1, len(campaign.steps) + 1))
    fixed: dict[str, frozenset[str | int]] = {"occasion.name": frozenset({campaign.occasion}), "occasion.step": steps}
    if campaign.markets:
        fixed["customer.market"] = frozenset(campaign.markets)
    if not can_hold([campaign.when], fixed):
        yield "when", "never fires: its condition can never be true for this campaign; correct it."
        return
    for step in sorted(steps) if len(steps) > 1 else ():
        if not can_hold([campaign.when], {**fixed, "occasion.step": frozenset({step})}):
            yield "when", f"step {step} never fires: the condition is never true for it; correct it or drop the step."


def _sources(campaign: Campaign, sources: frozenset[str] | None) -> Iterator[Reason]:
    if sources is None:
        return
    triggers = OCCASIONS[campaign.occasion].triggers
    wanted = [topic.name for topic in INPUTS if triggers & kinds(topic.schema).keys()]
    if not sources & set(wanted):
        yield (
            "occasion",
            f"never fires: {campaign.occasion} is triggered by {' or '.join(wanted)}, and the sources are "
            f"{', '.join(sorted(sources)) or 'none'}.",
        )


def _caps(campaign: Campaign, rules: BrandRules) -> Iterator[Reason]:
    if campaign.exempt_from_caps:
        return
    closed = {
        cap.channel
        for cap in rules.caps
        if cap.max == 0 and cap.category in (None, campaign.category) and cap.campaign in (None, campaign.id)
    }
    if "*" in closed or set(campaign.channels) <= closed:
        yield (
            "channels",
            f"never fires: the caps of {rules.brand} allow no message on {', '.join(campaign.channels)}; raise the cap "
            "or choose another channel.",
        )


def _closed(campaign: Campaign, rules: BrandRules) -> Iterator[Reason]:
    """Closed on all days of the week, on all its channels, in all markets."""
    for channel in campaign.channels:
        fitting = [c for c in rules.closed_days if c.channel in ("*", channel) and c.market is None]
        if {day for closed in fitting for day in closed.weekdays} < set(WEEKDAYS):
            return
    yield (
        "channels",
        f"never fires: closed_days of {rules.brand} close {', '.join(campaign.channels)} on every day of the week; "
        "leave one open.",
    )


def _times(campaign: Campaign, rules: BrandRules, dated: AtLocalTime | None) -> Iterator[Reason]:
    if campaign.valid_for < rules.hold_window:
        yield (
            "valid_for",
            f"never fires alone: it is valid for {_days(campaign.valid_for)}, and {rules.brand} holds messages for "
            f"{_days(rules.hold_window)} to compare them; lengthen valid_for or shorten hold_window.",
        )
    if dated is None:
        return
    quiet = compile_brand(rules, "")
    moment = _MIDNIGHT.replace(hour=dated.local_time.hour, minute=dated.local_time.minute)
    due = moment + timedelta(milliseconds=campaign.steps[0].after)
    for channel in campaign.channels:
        if any(rule.market is not None for rule in rules.quiet_hours):
            return
        hours = quiet.quiet_hours(channel)
        release = due + timedelta(milliseconds=rules.hold_window)
        if hours is None or not _is_quiet(release.time(), hours.start, hours.end):
            return
        end = release.replace(hour=hours.end.hour, minute=hours.end.minute, second=0)
        end += timedelta(days=1) if end <= release else timedelta()
        if end - due <= timedelta(milliseconds=campaign.valid_for):
            return
    yield (
        "options.local_time",
        f"never fires: {dated.local_time:%H:%M} is in the quiet hours of {rules.brand}, which end later than the "
        "message is valid; choose another time or lengthen valid_for.",
    )


def _is_quiet(wall: time, start: time, end: time) -> bool:
    return start <= wall < end if start < end else wall >= start or wall < end


def _days(ms: int) -> str:
    return f"{ms / DAY_MS:g} days" if ms >= DAY_MS else f"{ms / 3_600_000:g} hours"
