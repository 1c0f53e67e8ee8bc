"""UCI Online Retail: every usual form of the file reads equal, and every kind of dirt is handled and counted."""

from __future__ import annotations

import csv
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from schemas.base import to_ms
from streams.cli_data import find_dataset
from streams.errors import InputError
from streams.replay.history import History, Line
from streams.replay.online_retail import REPORT, read_online_retail

FIXTURE = Path(__file__).parents[1] / "fixtures" / "invoices.csv"


@pytest.fixture(scope="module")
def history() -> History:
    return read_online_retail(FIXTURE)


def _records() -> list[list[str]]:
    with FIXTURE.open(newline="") as lines:
        return list(csv.reader(lines))


def _write_csv(path: Path, records: list[list[str]], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(records)
    return path


def _with_dates(pattern: str) -> list[list[str]]:
    header, *rows = _records()
    place = header.index("InvoiceDate")
    for row in rows:
        moment = datetime.fromisoformat(row[place])
        parts = {"d": moment.day, "m": moment.month, "y": moment.year, "H": moment.hour, "M": moment.minute}
        row[place] = pattern.format(**parts)
    return [header, *rows]


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("lines", 18),
        ("invoices", 13),
        ("invoices_order", 11),
        ("invoices_order_without_customer", 5),
        ("invoices_cancellation", 2),
        ("customers", 6),
        ("unreadable_lines", 1),
        ("exact_duplicate_lines", 1),
        ("stock_adjustment_lines", 1),
        ("not_product_lines", 4),
        ("zero_quantity_lines", 1),
        ("zero_price_lines_kept", 2),
        ("zero_price_invoices_dropped", 1),
        ("price_rounded_lines", 1),
        ("stock_code_cleaned_lines", 1),
        ("market_fallback_invoices", 1),
        ("mixed_time_invoices", 1),
        ("empty_orders_dropped", 4),
        ("empty_returns_dropped", 1),
        ("orders", 6),
        ("orders_guest", 1),
        ("returns", 1),
        ("order_customers", 4),
    ],
)
def test_each_kind_of_dirt_is_counted(history: History, kind: str, count: int) -> None:
    assert history.report[kind] == count


def test_the_report_names_every_kind_it_can_count(history: History) -> None:
    assert list(history.report) == list(REPORT)


def test_every_line_is_either_kept_or_counted_as_dropped(history: History) -> None:
    kept = sum(len(fact.lines) for fact in [*history.orders, *history.returns])
    dropped = [
        "unreadable_lines", "exact_duplicate_lines", "stock_adjustment_lines", "positive_cancellation_lines",
        "not_product_lines", "negative_price_lines", "zero_quantity_lines", "zero_price_invoices_dropped",
    ]  # fmt: skip
    assert kept + sum(history.report[kind] for kind in dropped) == history.report["lines"]


def test_an_invoice_becomes_an_order_without_its_postage_and_duplicates(history: History) -> None:
    first, second = history.orders[:2]
    assert first.lines == (Line("99001A", 6, 210), Line("99002", 6, 420))
    assert second.lines == (Line("99003", 2, 130),)
    assert (second.order_id, second.customer_id, second.market) == ("700002", "70001", "GB")


def test_times_are_london_times_in_winter_and_summer(history: History) -> None:
    at = {order.order_id: order.at for order in history.orders}
    assert at["700001"] == to_ms(datetime(2010, 12, 3, 9, 15, tzinfo=UTC))
    assert at["700009"] == to_ms(datetime(2011, 7, 4, 11, 0, tzinfo=UTC))


def test_a_cancellation_becomes_a_return_with_positive_quantities(history: History) -> None:
    assert [(back.return_id, back.lines) for back in history.returns] == [("C700006", (Line("99002", 2, 420),))]


def test_an_order_without_customer_is_a_guest_order(history: History) -> None:
    assert [order.order_id for order in history.orders if order.customer_id is None] == ["700007"]


def test_countries_become_iso_codes(history: History) -> None:
    markets = {order.order_id: order.market for order in history.orders}
    assert (markets["700008"], markets["700009"], markets["700010"]) == ("FR", "IE", "GB")


def test_a_product_has_its_most_frequent_name_and_price(history: History) -> None:
    assert history.products["99003"].name == "CUP WARMER, RED"
    assert history.products["99009BL"].price == 725


