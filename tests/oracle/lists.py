"""Section "Lists": who gets a place on a list with a capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from schemas.base import from_ms
from schemas.campaigns import BrandRules, Campaign
from schemas.capacity import CapacityList
from tests.oracle.calendars import instant
from tests.oracle.customer import Candidate, Customer, Listed
from tests.oracle.experiments import arm_of

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def cutoff_after(wanted: CapacityList, now: int) -> int:
    """The first cut-off after a moment."""
    first = from_ms(now).astimezone(ZoneInfo(wanted.zone)).date()
    days = [first + timedelta(days=number) for number in range(15)]
    moments = [
        instant(day, wall, wanted.zone)
        for day in days
        if DAYS[day.isoweekday() - 1] in wanted.weekdays
        for wall in wanted.times
    ]
    return min(moment for moment in moments if moment > now)


def list_of(
    candidate: Candidate, rules: BrandRules, pool: str | None, passed: Sequence[str] = ()
) -> CapacityList | None:
    """The first list that takes the message, of those that it has not passed."""
    for one in rules.lists:
        takes = one.channel == candidate.channel if one.channel is not None else pool == one.pool
        if takes and one.id not in passed:
            return one
    return None


def pool_of(campaign: Campaign, step: int, customer: Customer) -> str | None:
    """The voucher pool of the message's offer: the arm's, else the step's, else the campaign's."""
    arm = arm_of(campaign, customer)
    offers = (None if arm is None else arm.offer, campaign.steps[step - 1].offer, campaign.offer)
    return next((offer.pool for offer in offers if offer is not None), None)


@dataclass
class Lists:
    """Who waits for which cut-off, and how many places were given."""

    waiting: dict[tuple[int, str, str], list[tuple[object, str, Listed]]] = field(default_factory=dict)
    used: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, listed: Listed, rank: object, customer: str) -> None:
        """A candidate of a cut-off."""
        place = (listed.cutoff, listed.candidate.key.brand, listed.wanted.id)
        self.waiting.setdefault(place, []).append((rank, customer, listed))

    def close(self, now: int) -> None:
        """Close what has its cut-off at ``now`` or before: the first get the places."""
        for place in sorted(place for place in self.waiting if place[0] <= now):
            group = sorted(self.waiting.pop(place), key=lambda row: (row[0], row[1]))
            for _, _, listed in group:
                name, wanted = place[1:], listed.wanted
                given = sum(other.chosen is True for _, _, other in group)
                in_all = self.used.get(name, 0)
                listed.chosen = given < wanted.max and (wanted.total is None or in_all < wanted.total)
                if listed.chosen and wanted.total is not None:
                    self.used[name] = in_all + 1
