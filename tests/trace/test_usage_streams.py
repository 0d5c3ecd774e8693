"""Usage read batch by batch: batches leave no trace, faults name their rows, memory follows what differs."""

import csv
import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simcost.tables.delimited
import simcost.tables.sources
import simcost.trace.usage.sums
from simcost.errors import FaultsError, TraceError
from simcost.scenario.inputs.purchasing import price_usage
from simcost.tables.header import peek
from simcost.tables.typed_batches import TypedBatches
from simcost.trace.usage.reader import USAGE, read_usage
from simcost.trace.usage.usage import UsageRows

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "hour": st.integers(0, 3),
            "sku": st.sampled_from(["aws/a", "aws/b", "gcp/a"]),
            "quantity": st.floats(1e-3, 1e6),
            "price": st.sampled_from([None, 1.5, 2.25]),
            "interrupted": st.sampled_from([None, "yes"]),
        }
    ),
    min_size=1,
    max_size=40,
)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    rows = [row | {"hour": f"2026-01-01T{row['hour']:02}:00:00Z"} for row in rows]
    if path.suffix == ".parquet":
        schema = {"hour": pa.string(), "sku": pa.string(), "quantity": pa.float64(), "price": pa.float64()}
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(schema | {"interrupted": pa.string()})), path)
        return path
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_in(batch: int, merge: int, path: Path) -> UsageRows:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simcost.tables.delimited, "BLOCK_BYTES", batch * 8)
        patch.setattr(simcost.tables.sources, "_PARQUET_ROWS", batch)
        patch.setattr(simcost.trace.usage.sums, "MERGE_ROWS", merge)
        return read_usage(path)


@given(rows=ROWS, batch=st.integers(1, 30), merge=st.integers(1, 30), suffix=st.sampled_from(["csv", "parquet"]))
def test_batches_leave_no_trace(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], batch: int, merge: int, suffix: str
) -> None:
    path = write(tmp_path_factory.mktemp("usage") / f"usage.{suffix}", rows)
    whole, batched = read_usage(path), read_in(batch, merge, path)
    assert (whole.keys, whole.findings) == (batched.keys, batched.findings)
    for name in ("start_s", "end_s", "quantity", "price_usd", "interrupted", "line", "file_rows"):
        assert getattr(whole, name).tobytes() == getattr(batched, name).tobytes(), name
    assert whole.place is not None
    assert batched.place is not None
    assert [whole.place(i) for i in range(len(whole))] == [batched.place(i) for i in range(len(batched))]


@given(rows=ROWS)
def test_rows_of_one_line_time_and_price_are_one_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    usage = read_usage(write(tmp_path_factory.mktemp("usage") / "usage.parquet", rows))
    sums: dict[Any, float] = {}
    for i, row in enumerate(rows):
        apart = i if row["interrupted"] else -1
        key = (row["sku"], row["hour"], row["price"], apart)
        sums[key] = sums.get(key, 0.0) + row["quantity"]
    assert usage.quantity.tolist() == list(sums.values())
    assert usage.file_rows is not None
    assert int(usage.file_rows.sum()) == len(rows)


def faults_of(read: Any) -> list[tuple[int, str, str]]:
    with pytest.raises(FaultsError) as raised:
        read()
    return [(fault.line, fault.path, fault.message) for fault in raised.value.faults]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_faults_are_those_of_the_whole_file(tmp_path: Path, suffix: str) -> None:
    rows: list[dict[str, Any]] = [
        {"hour": i % 24, "sku": "aws/a", "quantity": 1.0, "price": None, "interrupted": None} for i in range(40)
    ]
    for i in (3, 17, 39):
        rows[i]["quantity"] = -1.0
    path = write(tmp_path / f"usage.{suffix}", rows)
    whole = faults_of(lambda: read_usage(path))
    assert len(whole) == 3
    assert all("-1" in message for _, _, message in whole)
    assert faults_of(lambda: read_in(5, 5, path)) == whole


