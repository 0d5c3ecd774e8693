"""`trace compare`: what is alike passes, what is not is named."""

from pathlib import Path

import numpy as np
import pytest
from support.shown import on_terminal

from simcost.studies.traces.compare_view import parts
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.requests.similarity import TOLERANCES, compare_traces, ks_distance, rank_correlation
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.synthesis.gaps import Bootstrap, GammaGaps, Gaps
from simcost.trace.synthesis.stored_requests import synthesize
from simcost.trace.workload.spec import Lengths, Stream, Synthetic

text = on_terminal(parts)

TRACE = "bursty.parquet"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a trace of bursty gaps whose outputs follow one another."""
    home = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(1)
    count = 20_000
    arrival = np.cumsum(rng.gamma(0.3, 1e9, count)).astype(np.int64)
    level = np.repeat(rng.normal(0, 1, count // 20), 20)
    output = np.exp(4 + 0.5 * level + 0.5 * rng.normal(0, 1, count)).astype(np.int32) + 1
    with TraceWriter(home / TRACE, source="test") as writer:
        writer.write_batch(RequestBatch(arrival, (output * 3 + rng.integers(0, 300, count)).astype(np.int32), output))
    return home


def outside(folder: Path, gaps: Gaps, lengths: Lengths | None = None) -> set[str]:
    """The checks that a synthetic trace does not pass."""
    spec = Synthetic(rate=3.33, daily=(1.0,) * 24, clients=(Stream(gaps=gaps, lengths=lengths),))
    synthesize(spec, folder / "made.parquet", folder=folder, seed=2, horizon_s=6000.0)
    document = compare_traces(folder / TRACE, folder / "made.parquet")
    for check in document["checks"]:
        assert check["reason"] in {reason for _, reason in TOLERANCES.values()}
    failed = {check["check"] for check in document["checks"] if not check["within"]}
    assert all(name in document["verdict"] for name in failed)
    assert text(document).count(" NO\n") == len(failed)
    return failed


def test_a_bootstrap_is_alike(folder: Path) -> None:
    assert outside(folder, Bootstrap(trace=TRACE)) == set()


def test_what_is_lost_is_named(folder: Path) -> None:
    assert outside(folder, Bootstrap(trace=TRACE, block=1)) == {"output_lag1_correlation"}
    regular = outside(folder, GammaGaps(shape=4.0), Lengths(output_median=60))
    assert {
        "cv",
        "dispersion_1s",
        "gaps",
        "rescaled_gaps",
        "prompt_tokens",
        "prompt_output_correlation",
    } <= regular
    assert "rate_per_s" not in regular


def test_a_trace_is_like_itself(folder: Path) -> None:
    document = compare_traces(folder / TRACE, folder / TRACE)
    assert document["verdict"].startswith("Alike: all 13 checks")
    assert all(check.get("ratio", 1) == 1 for check in document["checks"])
    assert all(check.get("distance", 0) == check.get("difference", 0) == 0 for check in document["checks"])


def test_distance_and_correlation() -> None:
    assert ks_distance(np.arange(100), np.arange(50, 150)) == pytest.approx(0.5)
    assert rank_correlation(np.array([1, 2, 3, 4]), np.array([1, 4, 9, 16])) == pytest.approx(1)
    assert rank_correlation(np.array([1, 1, 2, 3]), np.array([5, 5, 4, 3])) == pytest.approx(-1)
    assert rank_correlation(np.ones(4), np.arange(4)) == 0
