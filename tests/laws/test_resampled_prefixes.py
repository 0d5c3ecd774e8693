"""Laws of the prefixes of replications: a request that is drawn again is another one, and shares what it shared."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from simcost.trace.requests.writer import TraceWriter
from simcost.trace.workload.replay import replay
from simcost.trace.workload.spec import RecordedWorkload
from simcost.units import NS_PER_S

REQUESTS = 600
TURNS = 3


def written(path: Path, hashes: list[list[int]]) -> None:
    """A trace with a request each 10 s."""
    columns = {
        "arrival_ns": np.arange(len(hashes)) * 10 * NS_PER_S,
        "prompt_tokens": np.full(len(hashes), 2048, np.int32),
        "output_tokens": np.full(len(hashes), 10, np.int32),
        "prefix_hashes": pa.array(hashes, pa.list_(pa.int64())),
    }
    with TraceWriter(path, source="test", optional=("prefix_hashes",), block_tokens=512) as out:
        out.write(pa.table(columns))


def hashes_of(path: Path, index: int, rate_scale: float, batch_rows: int = 10**6) -> pa.Array:
    """The prefixes of a replication, one after the other."""
    workload = RecordedWorkload(path=path.name, rate_scale=rate_scale)
    options = {"folder": path.parent, "seed": 1, "index": index, "horizon_s": None, "part": 0}
    found = replay(workload, prefixes=True, batch_rows=batch_rows, **options)  # type: ignore[arg-type]
    return pa.concat_arrays([batch.prefix for batch in found])


def reuse(prefixes: pa.Array) -> float:
    blocks = prefixes.flatten().to_numpy()
    return 1 - len(np.unique(blocks)) / len(blocks)


@pytest.mark.parametrize("rate_scale", [0.5, 1, 2.5])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_prompts_that_share_nothing_share_nothing_in_any_replication(
    tmp_path: Path, index: int, rate_scale: float
) -> None:
    """Of a trace without any reuse, replications reused 35 %: stretches that are drawn twice."""
    written(tmp_path / "t.parquet", [[4 * row + block for block in range(4)] for row in range(REQUESTS)])
    assert reuse(hashes_of(tmp_path / "t.parquet", index, rate_scale)) == 0


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_system_prompt_is_shared_by_all_in_any_replication(tmp_path: Path, index: int) -> None:
    written(tmp_path / "t.parquet", [[-1, 4 * row, 4 * row + 1, 4 * row + 2] for row in range(REQUESTS)])
    found = hashes_of(tmp_path / "t.parquet", index, 1)
    assert reuse(found) == pytest.approx((len(found) - 1) / (4 * len(found)), abs=1e-12)


@pytest.mark.parametrize("index", [1, 2, 3])
def test_conversations_are_reused_about_as_much(tmp_path: Path, index: int) -> None:
    """Turns of 1, 2 and 3 blocks reuse 1/2; in a replication a bit less, as beginnings are missing: 60 % before."""
    hashes = [
        [TURNS * talk + block for block in range(turn + 1)]
        for talk in range(REQUESTS // TURNS)
        for turn in range(TURNS)
    ]
    written(tmp_path / "t.parquet", hashes)
    assert reuse(hashes_of(tmp_path / "t.parquet", 0, 1)) == 0.5
    found = hashes_of(tmp_path / "t.parquet", index, 1)
    assert 0.42 < reuse(found) <= 0.5
    assert found.equals(hashes_of(tmp_path / "t.parquet", index, 1, batch_rows=7))


@pytest.mark.parametrize("index", [1, 2, 3])
def test_a_conversation_that_begins_again_is_another_one(tmp_path: Path, index: int) -> None:
    """Its second copy found all that the first had said."""
    session = [f"talk {row // 2}" if row % 3 else f"alone {row}" for row in range(REQUESTS)]
    columns = {
        "arrival_ns": np.arange(REQUESTS) * 10 * NS_PER_S,
        "prompt_tokens": np.arange(1, REQUESTS + 1, dtype=np.int32),
        "output_tokens": np.full(REQUESTS, 10, np.int32),
        "session": pa.array(session),
    }
    with TraceWriter(tmp_path / "t.parquet", source="test", optional=("session",)) as out:
        out.write(pa.table(columns))
    workload = RecordedWorkload(path="t.parquet")
    batches = list(replay(workload, folder=tmp_path, seed=1, index=index, horizon_s=None, part=0, batch_rows=7))
    rows = np.concatenate([batch.prompt_tokens for batch in batches]) - 1
    numbers = np.concatenate([batch.sessions() for batch in batches])
    assert len(np.unique(rows)) < 0.8 * len(rows)
    alone = rows % 3 == 0
    assert len(np.unique(numbers[alone])) == alone.sum()
    assert not np.isin(numbers[alone], numbers[~alone]).any()
    for number in np.unique(numbers[~alone]):
        assert len(np.unique(rows[numbers == number] // 2)) == 1, "they are of one conversation"
    assert numbers.max() < len(rows), "the engine has a place for each"
