"""Tables with semicolons or tabs and decimal commas, as spreadsheets write them in Europe: as those with commas.

The law is one for all readers: a table says the same in whichever of the two ways it is written.
"""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.focus_files import cost_file

from simcost.catalog.contracts import ContractPrice
from simcost.catalog.csv_reader import read_table
from simcost.catalog.prices.quote import csv_rows
from simcost.errors import FaultsError, TraceError
from simcost.scenario.checks.measured_tables import measured_rows
from simcost.tables.decimals import decimal_mark, plain_numbers
from simcost.tables.delimiter import AmbiguousDelimiterError, delimiter_of
from simcost.trace.failures import read_failures
from simcost.trace.focus.reader import read_focus
from simcost.trace.jobs.nodes import read_nodes
from simcost.trace.jobs.reader import read_jobs
from simcost.trace.metrics import read_metrics
from simcost.trace.series.reader import read_series
from simcost.trace.spot import read_prices
from simcost.trace.usage.reader import read_usage
from simcost.trace.utilization.reader import read_utilisation

NUMBER = re.compile(r"-?\d+\.\d+")


def written(text: str, delimiter: str) -> str:
    """A table with commas, written with another delimiter and decimal commas."""
    out = io.StringIO()
    rows = [[c.replace(".", ",") if NUMBER.fullmatch(c) else c for c in row] for row in csv.reader(io.StringIO(text))]
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue()


READERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "usage": (
        read_usage,
        "timestamp,sku,quantity,price\n2026-01-01T00:00:00Z,aws/a,1.5,2.25\n2026-01-01T01:00:00Z,aws/a,2,1234.5\n",
    ),
    "series": (read_series, "timestamp,value\n" + "".join(f"2026-01-{d:02},{d}.5\n" for d in range(1, 20))),
    "jobs": (
        lambda path: read_jobs(path)[0],
        "job_id,submit_s,duration_s,gpus,cpus\na,0.5,60,1,2.5\nb,10.5,30.25,2,1\n",
    ),
    "nodes": (read_nodes, "node,gpus,pool\nn1,8,a\nn2,4,b\n"),
    "spot": (read_prices, "timestamp,price_usd_h\n2026-01-01,1.5\n2026-01-02,0.25\n"),
    "failures": (read_failures, "time_s,node\n100.5,a\n2000.5,b\n"),
    "utilisation": (
        lambda path: read_utilisation(path)[0],
        "timestamp,gpu,utilization\n2026-01-01T00:00:00Z,g0,12.5\n2026-01-01T00:01:00Z,g0,99.5\n",
    ),
    "metrics": (
        lambda path: read_metrics(path)[0],
        "timestamp,rps,concurrency\n0,1.5,2.5\n15,2,0.25\n30,3,1\n",
    ),
    "catalog": (
        lambda path: read_table(path, ContractPrice, ("sku",)),
        (
            "provider,sku,price_per_h,discount,source,as_of\naws,p5.48xlarge,40.25,,contract,2026-01-01\n"
            "aws,p4d.*,,0.12,contract,2026-01-01\n"
        ),
    ),
    "prices": (lambda path: list(csv_rows(path, ("name",), "name")), "name,price\na,1.5\nb,12.25\n"),
    "measured": (
        lambda path: [cells for _, cells in measured_rows(path.parent, path.name, ("batch", "seconds"))],
        "batch,seconds\n1,0.012\n8,0.0155\n",
    ),
}


def said(read: object) -> str:
    """All values; functions have an address."""
    return re.sub(r" at 0x\w+", "", repr(read))


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("name", READERS)
def test_every_table_says_the_same_with_decimal_commas(tmp_path: Path, name: str, delimiter: str) -> None:
    read, text = READERS[name]
    path = tmp_path / "table.csv"
    path.write_text(text)
    with_commas = said(read(path))
    path.write_text(written(text, delimiter))
    assert said(read(path)) == with_commas


def test_a_focus_export_says_the_same_with_decimal_commas(tmp_path: Path) -> None:
    path = cost_file(tmp_path)
    text, plain = path.read_text(), read_focus([path])
    path.write_text(written(text, ";"))
    assert read_focus([path]).lines.equals(plain.lines)
    assert read_focus([path]).quality == plain.quality


def usage(tmp_path: Path, *quantities: str) -> list[float]:
    path = tmp_path / "usage.csv"
    rows = [f"2026-01-01T{hour:02}:00:00Z;aws/a;{cell}" for hour, cell in enumerate(quantities)]
    path.write_text("\n".join(["timestamp;sku;quantity", *rows]) + "\n")
    return [float(x) for x in read_usage(path).quantity]


