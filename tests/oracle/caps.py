"""Section "Caps": what a cap counts, and what feedback does to it."""

from __future__ import annotations

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from schemas.base import from_ms
from schemas.campaigns import BrandRules, Campaign
from schemas.caps import Cap
from tests.oracle.calendars import instant
from tests.oracle.customer import Candidate, Customer, Send
from tests.oracle.history import Event

COMMITS = ("delivered", "opened", "clicked")
RELEASES = ("dropped", "bounced")


def fitting_caps(rules: BrandRules, campaign: Campaign, channel: str) -> list[Cap]:
    """The caps that may stop a campaign's message on a channel."""
    return [
        cap
        for cap in rules.caps
        if not campaign.exempt_from_caps
        and (cap.channel == "*" or cap.channel == channel)
        and (cap.category is None or cap.category == campaign.category)
        and (cap.campaign is None or cap.campaign == campaign.id)
    ]


def capped(customer: Customer, rules: BrandRules, candidate: Candidate, zone: str | None, now: int) -> bool:
    """Whether a cap forbids a candidate now."""
    for cap in fitting_caps(rules, candidate.campaign, candidate.channel):
        counted = [
            send
            for send in customer.sends
            if not send.released
            and (candidate.ghost is not None or send.candidate.ghost is None)
            and (cap.all_brands or send.candidate.key.brand == rules.brand)
            and cap.channel in ("*", send.candidate.channel)
            and cap.category in (None, send.candidate.campaign.category)
            and cap.campaign in (None, send.candidate.campaign.id)
            and _in_window(cap, send.decided, zone, now)
        ]
        reserved = [
            listed
            for listed in customer.listed.values()
            if (cap.all_brands or listed.candidate.key.brand == rules.brand)
            and cap.channel in ("*", listed.candidate.channel)
            and cap.category in (None, listed.candidate.campaign.category)
            and cap.campaign in (None, listed.candidate.campaign.id)
        ]
        if len(counted) + len(reserved) >= cap.max:
            return True
    return False


def _in_window(cap: Cap, moment: int, zone: str | None, now: int) -> bool:
    if isinstance(cap.per, int):
        return moment > now - cap.per
    assert zone is not None
    today = from_ms(now).astimezone(ZoneInfo(zone)).date()
    monday = today - timedelta(days=today.isoweekday() - 1)
    first = {"day": today, "week": monday, "month": today.replace(day=1)}[cap.per]
    return moment >= instant(first, time(0), zone)


def settle(sends: list[Send], event: Event, decision_ids: list[str]) -> None:
    """Feedback commits or releases the send that it names, else the latest of brand and channel; the first word counts.

    ``decision_ids``: of the sends.
    """
    if event.type != "feedback" or event.record["status"] not in (*COMMITS, *RELEASES):
        return
    named = event.record.get("decision_id")
    for send, known in reversed(list(zip(sends, decision_ids, strict=True))):
        if send.candidate.ghost is not None:
            continue
        of_channel = send.candidate.key.brand == event.brand and send.candidate.channel == event.record["channel"]
        if known == named if named else of_channel:
            if not send.committed and not send.released:
                send.committed = event.record["status"] in COMMITS
                send.released = not send.committed
            return
