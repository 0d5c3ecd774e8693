"""Synthesized traces: what the workload states of each request stays with it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from simcost.trace.requests.batch import NO_ADAPTER
from simcost.trace.requests.store import open_trace, read_tables
from simcost.trace.synthesis.stored_requests import synthesize
from simcost.trace.workload.arrivals import merged
from simcost.trace.workload.spec import AdapterMix, Sessions, Stream, Synthetic

TALKING = Stream(tenant="chat", priority=1, sessions=Sessions(mean_turns=3.0, think_median=5.0))
CLIENTS = Synthetic(
    rate=2.0, clients=(TALKING, Stream(tenant="batch", priority=-1)), adapters=AdapterMix(count=3, share=0.5)
)
ONE = Synthetic(rate=2.0, tenant="chat", priority=2, adapters=AdapterMix(count=2))


@pytest.mark.parametrize("spec", [CLIENTS, ONE])
def test_tenants_priorities_and_adapters_are_those_of_a_run(tmp_path: Path, spec: Synthetic) -> None:
    out = tmp_path / "t.parquet"
    synthesize(spec, out, folder=tmp_path, seed=3, horizon_s=120.0)
    names = ("arrival_ns", "tenant", "priority", "adapter")
    table = pa.Table.from_batches(list(read_tables(out, names)))
    run = list(merged([spec], folder=tmp_path, seed=3, index=0, horizon_s=120.0))
    senders = [client.tenant for client in spec.clients] or [spec.tenant]
    numbers = np.concatenate([batch.adapters() for batch in run])
    assert table["arrival_ns"].to_pylist() == [ns for batch in run for ns in batch.arrival_ns]
    assert table["tenant"].to_pylist() == [senders[number] for batch in run for number in batch.tenants()]
    assert table["priority"].to_pylist() == [rank for batch in run for rank in batch.priorities()]
    assert table["adapter"].to_pylist() == [None if n == NO_ADAPTER else f"adapter-{n + 1}" for n in numbers]


def test_a_workload_that_states_none_has_none(tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    synthesize(Synthetic(rate=2.0), out, folder=tmp_path, seed=3, horizon_s=60.0)
    assert open_trace(out).columns == ("arrival_ns", "prompt_tokens", "output_tokens")
