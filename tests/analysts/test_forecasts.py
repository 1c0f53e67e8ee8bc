"""Forecasts from a file: what is wrong with one is said in a sentence; a good one reaches the sinks over the topic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.forecasts import Forecast
from sinks.forecast_files import read_forecasts
from sinks.ingest import TOPICS
from sinks.parquet_read import open_parquet
from sinks.read import open_latest
from streams.errors import InputError
from streams.settings import Settings
from streams.topics_admin import delete_topics, ensure_topics
from tests.e2e.kit import succeed
from tests.sinks.builders import decision, records
from tests.sinks.pipeline import produce

NOW = datetime(2011, 10, 1, tzinfo=UTC)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "forecasts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_absent_columns_and_empty_cells_mean_everything(tmp_path: Path) -> None:
    text = "brand,month,market,channel,currency,net_sales\nshop,2011-11,GB,web,GBP,12.50\nshop,2011-12,,,JPY,500\n"
    assert read_forecasts(write(tmp_path, text), NOW) == [
        Forecast(
            brand="shop", month="2011-11", market="GB", channel="web", currency="GBP", net_sales="12.50", made_at=NOW
        ),
        Forecast(brand="shop", month="2011-12", currency="JPY", net_sales="500", made_at=NOW),
    ]


HEADER = "brand,month,currency,net_sales,market,channel\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks the column 'brand'"),
        ("brand,month,currency\n", "lacks the column 'net_sales'"),
        (HEADER.replace("market", "country"), "'country' is not known"),
        (HEADER, "holds no forecast"),
        (HEADER + "shop,2011-13,GBP,1,,\n", "line 2: month '2011-13'"),
        (HEADER + "shop,2011-11,GBP,1,,\nshop,2011-11,XXX,1,,\n", "line 3: currency 'XXX'"),
        (HEADER + "shop,2011-11,GBP,much,,\n", "line 2: net_sales 'much'"),
        (HEADER + "shop,2011-11,JPY,1.5,,\n", "line 2: .*decimals of JPY"),
        (HEADER + "shop,2011-11,GBP,1,Britain,\n", "line 2: market 'Britain'"),
        (HEADER + "shop,2011-11,GBP,1,,web shop\n", "line 2: channel 'web shop'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_forecasts(write(tmp_path, text), NOW)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv cannot be read"):
        read_forecasts(tmp_path / "none.csv", NOW)


@pytest.fixture
def topics(settings: Settings) -> Iterator[Settings]:
    """Settings whose topics exist."""
    ensure_topics(settings, TOPICS)
    yield settings
    delete_topics(settings, prefix=settings.topic_prefix)


def test_forecasts_and_decisions_reach_both_sinks_over_their_topics(topics: Settings, tmp_path: Path) -> None:
    file = write(tmp_path, HEADER + "shop,2011-11,GBP,10,,\nshop,2011-11,GBP,20,,web\n")
    assert "2 forecasts" in succeed(topics, "forecasts", "load", file)
    produce(topics, "decisions", [*records(decision("a")), *records(decision("b"), partition=1)])
    folder = tmp_path / "files"
    for _ in range(2):
        succeed(topics, "sink", "--drain", "--parquet", folder)
    succeed(topics, "sink", "--drain")
    for database in (open_parquet(folder), open_latest(topics)):
        found = database.execute("SELECT channel, net_sales FROM mart.forecasts ORDER BY 1").fetchall()
        assert [(channel, float(amount)) for channel, amount in found] == [("*", 10.0), ("web", 20.0)]
        assert database.execute("SELECT count(*) FROM core.fct_decisions").fetchall() == [(2,)]
        database.close()
    assert "sent" in succeed(topics, "sql", "--parquet", folder, "FROM mart.decision_funnel")
