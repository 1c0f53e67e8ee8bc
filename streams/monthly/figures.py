"""The figures of a month's report, asked of the marts: the page shows what an analyst gets from the same queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from streams.errors import InputError

Rows = list[tuple[Any, ...]]

_PERIOD = "since := $since, until := $until"
_QUERIES: dict[str, str] = {
    "totals": f"""
        SELECT coalesce(sum(decisions), 0), coalesce(sum(sent), 0), coalesce(sum(undone), 0)
        FROM (
            SELECT max(entered) AS decisions, max(entered) FILTER (gate = 'sent') AS sent,
                max(stopped) FILTER (gate = 'sent') AS undone
            FROM mart.gate_funnel({_PERIOD}) GROUP BY brand, campaign
        )""",
    "gates": f"""
        SELECT gate, CAST(sum(stopped) AS BIGINT) FROM mart.gate_funnel({_PERIOD})
        WHERE gate <> 'sent' GROUP BY gate ORDER BY 2 DESC, 1""",
    "funnel": f"""
        SELECT campaign, max(entered), max(entered) FILTER (gate = 'sent'), max(went_on) FILTER (gate = 'sent')
        FROM mart.gate_funnel({_PERIOD}) GROUP BY brand, campaign ORDER BY 2 DESC, 1""",
    "reasons": """
        SELECT campaign, coalesce(deciding_gate, ''), coalesce(correction_reason, reason), final_outcome, count(*)
        FROM core.settled_decisions
        WHERE decided_at >= $since AND decided_at < $until AND final_outcome NOT IN ('sent', 'held')
        GROUP BY ALL ORDER BY 5 DESC, 1, 2, 3, 4""",
    "uplift": f"""
        SELECT campaign, holdout, customers, buyers, held_out_customers, held_out_buyers, rate, held_out_rate, uplift,
            uplift_low, uplift_high, excludes_zero, warning
        FROM mart.uplift({_PERIOD}) WHERE uplift IS NOT NULL ORDER BY campaign <> '(all)', campaign""",
    "results": f"""
        SELECT campaign, messages, converted, conversion_rate, coalesce(currency, ''), net_amount, net_per_message
        FROM mart.campaign_results({_PERIOD}) ORDER BY messages DESC, campaign""",
    "forecast": """
        SELECT market, channel, category, currency, forecast, actual, gap, gap_share, triggered, is_over, brand
        FROM mart.forecast_vs_actual() WHERE month = $month AND forecast IS NOT NULL
        ORDER BY brand, market <> '*', market, channel <> '*', channel, category""",
    "sales": """
        SELECT currency, sum(CASE kind WHEN 'sale' THEN amount ELSE -amount END) AS net
        FROM core.fct_sales_moves WHERE date_trunc('month', date) = $month GROUP BY currency ORDER BY net DESC""",
    "pressure": f"""
        SELECT messages, CAST(sum(customers) AS BIGINT) FROM mart.weekly_pressure({_PERIOD}) GROUP BY 1 ORDER BY 1""",
    "timeliness": f"""
        SELECT campaign, messages, at_once, median_wait_s, p95_wait_s, answered, median_channel_s, late_corrections
        FROM mart.timeliness({_PERIOD}) ORDER BY messages DESC, campaign""",
    "false_positives": """
        SELECT campaign, sent, cancelled, regretted, regretted_without_store_data, regretted_without_return_data,
            regretted_without_either
        FROM mart.false_positives ORDER BY sent DESC, campaign""",
    "alignment": "SELECT section, subject, figure, value, unit, coalesce(note, '') FROM mart.alignment($month)",
    "channels": """
        SELECT channel, messages, share, opted_out FROM mart.channel_mix WHERE month = $month ORDER BY 2 DESC, 1""",
}


@dataclass(frozen=True)
class Figures:
    """The answers of a month. ``rows``: by the name of the question."""

    month: date
    published_at: datetime
    data_until: datetime | None
    rows: dict[str, Rows]


def month_of(text: str) -> date:
    """``2011-11`` -> its first day. Raises InputError for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise InputError(f"--period {text!r} is no month; write it as 2011-11.") from error


def figures_of(database: duckdb.DuckDBPyConnection, month: date) -> Figures:
    """Ask everything. Raises InputError when nothing happened in the month."""
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    since, until = (datetime(day.year, day.month, 1, tzinfo=UTC) for day in (month, after))
    _check_period(database, month, since, until)
    values = {"month": month, "since": since, "until": until}
    rows = {
        name: database.execute(sql, {key: value for key, value in values.items() if f"${key}" in sql}).fetchall()
        for name, sql in _QUERIES.items()
    }
    (published_at, data_until), *_ = database.execute(
        "SELECT published_at, data_until FROM meta.snapshot_info, core.data_until"
    ).fetchall()
    return Figures(month, published_at, data_until, rows)


def _check_period(database: duckdb.DuckDBPyConnection, month: date, since: datetime, until: datetime) -> None:
    found = database.execute(
        "SELECT min(moment), max(moment), count(*) FILTER (moment >= $since AND moment < $until) FROM ("
        "SELECT occurred_at AS moment FROM raw.customer_events WHERE customer_id <> '*' "
        "UNION ALL SELECT decided_at FROM raw.decisions)",
        {"since": since, "until": until},
    ).fetchone()
    first, last, number = found or (None, None, 0)
    if first is None or last is None:
        raise InputError("The newest snapshot holds no events yet; try again when the sink has read some.")
    if not number:
        raise InputError(
            f"Nothing happened in {month:%Y-%m}: the newest snapshot reaches from {first:%Y-%m} to {last:%Y-%m}; name "
            "a month of these with --period."
        )
