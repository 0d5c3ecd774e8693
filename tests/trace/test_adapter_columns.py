"""Adapters that a trace names: each request keeps the adapter of its cell, whatever is resampled or put together."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.trace.requests.batch import NO_ADAPTER, concat
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.workload.adapters import adapter_numbers, check_adapter_column
from simcost.trace.workload.arrivals import merged
from simcost.trace.workload.spec import AdapterColumn, AdapterMix, RecordedWorkload

NAMES = st.lists(st.none() | st.sampled_from(["base", "a", "b", "support/v2", "é"]), min_size=1, max_size=40)


def stored(path: Path, names: list[str | None]) -> Path:
    """A trace whose prompts tell the rows: the name of a request can be looked up by its length."""
    count = len(names)
    columns = {
        "arrival_ns": pa.array(np.arange(count) * 10**9),
        "prompt_tokens": pa.array(np.arange(1, count + 1, dtype=np.int32)),
        "output_tokens": pa.array(np.ones(count, np.int32)),
        "adapter": pa.array(names, pa.string()).dictionary_encode(),
    }
    with TraceWriter(path, source="test", optional=["adapter"]) as writer:
        writer.write(pa.table(columns))
    return path


@given(NAMES, NAMES, st.integers(0, 2))
def test_each_request_keeps_the_adapter_of_its_cell(
    tmp_path_factory: pytest.TempPathFactory, one: list[str | None], other: list[str | None], index: int
) -> None:
    folder = tmp_path_factory.mktemp("t")
    one, other = [*one, "a"], [*other, "z"]
    stored(folder / "one.parquet", one)
    stored(folder / "other.parquet", other)
    column = AdapterColumn(without=("base",))
    both = [
        RecordedWorkload(path="one.parquet", adapters=column, rate_scale=2, block=3, tenant="one"),
        RecordedWorkload(path="other.parquet", adapters=column, tenant="other"),
        RecordedWorkload(path="other.parquet", adapters=AdapterMix(count=3), tenant="drawn"),
    ]
    numbers = adapter_numbers(both, folder)
    assert sorted(numbers.named) == sorted({*one, *other} - {None, "base"})
    assert sorted(numbers.named.values()) == [*range(len(numbers.named))]
    assert (numbers.drawn[2], numbers.count) == (len(numbers.named), len(numbers.named) + 3)
    got = concat(list(merged(both, folder=folder, seed=1, index=index, horizon_s=60.0)))
    for prompt, tenant, adapter in zip(got.prompt_tokens, got.tenants(), got.adapters(), strict=True):
        if tenant == 2:
            assert len(numbers.named) <= adapter < numbers.count
        else:
            name = (one, other)[tenant][prompt - 1]
            assert adapter == (NO_ADAPTER if name in (None, "base") else numbers.named[str(name)])


def test_a_column_that_names_no_adapter_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path / "t.parquet", ["base", None])
    with pytest.raises(InputError, match="column 'adapter' names 0 adapters"):
        adapter_numbers([RecordedWorkload(path="t.parquet", adapters=AdapterColumn(without=("base",)))], tmp_path)
    with pytest.raises(InputError, match="no column 'model'; it has adapter: import the log with --map model=COLUMN"):
        check_adapter_column(AdapterColumn(column="model"), path)
