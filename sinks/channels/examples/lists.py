"""Print and telesales: one CSV file a working day, with so many places: ``python -m sinks.channels.examples.lists``.

A message waits with the service (``accepted``) until the next cut-off. Then the first ``capacity`` that are still valid
are written to ``<channel>-<date>.csv``; the others wait for the next working day, or expire. The file appears whole and
under its name once, so a death while it is written changes nothing: who stands in it is ``delivered``, and nobody else.
What the call centre says comes back as ``outcomes-….csv`` (decision_id, outcome) in the same directory.
"""

from __future__ import annotations

import csv
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click

from schemas.base import from_ms, to_ms
from schemas.decisions import Trigger
from sinks.channels import Handler, Message, Outbox, Outcome, run_channel
from streams.decide.holidays import is_public_holiday
from streams.decide.local_time import instant
from streams.decide.rules import zone
from streams.errors import InputError
from streams.replay.control import now
from streams.settings import load_settings

log = logging.getLogger(__name__)

COLUMNS = (
    "decision_id",
    "customer_id",
    "brand",
    "market",
    "language",
    "campaign",
    "content",
    "items",
    "offer",
    "until",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet; such text gets an apostrophe."""


@dataclass(frozen=True)
class Plan:
    """When lists go, and how long they may be."""

    channel: str
    capacity: int
    """Rows of one list: calls or letters a day."""
    cut_off: time = time(6)
    zone: str = "UTC"
    weekdays: frozenset[int] = frozenset(range(5))
    """Working days, Monday is 0."""
    holidays_of: str | None = None
    """Country on whose public holidays nobody works."""

    def works(self, day: date) -> bool:
        """Whether a list goes on this day."""
        free = self.holidays_of is not None and is_public_holiday(day, self.holidays_of, None)
        return day.weekday() in self.weekdays and not free

    def last_cut_off(self, now_ms: int) -> tuple[date, int]:
        """The latest cut-off that is not after now: its day, and its moment in milliseconds."""
        day = from_ms(now_ms).astimezone(zone(self.zone)).date()
        while not self.works(day) or instant(day, self.cut_off, self.zone) > now_ms:
            day -= timedelta(days=1)
        return day, instant(day, self.cut_off, self.zone)


@dataclass
class Lists(Handler):
    """Collects messages and hands them over as files."""

    plan: Plan
    directory: Path
    now_ms: Callable[[], int] = lambda: to_ms(now())
    _written: dict[Path, set[str]] = field(default_factory=dict)
    """The latest file, with the decisions in it."""

    def send(self, message: Message) -> Outcome:
        """It goes with the next list."""
        return "accepted"

    def cancel(self, message: Message, outcome: Outcome) -> bool:
        """Who is on no list yet comes off."""
        path = self._path(self.plan.last_cut_off(self.now_ms())[0])
        return outcome == "accepted" and message.trigger.decision_id not in self._in(path)

    def tick(self, outbox: Outbox) -> None:
        """Write the list whose cut-off has passed; take over what the call centre says."""
        day, cut_ms = self.plan.last_cut_off(self.now_ms())
        path = self._path(day)
        if path not in self._written:
            if not path.exists():
                self._write(path, outbox, cut_ms)
            listed = self._in(path)
            for trigger in outbox.accepted():
                if trigger.decision_id in listed:
                    outbox.end(trigger.decision_id, "delivered", cut_ms, path.name)
            self._written = {path: listed}
        for outcomes in sorted(self.directory.glob("outcomes-*.csv")):
            self._report(outcomes, outbox)

    def _report(self, outcomes: Path, outbox: Outbox) -> None:
        """Up to the first row that cannot be used; then the file is ``.bad``, to be mended and laid down again."""
        try:
            for row in _rows(outcomes, ("decision_id", "outcome")):
                outbox.report(row["decision_id"], "call_outcome", self.now_ms(), row["outcome"])
        except InputError as error:
            log.error("%s", error)
            outcomes.rename(outcomes.with_suffix(".bad"))
        else:
            outcomes.rename(outcomes.with_suffix(".done"))

    def _write(self, path: Path, outbox: Outbox, cut_ms: int) -> None:
        waiting = outbox.accepted()
        for trigger in waiting:
            if _until(trigger) < cut_ms:
                outbox.end(trigger.decision_id, "dropped", cut_ms, "expired")
        chosen = [trigger for trigger in waiting if _until(trigger) >= cut_ms][: self.plan.capacity]
        partial = path.with_suffix(".partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows(map(_row, chosen))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def _in(self, path: Path) -> set[str]:
        if path in self._written:
            return self._written[path]
        return {row["decision_id"] for row in _rows(path, COLUMNS)} if path.exists() else set()

    def _path(self, day: date) -> Path:
        return self.directory / f"{self.plan.channel}-{day}.csv"


def _row(trigger: Trigger) -> list[str]:
    offer = trigger.offer
    cells: list[Any] = [
        trigger.decision_id,
        trigger.customer_id,
        trigger.brand,
        trigger.market,
        trigger.language,
        trigger.campaign,
        trigger.content_key,
        "; ".join(f"{item.quantity} x {item.product_id}" for item in trigger.items),
        "" if offer is None else " ".join(filter(None, (offer.kind, offer.value, offer.code))),
        trigger.valid_until,
    ]
    texts = ["" if cell is None else str(cell) for cell in cells]
    return [f"'{text}" if text.startswith(FORMULA) else text for text in texts]


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file with these columns at least. Raises InputError."""
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        missing = [name for name in columns if name not in (table.fieldnames or ())]
        if missing:
            raise InputError(f"{path} has no column {missing[0]!r}; write {', '.join(columns)} in its first line.")
        return list(table)


def _until(trigger: Trigger) -> int:
    return to_ms(datetime.fromisoformat(trigger.valid_until))


@click.command()
@click.argument("channel", type=click.Choice(["print", "telesales"]))
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where lists go.")
@click.option("--capacity", type=click.IntRange(min=0), required=True, help="Rows a list: calls or letters a day.")
@click.option(
    "--cut-off", type=click.DateTime(["%H:%M"]), default="06:00", help="Wall time of the list  [default: 06:00]"
)
@click.option("--zone", "zone_name", default="UTC", show_default=True, help="Time zone of the cut-off.")
@click.option("--holidays-of", help="Country code: no list on its public holidays.")
def main(
    channel: str, directory: Path, capacity: int, cut_off: datetime, zone_name: str, holidays_of: str | None
) -> None:
    """Hand over what comes on triggers.CHANNEL as one CSV file a working day, Monday to Friday."""
    directory.mkdir(parents=True, exist_ok=True)
    plan = Plan(channel, capacity, cut_off.time(), zone_name, holidays_of=holidays_of)
    sys.exit(run_channel(load_settings(), channel, Lists(plan, directory)))


if __name__ == "__main__":
    main()
