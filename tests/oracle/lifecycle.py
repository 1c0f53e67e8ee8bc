"""Page docs/lifecycle.md: stages, value, scores and segments, from the kept purchases and the profile alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from schemas.campaigns import BrandRules
from schemas.iso import CURRENCY_DIGITS
from schemas.lifecycle import RhythmOptions, Segment
from tests.oracle.calendars import utc_date
from tests.oracle.customer import Facts
from tests.oracle.history import DAY_MS
from tests.oracle.purchases import Purchase

YEAR_MS = 365 * DAY_MS


def purchase_days(purchases: Sequence[Purchase]) -> list[int]:
    """The first of each UTC day, of purchases in order."""
    first: dict[object, int] = {}
    for purchase in purchases:
        first.setdefault(utc_date(purchase.at), purchase.at)
    return list(first.values())


def late_after(days: Sequence[int], options: RhythmOptions) -> int | None:
    """The threshold of the section "Reactivation"."""
    if len(days) < options.min_purchases:
        return None
    intervals = [later - earlier for earlier, later in pairwise(days)][-10:]
    m = len(intervals)
    if m + options.prior_weight == 0:
        return None
    own = sorted(intervals)[(m - 1) // 2] if intervals else 0
    expected = (m * own + options.prior_weight * options.prior_interval) // (m + options.prior_weight)
    return int(min(max(expected * options.factor_percent // 100, options.at_least), options.at_most))


class Life:
    """One customer and brand."""

    def __init__(self, facts: Facts, rules: BrandRules) -> None:
        self.facts, self.rules = facts, rules
        self.kept = facts.kept_purchases(rules.brand)
        self.days = purchase_days(self.kept)

    def lapses_after(self, days: Sequence[int]) -> int | None:
        late = late_after(days, self.rules.lifecycle.rhythm)
        return None if late is None else late * self.rules.lifecycle.lapsed_percent // 100

    def returns_from_lapse(self) -> list[int]:
        """Purchase days before which the customer had lapsed."""
        found = []
        for number in range(1, len(self.days)):
            lapses = self.lapses_after(self.days[:number])
            if lapses is not None and self.days[number] >= self.days[number - 1] + lapses:
                found.append(self.days[number])
        return found

    def stage(self, now: int) -> str:
        rules = self.rules.lifecycle
        if not self.days:
            return "prospect"
        late, lapses = late_after(self.days, rules.rhythm), self.lapses_after(self.days)
        if lapses is not None and now >= self.days[-1] + lapses:
            return "lapsed"
        if late is not None and now >= self.days[-1] + late:
            return "at_risk"
        if any(now < back + rules.back_for for back in self.returns_from_lapse()):
            return "back"
        if now < self.days[0] + rules.new_for:
            return "new"
        counted = [day for day in self.days if now < day + rules.loyal_within]
        return "loyal" if len(counted) >= rules.loyal_purchases else "active"

    def value(self, now: int | None) -> int:
        """Minor units of the brand's currency: of the last 365 days before ``now``, or of all time."""
        total = 0
        for purchase in self.kept:
            if purchase.currency == self.rules.currency and (now is None or now < purchase.at + YEAR_MS):
                for line in purchase.lines:
                    total += line.kept * self._minor(line.unit_price)
                    total -= self._minor(line.discount) * line.kept // line.quantity
        return total

    def _minor(self, amount: Decimal | str) -> int:
        return int(Decimal(amount).scaleb(CURRENCY_DIGITS[self.rules.currency]))

    def purchase_days_of_a_year(self, now: int) -> int:
        """Purchase days of the last 365 days."""
        return len([day for day in self.days if now < day + YEAR_MS])

    def recency(self, now: int) -> int | None:
        return 5 - sum(now >= self.days[-1] + cut for cut in self.rules.rfm.recency) if self.days else None

    def frequency(self, now: int) -> int | None:
        count = self.purchase_days_of_a_year(now)
        return 1 + sum(count >= cut for cut in self.rules.rfm.frequency) if self.days else None

    def monetary(self, now: int) -> int | None:
        value = self.value(now)
        return 1 + sum(value >= self._minor(cut) for cut in self.rules.rfm.monetary) if self.days else None

    def segments(self, now: int) -> list[str]:
        """Those the customer is in."""
        return [segment.id for segment in self.rules.segments if self.is_in(segment, now)]

    def is_in(self, segment: Segment, now: int) -> bool:
        """Whether all conditions of a segment hold."""
        profile = self.facts.profile
        if not self.days and self.rules.brand not in profile.registered_brands():
            return False
        return all(self._answers(segment, now))

    def _answers(self, segment: Segment, now: int) -> Iterator[bool]:
        last = self.facts.profile.last
        if segment.stages:
            yield self.stage(now) in segment.stages
        if segment.value_min is not None:
            yield self.value(now) >= self._minor(segment.value_min)
        if segment.value_max is not None:
            yield self.value(now) < self._minor(segment.value_max)
        if segment.lifetime_value_min is not None:
            yield self.value(None) >= self._minor(segment.lifetime_value_min)
        if segment.purchases_min is not None:
            yield self.purchase_days_of_a_year(now) >= segment.purchases_min
        if segment.purchases_max is not None:
            yield self.purchase_days_of_a_year(now) <= segment.purchases_max
        for least, score in (
            (segment.recency_min, self.recency),
            (segment.frequency_min, self.frequency),
            (segment.monetary_min, self.monetary),
        ):
            if least is not None:
                yield (score(now) or 0) >= least
        if segment.email_domains:
            domain = f".{(last.get('email_domain') or '').lower()}"
            yield any(domain.endswith(f".{wanted.lower()}") for wanted in segment.email_domains)
        if segment.countries:
            yield last.get("country") in segment.countries
        if segment.company is not None:
            yield bool(last.get("company", False)) == segment.company

    def next_change(self, segment: Segment, now: int) -> int | None:
        """The first moment after ``now`` at which the answer is another although nothing happened."""
        rules = self.rules.lifecycle
        durations = [rules.new_for, rules.loyal_within, rules.back_for, YEAR_MS, *self.rules.rfm.recency]
        durations += [each for each in (late_after(self.days, rules.rhythm), self.lapses_after(self.days)) if each]
        moments = {purchase.at + duration for purchase in self.kept for duration in durations}
        inside = self.is_in(segment, now)
        return next((m for m in sorted(moments) if m > now and self.is_in(segment, m) != inside), None)
