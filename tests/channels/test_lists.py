"""Lists for print and telesales: working days, capacity, expiry, cancels, and a death while a list is written."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from schemas.base import rfc3339, to_ms
from sinks.channels import Outbox, SqliteStore, logical_clock
from sinks.channels.answers import Answers
from sinks.channels.examples.lists import Lists, Plan
from sinks.channels.sending import Sender
from streams.settings import Settings
from tests.channels.kit import message
from tests.sinks.builders import DAY, decision_id

FRIDAY, SATURDAY, MONDAY = date(2026, 3, 27), date(2026, 3, 28), date(2026, 3, 30)
PLAN = Plan("print", 2, time(6), "Europe/London")


def at(day: date, hour: int, minute: int = 0) -> int:
    """A UTC moment in milliseconds."""
    return to_ms(datetime.combine(day, time(hour, minute), tzinfo=UTC))


class Service:
    """Lists with their store and outbox, at a time that the test sets."""

    def __init__(self, directory: Path, plan: Plan = PLAN) -> None:
        self.now = at(FRIDAY, 5)
        self.directory = directory
        self.store = SqliteStore(directory / "state.sqlite")
        self.lists = Lists(plan, directory, lambda: self.now)
        self.sender = Sender(Settings(), "print", self.lists, self.store, logical_clock)
        answers: Any = Answers(Settings(), "print", None)  # type: ignore[arg-type]
        self.answers = answers
        self.outbox = Outbox("print", self.store, answers)

    def take(self, *names: str, **fields: object) -> None:
        for name in names:
            self.sender.send(message(name, valid_until=rfc3339(self.now + 7 * DAY), **fields), 1)

    def tick(self, moment: int) -> None:
        self.now = moment
        self.lists.tick(self.outbox)

    def file(self, day: date) -> list[str] | None:
        """The decisions of a day's list."""
        path = self.directory / f"{self.lists.plan.channel}-{day}.csv"
        if not path.exists():
            return None
        with path.open(newline="") as file:
            return [row["decision_id"] for row in csv.DictReader(file)]

    def status(self, name: str) -> str | None:
        entry = self.store.get(decision_id(name))
        return entry and entry.status


def ids(*names: str) -> list[str]:
    return [decision_id(name) for name in names]


def test_a_list_takes_so_many_on_a_working_day_and_the_rest_waits_over_the_weekend(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.tick(at(FRIDAY, 5, 59))
    service.take("a", "b", "c", "d")
    service.tick(at(FRIDAY, 6))
    assert service.file(FRIDAY) == ids("a", "b")
    service.tick(at(SATURDAY, 12))
    assert service.file(SATURDAY) is None
    service.take("e")
    service.tick(at(MONDAY, 4, 59))
    assert service.file(MONDAY) is None, "six in London is five UTC: the clocks went forward on Sunday"
    service.tick(at(MONDAY, 5))
    assert service.file(MONDAY) == ids("c", "d")
    assert [service.status(name) for name in "abcde"] == ["delivered"] * 4 + ["accepted"]


def test_a_public_holiday_is_no_working_day() -> None:
    plan = Plan("telesales", 5, time(6), "Europe/London", holidays_of="GB")
    good_friday = date(2026, 4, 3)
    assert plan.last_cut_off(at(good_friday, 12))[0] == date(2026, 4, 2)
    assert Plan("telesales", 5).last_cut_off(at(good_friday, 12))[0] == good_friday


def test_who_is_cancelled_or_too_late_is_on_no_list(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.tick(service.now)
    service.take("gone", "late", "kept")
    entry = service.store.get(decision_id("late"))
    assert entry is not None
    short = message("late", valid_until=rfc3339(at(FRIDAY, 5, 30))).trigger.model_dump_json()
    service.store.put(entry._replace(trigger=short), 0)
    assert service.sender.cancel(message("gone", action="cancel")) is not None
    service.tick(at(FRIDAY, 6))
    assert service.file(FRIDAY) == ids("kept")
    assert [service.status(name) for name in ("gone", "late", "kept")] == ["dropped", "dropped", "delivered"]
    assert service.sender.cancel(message("kept", action="cancel")) is None, "it is with the printer"


def test_a_death_after_the_file_has_its_name_changes_nothing(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.tick(service.now)
    service.take("a", "b", "c")
    service.now = at(FRIDAY, 6)
    path = tmp_path / f"print-{FRIDAY}.csv"
    service.lists._write(path, service.outbox, service.now)
    service.store.close()
    again = Service(tmp_path)
    again.now = at(FRIDAY, 7)
    assert not again.lists.cancel(message("a", action="cancel"), "accepted"), "it is in the file"
    before = path.read_bytes()
    again.take("d")
    again.tick(at(FRIDAY, 7))
    assert path.read_bytes() == before
    assert [again.status(name) for name in "abcd"] == ["delivered", "delivered", "accepted", "accepted"]


def test_outcomes_of_calls_come_back_and_a_bad_file_stops_nothing(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.tick(service.now)
    service.take("a")
    (tmp_path / "outcomes-1.csv").write_text(f"decision_id,outcome\n{decision_id('a')},reached\n")
    (tmp_path / "outcomes-2.csv").write_text("decision_id,outcome\nffff,reached\n")
    (tmp_path / "outcomes-3.csv").write_text("id\n1\n")
    service.tick(service.now)
    said = [(event.decision_id, event.status, event.detail) for event in service.answers._pending]
    assert said == [(decision_id("a"), "call_outcome", "reached")]
    left = sorted(path.name for path in tmp_path.glob("outcomes-*"))
    assert left == ["outcomes-1.done", "outcomes-2.bad", "outcomes-3.bad"]


@pytest.mark.parametrize("text", ["=HYPERLINK(0)", "+1", "-1", "@x"])
def test_no_cell_is_a_formula(tmp_path: Path, text: str) -> None:
    service = Service(tmp_path)
    service.tick(service.now)
    service.take("a", customer_id=text)
    service.tick(at(FRIDAY, 6))
    with (tmp_path / f"print-{FRIDAY}.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["customer_id"] == f"'{text}"
