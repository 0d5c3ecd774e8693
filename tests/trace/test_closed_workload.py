"""Requests of a closed loop: their tokens, think times and earliest times, by law."""

from pathlib import Path

import numpy as np
import pytest

from simcost.trace.requests.batch import RequestBatch, concat
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.workload.closed import (
    ClosedWorkload,
    ConstantThinkTime,
    ExponentialThinkTime,
    LognormalThinkTime,
    ThinkTime,
)
from simcost.trace.workload.lengths import RecordedLengths, UniformLengths
from simcost.units import NS_PER_S


def drawn(folder: Path, **fields: object) -> RequestBatch:
    """All requests of a workload; think times are those of one batch."""
    workload = ClosedWorkload(clients=1, requests=50_000, **fields)  # type: ignore[arg-type]
    [batch] = workload.batches(folder=folder, seed=1, index=0)
    return batch


def test_uniform_tokens_reach_both_ends(tmp_path: Path) -> None:
    got = drawn(tmp_path, lengths=UniformLengths(prompt_tokens=(8, 12), output_tokens=(3, 3)))
    counts = np.bincount(got.prompt_tokens)[8:]
    assert len(counts) == 5
    assert counts / len(got) == pytest.approx(np.full(5, 0.2), abs=0.01)
    assert set(got.output_tokens.tolist()) == {3}


def test_recorded_tokens_come_in_their_order_and_again(tmp_path: Path) -> None:
    prompts = np.arange(1, 1001, dtype=np.int32)
    with TraceWriter(tmp_path / "t.parquet", source="test") as writer:
        writer.write_batch(RequestBatch(np.arange(1000), prompts, prompts + 1))
    got = drawn(tmp_path, lengths=RecordedLengths(trace="t.parquet"))
    assert np.array_equal(got.prompt_tokens, np.resize(prompts, 50_000))
    assert np.array_equal(got.output_tokens, got.prompt_tokens + 1)


@pytest.mark.parametrize(
    ("think", "mean_s", "cv"),
    [
        (ConstantThinkTime(), 0.0, 0.0),
        (ConstantThinkTime(time=2.5), 2.5, 0.0),
        (ExponentialThinkTime(mean=3.0), 3.0, 1.0),
        (LognormalThinkTime(median=4.0, sigma=0.5), 4.0 * np.exp(0.125), np.sqrt(np.exp(0.25) - 1)),
    ],
)
def test_think_times_have_their_law(tmp_path: Path, think: ThinkTime, mean_s: float, cv: float) -> None:
    got = drawn(tmp_path, think=think).think_ns
    assert got is not None
    assert got.mean() / NS_PER_S == pytest.approx(mean_s, rel=0.02)
    assert got.std() / NS_PER_S == pytest.approx(mean_s * cv, rel=0.04)


def test_a_rate_spaces_requests_across_batches(tmp_path: Path) -> None:
    workload = ClosedWorkload(clients=1, requests=100_000, rate=20.0)
    arrival_ns = concat(list(workload.batches(folder=tmp_path, seed=1, index=0))).arrival_ns
    gaps = np.diff(arrival_ns, prepend=0)
    assert gaps.min() >= 0
    assert gaps.mean() / NS_PER_S == pytest.approx(0.05, rel=0.02)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.02)
