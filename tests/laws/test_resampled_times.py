"""Law of replications of a trace: each part of it is taken once on average, at its ends too."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from simcost.trace.requests.writer import TraceWriter
from simcost.trace.workload.replay import replay
from simcost.trace.workload.spec import RecordedWorkload
from simcost.units import NS_PER_S

SECONDS, REPLICATIONS, PARTS = 400, 300, 20


@pytest.mark.slow
@pytest.mark.parametrize("reach", [20.0, 90.0, 1000.0], ids=["near", "far", "beyond both ends"])
def test_each_part_is_taken_once_on_average(tmp_path: Path, reach: float) -> None:
    """Those next to the ends were taken too rarely, and those at `reach` from them too often."""
    columns = {
        "arrival_ns": np.arange(SECONDS) * NS_PER_S,
        "prompt_tokens": np.arange(1, SECONDS + 1, dtype=np.int32),
        "output_tokens": np.full(SECONDS, 10, np.int32),
    }
    with TraceWriter(tmp_path / "t.parquet", source="test") as out:
        out.write(pa.table(columns))
    workload = RecordedWorkload(path="t.parquet", block=2.0, reach=reach)
    taken = np.empty((REPLICATIONS, PARTS))
    for index in range(REPLICATIONS):
        batches = replay(workload, folder=tmp_path, seed=1, index=index + 1, horizon_s=None, part=0)
        numbers = np.concatenate([batch.prompt_tokens for batch in batches]) - 1
        taken[index] = np.bincount(numbers * PARTS // SECONDS, minlength=PARTS) * PARTS / SECONDS
    error = taken.std(axis=0, ddof=1) / REPLICATIONS**0.5
    assert np.abs((taken.mean(axis=0) - 1) / error).max() < 4
