"""A customer's life with a brand: stage, value net of returns, RFM scores, segments. Rules: docs/lifecycle.md.

Everything follows from the kept purchases and the profile in the state, at any time from the last event on; nothing is
stored and nothing runs unless somebody asks. RFM has fixed cut points: the quintiles of Hughes, "Strategic Database
Marketing" (1994), would make one customer's score depend on all others, and a decision may rest on his own log only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from schemas.lifecycle import LifecycleRules, RfmRules, Segment, Stage
from streams.decide.facts import kept_values
from streams.decide.rhythm import late_after, usual_interval
from streams.decide.rules import Brand, minor
from streams.decide.state import DAY_MS, Profile

if TYPE_CHECKING:
    from streams.decide.view import View

YEAR_MS = 365 * DAY_MS
"""Value, frequency and money count what was bought within it: a purchase at ``at`` until just before ``at`` + it."""


@dataclass(frozen=True, slots=True)
class Trade:
    """What a customer bought of a brand and kept, as sums over time. Times and amounts are integers (ms, minor)."""

    days: list[int]
    """The first purchase of each UTC day with one, oldest first."""
    at: list[int]
    """Time of each purchase, oldest first."""
    sums: dict[str, list[int]]
    """Currency -> what the first n purchases were worth, for n from 0 on."""
    only_falls: bool
    """Whether no purchase is worth less than nothing, so that what was bought since a moment falls as it moves on."""

    def days_since(self, since: int) -> int:
        """Purchase days after a moment."""
        return len(self.days) - bisect_right(self.days, since)

    def value_since(self, currency: str, since: int) -> int:
        """What purchases after a moment were worth."""
        sums = self.sums.get(currency)
        return 0 if sums is None else sums[-1] - sums[bisect_right(self.at, since)]

    def value(self, currency: str) -> int:
        """What all purchases that the state holds were worth."""
        sums = self.sums.get(currency)
        return sums[-1] if sums else 0


def trade(view: View, brand: Brand) -> Trade:
    """The customer's trade with a brand; computed once after purchases or returns have changed."""
    name, currency = brand.rules.brand, brand.rules.currency
    derived, key = view.state.derived, f"trade {name} {currency}"
    if key not in derived:
        kept = view.kept(name)
        values = kept_values(view.state, name)
        worth = [(value, purchase.currency or currency) for value, purchase in zip(values, kept, strict=True)]
        sums = {
            each: list(accumulate([value if each == of else 0 for value, of in worth], initial=0))
            for each in sorted({of for _, of in worth})
        }
        only_falls = all(value >= 0 for value, _ in worth)
        derived[key] = Trade(view.purchase_days(name), [purchase.at for purchase in kept], sums, only_falls)
    found: Trade = derived[key]
    return found


def stage(days: list[int], rules: LifecycleRules, now: int) -> Stage:
    """The stage at ``now``, which is not before the last purchase day."""
    if not days:
        return "prospect"
    silent, late = now - days[-1], late_after(days, rules.rhythm)
    if late is not None and silent >= _lapsed_after(late, rules):
        return "lapsed"
    if late is not None and silent >= late:
        return "at_risk"
    if _came_back(days, rules, now) is not None:
        return "back"
    if now - days[0] < rules.new_for:
        return "new"
    within = len(days) - bisect_right(days, now - rules.loyal_within)
    return "loyal" if within >= rules.loyal_purchases else "active"


def _lapsed_after(late: int, rules: LifecycleRules) -> int:
    return late * rules.lapsed_percent // 100


def _came_back(days: list[int], rules: LifecycleRules, now: int) -> int | None:
    """The latest purchase day, less than ``back_for`` ago, before which the customer had lapsed."""
    least = _lapsed_after(min(rules.rhythm.at_least, rules.rhythm.at_most), rules)  # nobody has lapsed before
    for i in range(len(days) - 1, 0, -1):
        if now - days[i] >= rules.back_for:
            return None
        silent = days[i] - days[i - 1]
        if silent < least:
            continue
        late = late_after(days[:i], rules.rhythm)
        if late is not None and silent >= _lapsed_after(late, rules):
            return days[i]
    return None


def _stage_changes(days: list[int], rules: LifecycleRules, now: int) -> Iterator[int]:
    """Times at which the stage may change if nothing happens."""
    if not days:
        return
    late = late_after(days, rules.rhythm)
    if late is not None:
        yield days[-1] + late
        yield days[-1] + _lapsed_after(late, rules)
    back = _came_back(days, rules, now)
    if back is not None:
        yield back + rules.back_for
    yield days[0] + rules.new_for
    if len(days) >= rules.loyal_purchases:
        yield days[-rules.loyal_purchases] + rules.loyal_within


@dataclass(frozen=True, slots=True)
class Scores:
    """RFM, 1 to 5 each, 5 the best."""

    recency: int
    frequency: int
    monetary: int


def scores(known: Trade, rules: RfmRules, currency: str, now: int) -> Scores | None:
    """The scores at ``now``; None without any purchase."""
    if not known.days:
        return None
    money = [minor(amount, currency) for amount in rules.monetary]
    return Scores(
        5 - bisect_right(rules.recency, now - known.days[-1]),
        1 + bisect_right(rules.frequency, known.days_since(now - YEAR_MS)),
        1 + bisect_right(money, known.value_since(currency, now - YEAR_MS)),
    )


def is_in(view: View, brand: Brand, segment: Segment) -> bool:
    """Whether the customer meets all conditions of a segment at ``view.now``, and is a customer of the brand at all:
    registered with it, or with a kept purchase."""
    if not is_customer(view, brand.rules.brand) or not _fits_profile(view, segment):
        return False
    known = trade(view, brand)
    return _has_enough(known, brand, segment, view.now) and _fits_now(known, brand, segment, view.now)


