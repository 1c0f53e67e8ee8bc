"""Files: the examples of the docs as written, mapping files with mistakes, cells with mistakes, back-fill."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.replay.online_retail import read_online_retail
from tests.ingest import shopify_payloads as shopify
from tests.ingest.kit import KEY, ms

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "ingest"
INVOICES = ROOT / "tests" / "fixtures" / "invoices.csv"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the examples, as that of the repository."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUEPOINT_HASH_KEY", KEY)


def run(*arguments: object, **environ: str) -> Result:
    shop = {"CUEPOINT_INGEST_BRAND": "shop", "CUEPOINT_INGEST_MARKET": "GB", "CUEPOINT_INGEST_CURRENCY": "GBP"}
    return CliRunner().invoke(main, ["ingest", "file", *map(str, arguments)], env={**shop, **environ})


def lines(directory: str, topic: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(directory) / f"{topic}.jsonl").read_text().splitlines()]


def test_the_example_of_the_docs_does_what_they_say() -> None:
    text = (ROOT / "docs" / "sources.md").read_text()
    ((command, printed),) = re.findall(r"```sh\ncuepoint ingest file (.*?)\n```\n\n```text\n(.*?)```", text, re.DOTALL)
    done = run(*shlex.split(command))
    assert (done.exit_code, done.output) == (0, printed)
    first, second, third, cancelled = lines("out/erp", "orders")
    assert (first["order_id"], first["occurred_at"], first["market"]) == ("40017", "2026-02-02T08:15:00.000Z", "DE")
    assert first["lines"][1] == {
        "product_id": "K-7",
        "category": "Kannen",
        "quantity": 1,
        "unit_price": "1039.90",
        "discount": "39.90",
        "line_id": "2",
    }
    assert (second["channel"], second["market"], "email_hash" in second) == ("phone", "CH", False)
    assert ("customer_id" in third, len(third["email_hash"])) == (False, 32)
    assert (cancelled["type"], cancelled["order_id"]) == ("order.cancelled", "40018")
    (back,) = lines("out/erp", "returns")
    assert (back["return_id"], back["lines"]) == ("40019", [{"product_id": "T-100", "quantity": 1}])
    again = run(*shlex.split(command))
    assert again.exit_code == 2
    assert "is there already" in again.output


def test_invoices_by_a_mapping_are_those_of_the_reader_of_the_data_set() -> None:
    assert run(INVOICES, "--mapping", "examples/ingest/online-retail.yaml", "--out", "out").exit_code == 0
    history = read_online_retail(INVOICES)
    read = {
        order.order_id: (
            order.customer_id,
            order.at,
            order.market,
            [(line.product_id, line.quantity, line.unit_price) for line in order.lines],
        )
        for order in history.orders
    }
    mapped = {
        order["order_id"]: (
            order.get("customer_id"),
            ms(order["occurred_at"]),
            order["market"],
            [(line["product_id"], line["quantity"], round(float(line["unit_price"]) * 100)) for line in order["lines"]],
        )
        for order in lines("out", "orders")
    }
    assert mapped == read
    back = {
        one["return_id"]: [(line["product_id"], line["quantity"]) for line in one["lines"]]
        for one in lines("out", "returns")
    }
    assert back == {one.return_id: [(line.product_id, line.quantity) for line in one.lines] for one in history.returns}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("column: Land", "colunm: Land", ["mapping.yaml, line 21", "did you mean column?"]),
        ("order_id: Auftrag", "orderid: Auftrag", ["line 17", "orderid", "did you mean order_id?"]),
        ("type: order.placed", "type: order.place", ["line 13", "did you mean order.placed?"]),
        ("product_id: Artikel", "produkt: Artikel", ["a line of order.placed has no field produkt"]),
        ("order_id: Auftrag", "order_id: Auftragsnr", ["erp-orders.csv, line 1", "'Auftragsnr'", "'Auftrag'"]),
        ("equals: [AU]", "matches: '['", ["regular expression"]),
        ("delimiter: \";\"", "delimiter: \"|\"", ["erp-orders.csv, line 1"]),
        ("zone: Europe/Berlin", "zone: Berlin", ["line 6", "Berlin"]),
    ],
)  # fmt: skip
def test_a_mistake_in_a_mapping_file_is_told_with_its_line(old: str, new: str, words: list[str]) -> None:
    text = (EXAMPLES / "erp-orders.yaml").read_text()
    assert old in text
    Path("mapping.yaml").write_text(text.replace(old, new, 1))
    done = run(EXAMPLES / "erp-orders.csv", "--mapping", "mapping.yaml", "--out", "out")
    assert done.exit_code == 2
    for word in words:
        assert word in done.output


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("02.02.2026 11:40", "31.02.2026 11:40", ["line 4, column 'Datum'", "%d.%m.%Y"]),
        ("Schweiz;Telefon;T 100;Tassen;6", "Schweiz;Telefon;T 100;Tassen;x", ["line 4, column 'Menge'", "number"]),
        ("Schweiz;Telefon", "Utopia;Telefon", ["line 4, column 'Land'", "Deutschland, Schweiz"]),
    ],
)
def test_a_bad_cell_refuses_its_record_only_and_says_where(old: str, new: str, words: list[str]) -> None:
    Path("rows.csv").write_text((EXAMPLES / "erp-orders.csv").read_text().replace(old, new, 1))
    done = run("rows.csv", "--mapping", EXAMPLES / "erp-orders.yaml", "--out", "out", "--report", "report.json")
    assert done.exit_code == 1
    for word in ["rows.csv", *words]:
        assert word in done.output
    assert [order["order_id"] for order in lines("out", "orders")] == ["40017", "40020", "40018"]
    (rejected,) = lines("out", "rejected")
    assert words[0] in rejected["message"]
    assert json.loads(Path("report.json").read_text())["refused"][0]["payloads"] == 1


def test_a_column_that_nobody_named_is_told() -> None:
    text = (EXAMPLES / "erp-orders.yaml").read_text().replace("[Sachbearbeiter]", "[]")
    Path("mapping.yaml").write_text(text)
    done = run(EXAMPLES / "erp-orders.csv", "--mapping", "mapping.yaml", "--out", "out")
    assert "unknown field Sachbearbeiter" in done.output


def test_a_vendors_file_goes_through_the_same_mapping() -> None:
    order, back = shopify.order(), shopify.refund(7, (11, "MUG 1", 1, 8.0))
    Path("api.json").write_text(json.dumps({"orders": [order, shopify.order(id=5, line_items=[])]}))
    done = run("api.json", "--mapping", "shopify", "--out", "one")
    assert done.exit_code == 1
    assert "api.json, line 2: Field line_items" in done.output
    assert [each["event_id"] for each in lines("one", "orders")] == ["shopify-order-820982911946154508"]
    Path("lines.jsonl").write_text("\n".join(map(json.dumps, [back])))
    assert "--kind" in run("lines.jsonl", "--mapping", "shopify", "--out", "two").output
    done = run("lines.jsonl", "--mapping", "shopify", "--kind", "refunds/create", "--out", "three")
    assert "orders/updated" in done.output
    assert "neither" in run("lines.jsonl", "--mapping", "nowhere.yaml", "--out", "four").output
