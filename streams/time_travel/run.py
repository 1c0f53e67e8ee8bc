"""Runs time-travel tests over the real core, without Kafka, and says what came instead of what was expected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.base import rfc3339, to_ms
from streams.backtest import BacktestResult, backtest_history
from streams.campaign_faults import model_faults, similar
from streams.campaign_yaml import Place, YamlError, YamlFile, read_yaml
from streams.campaigns import CampaignSet
from streams.errors import CampaignError
from streams.time_travel.events import SOURCE_OF, MomentError, moment, record
from streams.time_travel.story import Expected, Happens, Story, StoryFile

Decision = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What a test found. ``faults``: empty when it passed."""

    file: str
    test: str
    faults: tuple[str, ...]
    timeline: tuple[str, ...]


def read_tests(path: Path, campaigns: CampaignSet) -> tuple[StoryFile, YamlFile]:
    """A test file. Raises CampaignError with file and line of all that is wrong with it."""
    try:
        file = read_yaml(path)
    except YamlError as error:
        raise CampaignError(f"{path.name} {error}") from error
    if not isinstance(file.content, dict):
        raise CampaignError(f"{path.name} holds no tests; begin with 'brand: …' and 'tests:'.")
    faults = model_faults(file, StoryFile)
    if faults:
        raise CampaignError("\n".join(faults))
    try:
        tests = StoryFile.model_validate_json(json.dumps(file.content, default=str))
    except ValidationError as error:
        raise CampaignError(f"{path.name}: {error}") from error
    known = [campaign.id for campaign in campaigns.campaigns]
    named: list[tuple[Place, str]] = [(("campaigns", n), name) for n, name in enumerate(tests.campaigns)]
    for number, test in enumerate(tests.tests):
        for field, rows in (("then", test.then), ("never", test.never)):
            named += [(("tests", number, field, n, "campaign"), row.campaign) for n, row in enumerate(rows)]
    for place, name in named:
        if name not in known:
            raise CampaignError(f"{file.where(place)}: campaign {name!r} does not exist{similar(name, known) or '.'}")
    return tests, file


def run_file(path: Path, campaigns: CampaignSet) -> Iterator[Verdict]:
    """Run every test of a file. Raises CampaignError when the file cannot be read."""
    tests, file = read_tests(path, campaigns)
    wanted = [c for c in campaigns.campaigns if not tests.campaigns or c.id in tests.campaigns]
    chosen = CampaignSet(tuple(wanted), campaigns.brands)
    for number, test in enumerate(tests.tests):
        yield _Run(tests, file, number, test, chosen).verdict()