@pytest.mark.parametrize(
    "pattern",
    [
        "{m}/{d}/{y} {H}:{M:02d}",
        "{d:02d}-{m:02d}-{y} {H:02d}:{M:02d}",
        "{d}.{m}.{y} {H}:{M:02d}",
        "{y}-{m:02d}-{d:02d}T{H:02d}:{M:02d}:00",
    ],
)
def test_date_formats_of_all_usual_dumps_read_equal(history: History, tmp_path: Path, pattern: str) -> None:
    assert read_online_retail(_write_csv(tmp_path / "dump.csv", _with_dates(pattern))) == history


def test_two_orders_of_day_and_month_in_one_file_are_refused(tmp_path: Path) -> None:
    records = _with_dates("{d}/{m}/{y} {H}:{M:02d}")
    records[1][4] = "12/13/2010 8:26"
    records[2][4] = "13/12/2010 8:26"
    with pytest.raises(InputError, match="write all of them in one order"):
        read_online_retail(_write_csv(tmp_path / "dump.csv", records))


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8-sig", ","), ("latin-1", ","), ("utf-8", ";"), ("utf-8", "\t")]
)
def test_encodings_and_delimiters_read_equal(tmp_path: Path, encoding: str, delimiter: str) -> None:
    records = _records()
    records[1][2] = "CAFÉ SIGN"
    expected = read_online_retail(_write_csv(tmp_path / "plain.csv", records))
    assert read_online_retail(_write_csv(tmp_path / "dump.csv", records, encoding, delimiter)) == expected
    assert any(product.name == "CAFÉ SIGN" for product in expected.products.values())


def test_customer_ids_of_data_frame_dumps_read_equal(history: History, tmp_path: Path) -> None:
    header, *rows = _records()
    for row in rows:
        row[6] = f"{row[6]}.0" if row[6] else ""
    assert read_online_retail(_write_csv(tmp_path / "dump.csv", [header, *rows])) == history


def _write_xlsx(path: Path) -> Path:
    header, *rows = _records()
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(header)
    for row in rows:
        invoice, code, name, quantity, time, price, customer, country = row
        number: list[object] = [int(invoice) if invoice.isdigit() else invoice, int(code) if code.isdigit() else code]
        amounts = [int(quantity) if quantity != "many" else quantity, datetime.fromisoformat(time), float(price)]
        sheet.append([*number, name or None, *amounts, float(customer) if customer else None, country])
    book.save(path)
    return path


def test_the_workbook_reads_equal_to_the_csv(history: History, tmp_path: Path) -> None:
    assert read_online_retail(_write_xlsx(tmp_path / "Online Retail.xlsx")) == history


def test_archives_and_directories_read_equal(history: History, tmp_path: Path) -> None:
    tar, zipped = tmp_path / "a" / "online_retail.tar.xz", tmp_path / "b" / "online+retail.zip"
    tar.parent.mkdir()
    zipped.parent.mkdir()
    with tarfile.open(tar, "w:xz") as archive:
        archive.add(FIXTURE, "online_retail/online_retail.csv")
    with zipfile.ZipFile(zipped, "w") as archive_zip:
        archive_zip.write(_write_xlsx(tmp_path / "book.xlsx"), "Online Retail.xlsx")
    plain = _write_csv(tmp_path / "online_retail.csv", _records())
    for path in (tar, tar.parent, zipped, zipped.parent, plain.parent):
        assert read_online_retail(path) == history


def test_find_dataset_takes_the_first_place_that_has_it(tmp_path: Path) -> None:
    assert find_dataset([tmp_path / "missing", tmp_path]) is None
    _write_xlsx(tmp_path / "Online Retail.xlsx")
    assert find_dataset([tmp_path / "missing", tmp_path]) == tmp_path / "Online Retail.xlsx"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a,b\n1,2\n", "has no column 'invoiceno'"),
        ("", "has no column 'invoiceno'"),
        (
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n",
            "no usable invoice line",
        ),
    ],
)
def test_a_file_that_is_something_else_gets_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "online_retail.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_online_retail(path)


def test_missing_data_and_broken_archives_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no Online Retail data"):
        read_online_retail(tmp_path)
    broken = tmp_path / "online_retail.tar.xz"
    broken.write_bytes(b"not an archive")
    with pytest.raises(InputError, match="cannot be read"):
        read_online_retail(broken)