def test_a_doubtful_number_is_read_by_the_certain_ones_of_its_file(tmp_path: Path) -> None:
    assert usage(tmp_path, "1,5", "1,234", "1.234,5", "2") == [1.5, 1.234, 1234.5, 2]
    assert usage(tmp_path, "1.5", "1.234", "1,234.5", "2") == [1.5, 1.234, 1234.5, 2]


@pytest.mark.parametrize("cells", [("1", "1,234"), ("1,5", "1.234"), ("1.5", "1,234"), ("1,5", "0.5", "2.345")])
def test_a_number_that_can_be_read_in_two_ways_is_a_fault_at_its_line(tmp_path: Path, cells: tuple[str, ...]) -> None:
    whole, part = cells[-1].replace(",", "").replace(".", ""), cells[-1].replace(",", ".")
    wanted = rf"usage\.csv:{len(cells) + 1}: quantity: '{cells[-1]}' may be {part} or {whole}; write a decimal point"
    with pytest.raises(FaultsError, match=wanted):
        usage(tmp_path, *cells)


def test_doubtful_numbers_of_small_tables_are_faults_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name;price\na;1,234\n")
    with pytest.raises(FaultsError, match=r"t\.csv:2: price: '1,234' may be 1.234 or 1234"):
        list(csv_rows(tmp_path / "t.csv", ("name",), "name"))


def test_commas_between_cells_leave_numbers_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text('timestamp,sku,quantity\n2026-01-01,aws/a,"1,5"\n')
    with pytest.raises(FaultsError, match="'1,5' is not a number"):
        read_usage(tmp_path / "u.csv")


def test_commas_between_cells_and_between_thousands_are_told_apart(tmp_path: Path) -> None:
    """Spreadsheets write large costs with them; such a row was refused, or its cost left out."""
    cells = ['"1,234.50"', '"12,345,678.9"', "1.861", '"1,234,567"', "7"]
    rows = [f"2026-01-01T{hour:02}:00:00Z,aws/a,{cell}" for hour, cell in enumerate(cells)]
    path = tmp_path / "u.csv"
    path.write_text("\n".join(["timestamp,sku,quantity", *rows]) + "\n")
    assert read_usage(path).quantity.tolist() == [1234.5, 12345678.9, 1.861, 1234567, 7]


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ("a,b\n1,2\n", ","),
        ("a\n", ","),
        ("", ","),
        ("a;b, c;d\n1;2;3,5\n4;5;6\n", ";"),
        ("a,b;c\n1,2\n", ","),
        ('a;"b, c"\n1;2,5\n', ";"),
        ("\ufeffa\tb\n", "\t"),
    ],
)
def test_the_delimiter_splits_header_and_rows_alike(head: str, wanted: str) -> None:
    assert delimiter_of(head.encode()) == wanted


def test_a_delimiter_that_is_not_certain_is_said(tmp_path: Path) -> None:
    with pytest.raises(AmbiguousDelimiterError):
        delimiter_of(b"a;b, c\n1;2,5\n")
    (tmp_path / "s.csv").write_text("timestamp;value, USD\n2026-01-01;1,5\n2026-01-02;2,5\n")
    with pytest.raises(TraceError, match=r"s\.csv: its header has , and ;, .*double quotes"):
        read_series(tmp_path / "s.csv")


@given(st.floats(-1e9, 1e9), st.sampled_from(["", "."]), st.integers(0, 6))
def test_numbers_survive_the_way_they_are_written(value: float, group: str, digits: int) -> None:
    point = f"{value:,.{digits}f}"
    comma = point.replace(",", "_").replace(".", ",").replace("_", group)
    plain, doubtful = plain_numbers(pa.array([comma]), ",")
    assert doubtful[0] or float(plain[0].as_py()) == float(point.replace(",", ""))
    mark = decimal_mark([comma])
    assert mark in {",", None} or digits == 0


@given(st.text(alphabet="0123456789.,-+eE% '", max_size=12), st.sampled_from([".", ",", None]))
def test_a_cell_is_never_two_things(cell: str, mark: Any) -> None:
    """What is converted has the value of the one way in which it can be read."""
    plain, doubtful = plain_numbers(pa.array([cell]), mark)
    if not doubtful[0] and plain[0].as_py() != cell:
        digits = re.sub(r"[^\d]", "", re.split("[eE]", cell)[0])
        assert re.sub(r"[^\d]", "", re.split("[eE]", plain[0].as_py())[0]) == digits