def is_customer(view: View, brand: str) -> bool:
    """Whether somebody is registered with the brand, or has a kept purchase of it."""
    return brand in view.state.registered or bool(view.kept(brand))


def is_in_named(view: View, brand: str, name: str) -> bool:
    """Whether the customer is in the segment of this id; not, when the brand's rules do not define it."""
    rules = view.brand(brand)
    segments = () if rules is None else rules.rules.segments
    return rules is not None and any(segment.id == name and is_in(view, rules, segment) for segment in segments)


def _fits_profile(view: View, segment: Segment) -> bool:
    profile = view.state.profile or Profile()
    if segment.email_domains:
        domain = (profile.email_domain or "").lower()
        above = {domain.split(".", cut)[-1] for cut in range(domain.count(".") + 1)}
        if above.isdisjoint(map(str.lower, segment.email_domains)):
            return False
    if segment.countries and profile.country not in segment.countries:
        return False
    return segment.company is None or profile.company == segment.company


def _has_enough(known: Trade, brand: Brand, segment: Segment, now: int) -> bool:
    """The conditions that ask for at least so much. While nothing is bought, figures only fall: who has too little
    does not get enough by waiting."""
    rules, currency, since = brand.rules, brand.rules.currency, now - YEAR_MS
    if segment.value_min is not None and known.value_since(currency, since) < minor(segment.value_min, currency):
        return False
    if segment.lifetime_value_min is not None and known.value(currency) < minor(segment.lifetime_value_min, currency):
        return False
    if segment.purchases_min is not None and known.days_since(since) < segment.purchases_min:
        return False
    wanted = (segment.recency_min, segment.frequency_min, segment.monetary_min)
    if wanted == (None, None, None):
        return True
    found = scores(known, rules.rfm, currency, now)
    has = (0, 0, 0) if found is None else (found.recency, found.frequency, found.monetary)
    return all(least is None or score >= least for least, score in zip(wanted, has, strict=True))


def _fits_now(known: Trade, brand: Brand, segment: Segment, now: int) -> bool:
    """The conditions that time alone may bring about, or end."""
    rules, currency, since = brand.rules, brand.rules.currency, now - YEAR_MS
    if segment.value_max is not None and known.value_since(currency, since) >= minor(segment.value_max, currency):
        return False
    if segment.purchases_max is not None and known.days_since(since) > segment.purchases_max:
        return False
    return not segment.stages or stage(known.days, rules.lifecycle, now) in segment.stages


def next_change(view: View, brand: Brand, segment: Segment) -> int | None:
    """The first time after ``view.now`` at which membership may change although nothing happens; None: never."""
    if not is_customer(view, brand.rules.brand) or not _fits_profile(view, segment):
        return None
    known, rules, now = trade(view, brand), brand.rules, view.now
    if known.only_falls and not _has_enough(known, brand, segment, now):
        return None
    moments: list[int] = []
    if segment.stages:
        moments += _stage_changes(known.days, rules.lifecycle, now)
    if segment.recency_min is not None and known.days:
        moments += [known.days[-1] + cut for cut in rules.rfm.recency]
    yearly = (segment.value_min, segment.value_max, segment.purchases_min, segment.purchases_max)
    if any(each is not None for each in (*yearly, segment.frequency_min, segment.monetary_min)):
        for times in (known.at, known.days):
            leaves_next = bisect_right(times, now - YEAR_MS)
            moments += [at + YEAR_MS for at in times[leaves_next : leaves_next + 1]]
    return min((moment for moment in moments if moment > now), default=None)


def life_changes(view: View, brand: Brand) -> Iterator[int]:
    """Times at which the stage, or who is in which segment, may change although nothing happens."""
    yield from _stage_changes(trade(view, brand).days, brand.rules.lifecycle, view.now)
    for segment in brand.rules.segments:
        moment = next_change(view, brand, segment)
        if moment is not None:
            yield moment


def segments_of(view: View, brand: Brand) -> list[str]:
    """Ids of the brand's segments that the customer is in at ``view.now``, in the order of the rules."""
    return [segment.id for segment in brand.rules.segments if is_in(view, brand, segment)]


def customer_facts(view: View, brand: str) -> Mapping[str, Any]:
    """What conditions and profiles may ask about a customer of a brand at ``view.now``; docs/lifecycle.md lists it.

    Amounts are minor units. What is not known is None. Empty for a brand without rules: nothing can be said then.
    """
    rules = view.brand(brand)
    if rules is None:
        return {}
    known, currency, now = trade(view, rules), rules.rules.currency, view.now
    rhythm, days = rules.rules.lifecycle.rhythm, known.days
    usual, late = usual_interval(days, rhythm), late_after(days, rhythm)
    found = scores(known, rules.rules.rfm, currency, now)
    silent = now - days[-1] if days else None
    return {
        "stage": stage(days, rules.rules.lifecycle, now),
        "days_since_purchase": None if silent is None else silent // DAY_MS,
        "usual_interval_days": None if usual is None or not days else usual // DAY_MS,
        "late_after_days": None if late is None or not days else late // DAY_MS,
        "risk_days": None if usual is None or silent is None else (silent + usual) // DAY_MS,
        "purchase_days_365d": known.days_since(now - YEAR_MS),
        "purchase_days": len(days),
        "currency": currency,
        "value_365d": known.value_since(currency, now - YEAR_MS),
        "value_lifetime": known.value(currency),
        "values": {
            each: {"value_365d": known.value_since(each, now - YEAR_MS), "value_lifetime": known.value(each)}
            for each in known.sums
        },
        "recency": None if found is None else found.recency,
        "frequency": None if found is None else found.frequency,
        "monetary": None if found is None else found.monetary,
        "segments": segments_of(view, rules),
    }
