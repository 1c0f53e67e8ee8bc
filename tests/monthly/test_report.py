"""The month's report: its figures, and the page in a real browser, as wide as a phone and as a desk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from schemas.base import rfc3339
from schemas.forecasts import Forecast
from sinks.duckdb_writer import DuckDBWriter
from sinks.read import open_latest
from streams.errors import InputError
from streams.html_page import write_html
from streams.monthly.figures import Figures, figures_of, month_of
from streams.monthly.page import page
from streams.monthly.words import amount, duration, figure, percent, place
from streams.settings import Settings
from tests.monthly.browser import measured, screenshot
from tests.sinks.builders import DAY, T0, batch, decision, decision_id, feedback, line, order, progress, records

MONTH = date(2011, 2, 1)
PHONE, DESK = 390, 1200
EVIL = "<script>alert(1)</script>"


def fill(writer: DuckDBWriter) -> None:
    """240 customers of whom every third is held out; one campaign with a name that must be escaped."""
    decisions, log = [], []
    for number in range(240):
        held_out = number % 3 == 0
        outcome, reason = ("ghost", "campaign_holdout") if held_out else ("sent", "due")
        gates = [{"gate": "holdout", "passed": not held_out, "value": "x"}]
        decisions.append(decision(f"d{number}", outcome, reason, customer_id=f"c{number}", gates=gates))
        if number % (15 if held_out else 4) < 2:
            log.append(order(f"o{number}", f"c{number}", line("p", 1, 10_000), at=T0 + DAY))
    missing = [{"gate": "content", "passed": False, "value": "cart-1 in none of fr"}]
    decisions += [
        decision("lost", "suppressed", "content_missing", gates=missing),
        decision("waited", at=T0 + DAY, due_at=rfc3339(T0 + DAY // 2), campaign=EVIL),
        decision("d1", "regretted", "bought_in_store", at=T0 + 1, customer_id="c1"),
    ]
    forecast = Forecast(
        brand="shop", month="2011-02", currency="GBP", net_sales="12000", made_at=datetime(2011, 1, 1, tzinfo=UTC)
    )
    writer.write(
        batch(
            decisions=records(*decisions),
            customer_events=records(*log),
            channel_feedback=records(feedback("f", decision_id=decision_id("d2"))),
            forecasts=records(forecast.model_dump_json().encode()),
            progress=records(progress("intake", 0, {"orders": {"received": 100, "quarantined": 7}})),
        )
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    directory = tmp_path_factory.mktemp("report")
    writer = DuckDBWriter(directory / "sink.duckdb", "p")
    fill(writer)
    writer.publish(directory, 1, datetime(2011, 3, 1, tzinfo=UTC))
    writer.close()
    connection = open_latest(Settings(snapshot_dir=directory))
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def figures(database: duckdb.DuckDBPyConnection) -> Figures:
    return figures_of(database, MONTH)


def test_the_figures_are_those_of_the_marts(figures: Figures) -> None:
    assert figures.rows["totals"] == [(242, 161, 1)]
    assert figures.rows["gates"] == [("holdout", 80), ("content", 1)]
    (forecast,) = figures.rows["forecast"]
    sold = sum(1 for number in range(240) if number % (15 if number % 3 == 0 else 4) < 2)
    assert (float(forecast[4]), float(forecast[5])) == (12_000.0, 100.0 * sold)
    (uplift,) = figures.rows["uplift"]
    assert uplift[2:6] == (160, 80, 80, 16)


def test_the_page_shows_its_figures_and_marks_on_a_phone_and_on_a_desk(figures: Figures, tmp_path: Path) -> None:
    text = page(figures)
    for width in (PHONE, DESK):
        found = measured(text, width, tmp_path)
        assert found["scroll_width"] <= found["width"] == width, "nothing sticks out"
        assert found["loads"] == 0, "the page loads nothing"
        shown = found["text"]
        for expected in (
            "Report February 2011",
            "Net sales against forecast",
            "Gates that stopped messages",
            "Uplift: what messages cause",
            "Alignment report",
            "Content backlog, by decisions lost",
            "cart-1",
            "everything",
            EVIL,
            "161",
            "12,000",
            "7.0%",
        ):
            assert expected in shown, expected
        marks = {mark["title"]: mark for mark in found["marks"]}
        assert marks["Messages stopped, by gate"]["rects"] == 2
        assert marks["Forecast and actual net sales in GBP"]["rects"] == 2 + 2, "two bars and the legend"
        assert marks["Uplift in buyers, percentage points, with 95% intervals"]["circles"] == 1
        assert {"Customers by number of messages in a week", "Wait of messages from due to decided, by campaign"} < set(
            marks
        )
        for mark in found["marks"]:
            assert mark["beyond"] == [], "no text of a plot is cut off"
            assert mark["width"] >= PHONE - 60
            assert mark["least_letters"] >= 10, "letters of a plot can be read"


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_picture_of_the_page_can_be_taken(figures: Figures, tmp_path: Path, width: int) -> None:
    write_html(tmp_path / "report.html", page(figures), "--out")
    out = tmp_path / "page.png"
    assert screenshot(tmp_path / "report.html", width, 2_000, out) == (width, 2_000)
    assert out.stat().st_size > 20_000, "it is not an empty page"


def test_what_sticks_out_is_noticed(figures: Figures, tmp_path: Path) -> None:
    wide = page(figures).replace("</body>", '<div style="width: 700px">wide</div></body>')
    found = measured(wide, PHONE, tmp_path)
    assert found["scroll_width"] > found["width"]


def test_a_name_is_text_and_no_markup(figures: Figures) -> None:
    text = page(figures)
    assert EVIL not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_month_without_data_and_a_period_that_is_none_are_refused(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(InputError, match=r"Nothing happened in 2011-09: .* from 2011-02 to 2011-02"):
        figures_of(database, date(2011, 9, 1))
    for wrong in ("2011", "2011-13", "November"):
        with pytest.raises(InputError, match="2011-11"):
            month_of(wrong)


def test_sections_without_figures_say_so(writer_of_one_order: Path) -> None:
    connection = open_latest(Settings(snapshot_dir=writer_of_one_order))
    text = page(figures_of(connection, MONTH))
    connection.close()
    for said in (
        "There is no forecast",
        "No decision was made",
        "No campaign holds customers out",
        "Nothing to report",
    ):
        assert said in text


@pytest.fixture
def writer_of_one_order(tmp_path: Path) -> Path:
    writer = DuckDBWriter(tmp_path / "sink.duckdb", "p")
    writer.write(batch(customer_events=records(order("o1", "c1", line("p", 1, 100)))))
    writer.publish(tmp_path, 1, datetime(2011, 3, 1, tzinfo=UTC))
    writer.close()
    return tmp_path


def test_figures_are_written_as_people_write_them() -> None:
    assert [duration(each) for each in (None, 35, 720, 12_600, 181_440)] == ["–", "35 s", "12.0 min", "3.5 h", "2.1 d"]
    assert (amount(12_345.6), amount(-2, signed=True), amount(None)) == ("12,346", "-2", "–")
    assert (percent(0.123), percent(-0.1, signed=True), percent(None)) == ("12.3%", "-10.0%", "–")
    assert (figure(0.5, "share"), figure(90, "seconds"), figure(3, "messages")) == ("50.0%", "1.5 min", "3 messages")
    assert (place("*", "*", "*"), place("GB", "*", "mugs")) == ("everything", "GB, mugs")
