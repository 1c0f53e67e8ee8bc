"""Section "Occasions", on dates: the anniversary of a purchase or registration, and what is planned."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from schemas.base import from_ms
from tests.oracle.calendars import birthday_in, instant, utc_date
from tests.oracle.customer import Items, Key, Send
from tests.oracle.history import PROFILE_TYPES, Event
from tests.oracle.lifecycle import Life
from tests.oracle.occasions import Birthday, Occasion, Verdict
from tests.oracle.purchases import Purchase, changes_purchases, is_return, takes_back


class Dated(Birthday):
    """A time of day on dates, where the customer lives. The next one is armed."""

    least_ahead = 0
    """How long from now on it has to be due."""

    def armed(self, event: Event | None) -> Iterator[tuple[str, int]]:
        if event is None or event.type in PROFILE_TYPES or changes_purchases(event):
            yield from self.next_one()

    def next_one(self) -> Iterator[tuple[str, int]]:
        for day in self.days() if self.customer.is_known else ():
            episode = f"{self.customer.name}/{day.isoformat()}"
            anchor = self.anchor(episode) if self.is_one(day) else None
            key = Key(self.campaign.id, episode, 1, self.brand)
            is_past = anchor is None or anchor + self.campaign.steps[0].after < self.now + self.least_ahead
            if anchor is not None and not is_past and not self.customer.is_settled(key):
                yield episode, anchor
                return

    def days(self) -> list[date]:
        """Days that may be the next one, in their order."""
        raise NotImplementedError

    def yearly(self, first: date, leap_day: str) -> list[date]:
        """The day of the years about now."""
        return [birthday_in(utc_date(self.now).year + ahead, first, leap_day) for ahead in (-1, 0, 1, 2)]

    def anchor(self, episode: str) -> int | None:
        name, _, text = episode.rpartition("/")
        day = date.fromisoformat(text)
        if name != self.customer.name or not self.is_one(day):
            return None
        lead = timedelta(days=getattr(self.options, "lead_days", 0))
        return instant(day - lead, self.options.local_time, self._zone)

    @property
    def _zone(self) -> str:
        return self.facts.profile.zone(self.brand, self.world.brands.get(self.brand)) or "UTC"

    def is_one(self, day: date) -> bool:
        """Whether the occasion is on that day."""
        raise NotImplementedError


class Anniversary(Dated):
    """Years after the first purchase that was kept, or the registration."""

    @cached_property
    def began(self) -> date | None:
        """The date that it is the anniversary of."""
        kept = self.facts.kept_purchases(self.brand)
        if self.options.of == "registration":
            at = self.facts.profile.registered_at(self.brand)
        else:
            at = kept[0].at if kept else None
        return None if at is None else from_ms(at).astimezone(ZoneInfo(self._zone)).date()

    def days(self) -> list[date]:
        return self.yearly(self.began, self.options.leap_day) if self.began else []

    def against(self, episode: str) -> Verdict | None:
        kept = self.facts.kept_purchases(self.brand)
        return Items({}, kept[0].at if kept else 0)

    def undone(self, send: Send, event: Event, purchase: Purchase | None) -> str | None:
        """What was returned was the first purchase when the message went."""
        if self.options.of == "registration" or not (is_return(event) or event.type == "order.cancelled"):
            return None
        then = send.candidate.items.cart_start
        firsts = [p for p in self.facts.purchases.values() if p.brand == self.brand and p.at == then]
        if any(each.is_kept for each in firsts) or event.brand != self.brand:
            return None
        return "returned" if any(takes_back(event, each.id, self.facts.purchases) for each in firsts) else None

    def is_one(self, day: date) -> bool:
        began = self.began
        if began is None or day.year <= began.year:
            return False
        return day == birthday_in(day.year, began, self.options.leap_day)


class Calendar(Dated):
    """A planned date. Who is not in the segment when it is due is passed over."""

    least_ahead = 1

    def days(self) -> list[date]:
        first, today = self.options.date, utc_date(self.now)
        if self.options.every == "once":
            return [first]
        if self.options.every == "year":
            return sorted({first, *self.yearly(first, "02-28")})
        return sorted({first, *(today + timedelta(days=ahead) for ahead in range(-10, 40))})

    def is_one(self, day: date) -> bool:
        first, every = self.options.date, self.options.every
        if day < first or not self.is_customer:
            return False
        if every == "week":
            return bool(day.weekday() == first.weekday())
        if every == "month":
            return bool(day.day == min(first.day, monthrange(day.year, day.month)[1]))
        if every == "year":
            return bool(day == birthday_in(day.year, first, "02-28"))
        return bool(day == first)

    @cached_property
    def is_customer(self) -> bool:
        """Registered with the brand, or with a kept purchase of it."""
        registered = self.facts.profile.registered_at(self.brand)
        return registered is not None or bool(self.facts.kept_purchases(self.brand))

    def against(self, episode: str) -> Verdict | None:
        return super().against(episode) if is_in_segment(self, self.options.segment) else None


def is_in_segment(occasion: Occasion, wanted: str | None) -> bool:
    """Whether the customer is in a segment of the brand now; none wanted: always."""
    rules = occasion.world.brands.get(occasion.brand)
    if wanted is None or rules is None:
        return wanted is None
    segments = [segment for segment in rules.segments if segment.id == wanted]
    return any(Life(occasion.facts, rules).is_in(segment, occasion.now) for segment in segments)
