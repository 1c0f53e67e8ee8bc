"""Two sets over one history through the command line: what is printed, the tables, and the page."""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from schemas.base import rfc3339
from schemas.campaigns import Campaign
from streams.campaigns import CampaignSet
from streams.cli import main
from streams.what_if.tables import TABLES
from tests.e2e.kit import write_campaigns, write_lines
from tests.oracle.builders import DAY, HOUR, History, brand, campaign, t

START = t("2026-03-02T09:00")
RULES = brand(segments=[{"id": "vip", "name": "VIP", "value_min": "15"}], zone="Europe/London")


def welcome(**fields: Any) -> Campaign:
    return campaign("welcome", "welcome", after=fields.pop("after", "1h"), **fields)


def reminder(**fields: Any) -> Campaign:
    return campaign("cart_abandoned", "cart", after=fields.pop("after", "4h"), valid_for="3d", **fields)


def history(directory: Path) -> Path:
    """Two customers register at 9:00; one leaves a cart at 10:00 and orders two other things for 20.00 two days later.

    So welcome goes to both at 10:00, and the cart's reminder to c1 at 14:00.
    """
    if directory.exists():
        return directory
    told = History()
    for name in ("c1", "c2"):
        told.profile(START, name, kind="customer.registered", language="en", registered_at=rfc3339(START))
    told.cart(START + HOUR, "p1", customer_id="c1", cart_id="k1")
    told.order(START + 2 * DAY, {"p2": 2}, customer_id="c1", order_id="o1")
    return write_lines(directory, told.sources)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Run the command over the history with two sets; its output, and where the files are."""

    def compared(first: list[Campaign], second: list[Campaign], *options: str) -> str:
        for name, campaigns in (("one", first), ("two", second)):
            write_campaigns(tmp_path / name, CampaignSet(tuple(campaigns), (RULES,)))
        arguments = ["backtest", str(history(tmp_path / "data")), "--campaigns", str(tmp_path / "one")]
        arguments += ["--against", str(tmp_path / "two"), "--until", "2026-03-20", *options]
        done = CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        return done.output

    return compared


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as database:
        database.execute("SET TimeZone = 'UTC'")
        return database.execute(query).fetchall()


def test_equal_sets_say_that_nothing_differs(run: Any, tmp_path: Path) -> None:
    out, page = tmp_path / "out.duckdb", tmp_path / "page.html"
    text = run([welcome(), reminder()], [welcome(), reminder()], "--out", str(out), "--page", str(page))
    sentence = "Nothing differs: both sets make the same 3 decisions, 3 of them messages."
    assert "The two sets of campaigns are the same." in text
    assert sentence in text
    assert sentence in page.read_text()
    assert rows(out, "SELECT decisions_before, decisions_after, same, changes FROM what_if.about") == [(3, 3, 3, [])]
    assert rows(out, "SELECT * FROM what_if.decisions") == []


def test_a_withdrawn_campaign_and_a_moved_time(run: Any, tmp_path: Path) -> None:
    """Without the welcomes, and with the reminder at 15:00: two removed, one moved. The welcome and the reminder of c1
    were 4 hours apart; 20.00 followed the welcome within 14 days, and the reminder is in both."""
    out, page = tmp_path / "out.duckdb", tmp_path / "page.html"
    text = run([welcome(), reminder()], [reminder(after="5h")], "--out", str(out), "--page", str(page))
    assert "- campaign welcome removed" in text
    assert "Of 3 and 1 decisions 0 are the same, 0 added, 2 removed, 1 moved, 0 reworded." in text
    assert "Messages: 3 before, 1 after." in text
    assert "welcome: sent (due) -> not decided" in text
    assert "cart: sent (due), at another time or on another channel" in text
    assert rows(
        out,
        "SELECT kind, customer_id, campaign, moved_in, epoch_ms(decided_at_before), epoch_ms(decided_at_after) "
        "FROM what_if.decisions ORDER BY 3, 2",
    ) == [
        ("moved", "c1", "cart", ["time"], START + 5 * HOUR, START + 6 * HOUR),
        ("removed", "c1", "welcome", [], START + HOUR, None),
        ("removed", "c2", "welcome", [], START + HOUR, None),
    ]
    assert rows(out, "SELECT * FROM what_if.groups WHERE dimension IN ('segment', 'stage') ORDER BY 1, 2") == [
        ("segment", "(none)", 1, 0, 0, 1, 0, 0, 1, 0),  # c2
        ("segment", "vip", 2, 1, 0, 1, 1, 0, 2, 1),  # c1, who bought for 20.00
        ("stage", "new", 2, 1, 0, 1, 1, 0, 2, 1),
        ("stage", "prospect", 1, 0, 0, 1, 0, 0, 1, 0),
    ]
    assert rows(out, "FROM what_if.gates") == [("sent", "due", 3, 1, 2, 0)]
    assert rows(out, "FROM what_if.pressure") == [(1, 1, 1), (2, 1, 0)]  # c1 two, c2 one; then c1 one
    assert rows(out, "FROM what_if.pressure_limits")[:2] == [(0, 2, 1), (1, 1, 0)]
    assert rows(out, "FROM what_if.collisions") == [("welcome", "cart", 1, 0)]
    assert rows(out, "SELECT CAST(week AS VARCHAR), messages_before, messages_after FROM what_if.weeks") == [
        ("2026-03-02", 3, 1)
    ]
    assert rows(out, "FROM what_if.revenue") == [("removed", "welcome", "GBP", 2, 1, Decimal("20.000"))]
    assert page.read_text().count("<svg") == 8


def test_the_window_of_attribution_is_an_option(run: Any, tmp_path: Path) -> None:
    """The order came 1 day and 23 hours after the welcome."""
    out = tmp_path / "out.duckdb"
    run([welcome()], [], "--out", str(out), "--attribution-days", "1")
    assert rows(out, "FROM what_if.revenue") == [("removed", "welcome", None, 2, 0, Decimal(0))]
    assert rows(out, "SELECT attribution_days FROM what_if.about") == [(1,)]


def test_every_table_and_column_has_a_comment(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.duckdb"
    run([welcome()], [welcome(after="90m")], "--out", str(out))
    tables = rows(out, "SELECT table_name FROM duckdb_tables() WHERE comment <> ''")
    assert {name for (name,) in tables} == {table.name for table in TABLES}
    assert rows(out, "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'what_if' AND comment IS NULL") == []
    assert "    steps.1.after: 3600000 -> 5400000" in rows(out, "SELECT changes FROM what_if.about")[0][0]


class Reader(HTMLParser):
    """Notes the tags, and what they would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "data")]