class _Run:
    """One test."""

    def __init__(self, tests: StoryFile, file: YamlFile, number: int, test: Story, campaigns: CampaignSet) -> None:
        self.tests, self.file, self.test, self.campaigns = tests, file, test, campaigns
        self.place: Place = ("tests", number)
        self.before: int | None = None
        self.timeline: list[tuple[int, int, str]] = []
        """(time, order, text)."""

    def verdict(self) -> Verdict:
        """Run it and compare."""
        result, until = self._decided()
        decisions = list(result.decisions)
        for order, row in enumerate(decisions):
            self.timeline.append((_ms(row["decided_at"]), 10_000 + order, _in_words(row)))
        faults = [
            f"{self.file.where(self.place)}: {count} records of {source} were refused ({reason}); correct the event."
            for (source, reason), count in sorted(result.rejections.items())
        ]
        faults += self._compared(decisions, until)
        shown = tuple(f"{rfc3339(at)[:16].replace('T', ' ')} {text}" for at, _, text in sorted(self.timeline))
        return Verdict(self.file.path.name, self.test.name, tuple(faults), shown)

    def _decided(self) -> tuple[BacktestResult, int]:
        history: dict[str, list[dict[str, Any]]] = {source: [] for source in SOURCE_OF.values()}
        shared = [(("given", n), row) for n, row in enumerate(self.tests.given)]
        own = [
            ((*self.place, field, n), row)
            for field in ("given", "when")
            for n, row in enumerate(getattr(self.test, field))
        ]
        for number, (place, happens) in enumerate([*shared, *own], 1):
            source, told = self._record(place, happens, number)
            history[source].append(told)
        until = self._moment((*self.place, "until"), self.test.until, self.before)
        for rows in history.values():
            rows.sort(key=lambda row: str(row.get("arrived_at", row["occurred_at"])))
        brands = list(self.campaigns.brands)
        return backtest_history(history, self.campaigns.campaigns, brands, {}, until), until

    def _record(self, place: Place, happens: Happens, number: int) -> tuple[str, dict[str, Any]]:
        at = self._moment((*place, "at"), happens.at, self.before)
        self.before = at
        try:
            source, told = record(self.tests, happens, at, number)
        except MomentError as error:
            raise CampaignError(f"{self.file.where(place)}: {error}.") from error
        late = f", arrives {told['arrived_at'][:16].replace('T', ' ')}" if "arrived_at" in told else ""
        self.timeline.append((at, number, f"{told['type']}{_what(happens)}{late}"))
        return source, told

    def _moment(self, place: Place, text: str, before: int | None) -> int:
        try:
            return moment(text, self.tests.zone, before)
        except MomentError as error:
            raise CampaignError(f"{self.file.where(place)}: {error}.") from error

    def _compared(self, decisions: list[Decision], until: int) -> Iterator[str]:
        left = list(decisions)
        for number, expected in enumerate(self.test.then):
            place = (*self.place, "then", number)
            wanted = self._fields(place, expected)
            found = next((row for row in left if _fits(row, wanted)), None)
            if found is None:
                yield f"{self.file.where(place)}: expected {_spoken(wanted)}; {_came(left, wanted)}."
            else:
                left.remove(found)
        for number, forbidden in enumerate(self.test.never):
            place = (*self.place, "never", number)
            wanted = self._fields(place, forbidden)
            for row in decisions:
                if _fits(row, wanted):
                    yield f"{self.file.where(place)}: never {_spoken(wanted)}; it came: {_in_words(row)}."
        if self.test.nothing_else and left:
            listed = "; ".join(_in_words(row) for row in left)
            yield f"{self.file.where((*self.place, 'nothing_else'))}: nothing else was expected; it came: {listed}."

    def _fields(self, place: Place, expected: Expected) -> dict[str, Any]:
        wanted = expected.model_dump(exclude_none=True)
        if expected.at is not None:
            wanted["at"] = rfc3339(self._moment((*place, "at"), expected.at, self.before))
        return wanted


_FIELD = {"at": "decided_at", "customer": "customer_id"}


def _value(row: Decision, field: str) -> Any:
    if field == "items":
        return [item["product_id"] for item in row["items"]]
    return row[_FIELD.get(field, field)]


def _fits(row: Decision, wanted: Mapping[str, Any]) -> bool:
    return all(_same(field, _value(row, field), value) for field, value in wanted.items())


def _same(field: str, came: Any, wanted: Any) -> bool:
    if field == "at":
        return _ms(came) == _ms(wanted)
    return bool(sorted(came) == sorted(wanted)) if field == "items" else bool(came == wanted)


def _came(left: list[Decision], wanted: Mapping[str, Any]) -> str:
    """The nearest decision of the campaign, and in what it differs."""
    rows = [row for row in left if row["campaign"] == wanted["campaign"]]
    if not rows:
        return f"no decision of {wanted['campaign']} came"
    nearest = max(rows, key=lambda row: sum(_same(field, _value(row, field), value) for field, value in wanted.items()))
    gates = [gate for gate in nearest["gates"] if not gate["passed"]]
    why = f" ({gates[-1]['gate']}: {gates[-1]['value']})" if gates else ""
    return f"it came: {_in_words(nearest)}{why}"


def _spoken(wanted: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} {value}" for field, value in wanted.items())


def _in_words(row: Decision) -> str:
    channel = f" by {row['channel']}" if row["channel"] else ""
    at = row["decided_at"][:16].replace("T", " ")
    return f"{row['campaign']} step {row['step']} {row['outcome']} ({row['reason']}){channel} at {at} UTC"


def _what(happens: Happens) -> str:
    told = getattr(happens, happens.kind)
    if isinstance(told, dict) and happens.kind != "event":
        return " " + ", ".join(f"{quantity} {product}" for product, quantity in told.items())
    return f" {told}" if isinstance(told, str) else ""


def _ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))