def test_a_zone_that_only_a_later_batch_says_is_a_fault_of_the_rows_before_it(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    lines = [f"2026-01-01T{hour:02}:00:00,aws/a,1" for hour in range(12)]
    path.write_text("\n".join(["hour,sku,quantity", *lines, "2026-01-01T13:00:00Z,aws/a,1"]) + "\n")
    whole = faults_of(lambda: read_usage(path))
    assert whole[0][0] == 2
    assert "and 2 more" in whole[-1][2]
    assert faults_of(lambda: read_in(8, 3, path)) == whole


def test_a_parquet_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    rows = [{"hour": 0, "sku": "aws/a", "quantity": 1.0, "price": None, "interrupted": None}] * 9
    path = write(tmp_path / "usage.parquet", rows)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TraceError, match="damaged"):
        read_usage(path)


def test_machines_keep_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text("hour,sku,resource\n" + "2026-01-01T00:00:00Z,aws/a,one\n2026-01-01T00:00:00Z,aws/a,two\n")
    usage = read_usage(path)
    assert len(usage) == 2
    assert np.array_equal(usage.quantity, [1.0, 1.0])


@pytest.mark.parametrize("merge", [1, 7, 1_000_000])
def test_requests_are_one_row_a_line_and_their_bill_is_that_of_each_by_itself(
    tmp_path: Path, merge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plan = tmp_path / "usage.csv", tmp_path / "plan.yaml"
    random = np.random.default_rng(3)
    times = [f"2026-01-{1 + i % 31:02}T{i % 24:02}:{i % 60:02}:07Z" for i in range(200)]
    tokens = [f"t{i % 3},{random.integers(50, 99)},{i % 40},9" for i in range(200)]
    lines = [f"{time},openai/gpt-5-mini,{counts}" for time, counts in zip(times, tokens, strict=True)]
    path.write_text("\n".join(["start,model,tenant,prompt_tokens,cached_tokens,completion_tokens", *lines]) + "\n")
    plan.write_text("purchasing: on demand\n")
    usage = read_in(16, merge, path)
    assert len(usage) == len(usage.keys) == 9
    assert usage.start_s.min() == np.datetime64("2026-01-01T00:00:07", "s").astype(float)
    assert usage.file_rows is not None
    assert usage.file_rows.sum() == 600
    folded, _ = price_usage(path, [plan], {})[0]
    monkeypatch.setattr(simcost.trace.usage.sums, "is_counted", lambda _: False)
    assert len(read_usage(path)) > 500
    whole, _ = price_usage(path, [plan], {})[0]
    for charge, other in zip(folded["charges"], whole["charges"], strict=True):
        numbers = [name for name, value in charge.items() if isinstance(value, float)]
        assert [charge[name] for name in numbers] == pytest.approx([other[name] for name in numbers], rel=1e-12)
        assert {**charge, **{name: other[name] for name in numbers}} == other
    assert folded["billed_usd"] == pytest.approx(whole["billed_usd"], rel=1e-12)
    assert folded["findings"] == whole["findings"]


def test_the_memory_of_a_batch_is_free_once_it_is_used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"hour": 0, "sku": "aws/a", "quantity": 1.0, "price": None, "interrupted": None}] * 60
    path, arrays = write(tmp_path / "usage.parquet", rows), list[weakref.ref[Any]]()
    monkeypatch.setattr(simcost.tables.sources, "_PARQUET_ROWS", 6)
    theirs = {"sku": "sku", "start": "hour", "quantity": "quantity"}
    batches = TypedBatches(path=path, head=peek(path, ""), declared=USAGE, theirs=theirs, check=lambda _: None)
    gc.disable()
    try:
        for table in batches:
            arrays.append(weakref.ref(table.numbers["quantity"]))
            assert sum(array() is not None for array in arrays) <= 2
    finally:
        gc.enable()
    assert len(arrays) == 10


def test_a_cost_file_is_not_read_as_usage(tmp_path: Path) -> None:
    """Each charge counted as one instance, so that 312 hours were billed as 48, and a credit was a machine."""
    file = tmp_path / "costs.csv"
    rows = "aws,g6e.xlarge,us-east-1,Usage,2026-03-02T00:00:00Z,2026-03-02T01:00:00Z,7,Hours\n"
    file.write_text(
        "ProviderName,SkuId,RegionId,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ConsumedQuantity,ConsumedUnit\n"
        + rows
    )
    with pytest.raises(TraceError, match=r"`simcost focus read costs\.csv -o usage\.parquet` writes the usage"):
        read_usage(file)
    (usage,) = read_usage(file, mapping={"quantity": "ConsumedQuantity"}).quantity
    assert usage == 7