def test_the_page_loads_nothing_and_its_text_is_escaped(run: Any, tmp_path: Path) -> None:
    page, wild = tmp_path / "page.html", "<script>alert(1)</script>"
    run([welcome(owner=wild)], [welcome(owner="b & c", after="2h")], "--page", str(page))
    text = page.read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.loads == []
    assert "script" not in reader.tags
    assert "@import" not in text
    assert "url(" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--page", "p.html"], "--page shows what differs between two sets; name the second one with --against."),
        (["--out", "nowhere/o.duckdb"], "nowhere is not a directory; create it, or name another place with --out."),
        (["--against", "nowhere"], "nowhere is not a directory; name the one that holds campaign and brand files."),
    ],
)
def test_what_cannot_be_done_is_said_before_the_run(options: list[str], sentence: str, tmp_path: Path) -> None:
    write_campaigns(tmp_path / "one", CampaignSet((welcome(),), (RULES,)))
    arguments = ["backtest", str(history(tmp_path / "data")), "--campaigns", str(tmp_path / "one"), *options]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert sentence in done.output


def test_two_runs_print_and_write_the_same(run: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "1.html", tmp_path / "2.html"
    texts = [run([welcome(), reminder()], [reminder(after="5h")], "--page", str(path)) for path in (one, two)]
    assert texts[0].replace("1.html", "2.html") == texts[1]
    assert one.read_bytes() == two.read_bytes()
