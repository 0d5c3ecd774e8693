"""The laws of gaps: what they draw, how they are fitted, and what of a real trace they keep."""

from math import gamma
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from simcost.errors import TraceError
from simcost.trace.requests.batch import RequestBatch, concat
from simcost.trace.requests.similarity import ks_distance, rank_correlation
from simcost.trace.requests.statistics import Windows
from simcost.trace.requests.store import open_trace, read_batches
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.synthesis.bootstrap import rows_in_blocks
from simcost.trace.synthesis.fits import gamma_shape, weibull_shape
from simcost.trace.synthesis.gaps import Bootstrap, GammaGaps, Gaps, Mmpp, Poisson, WeibullGaps
from simcost.trace.synthesis.generator import drawn
from simcost.trace.synthesis.mmpp import States, fit_states, shares
from simcost.trace.synthesis.rates import ArrivalRates
from simcost.trace.synthesis.time_rescaling import rescaled_gaps, tuples
from simcost.trace.workload.spec import Stream

TRACE = "conversation.parquet"
STATES = {"levels": (0.1, 1.0, 6.0), "dwell": (60.0, 100.0, 40.0)}
WAVE = ArrivalRates(step_s=3600.0, expected=4000.0 * (1.5 + np.sin(np.arange(12))))
Floats = npt.NDArray[np.float64]


def draw(law: Gaps, rates: ArrivalRates, folder: Path, index: int = 0) -> RequestBatch:
    return concat(list(drawn([Stream(gaps=law)], rates, folder=folder, seed=7, index=index)))


def rescaled(law: Gaps, folder: Path = Path()) -> Floats:
    """The gaps of a draw along a wave of rates, with the wave taken out."""
    return np.diff(WAVE.clock().expected(draw(law, WAVE, folder).arrival_ns))


@pytest.mark.parametrize(
    ("law", "below"),
    [
        (Poisson(), lambda x: 1 - np.exp(-x)),
        (WeibullGaps(shape=0.6), lambda x: 1 - np.exp(-((x * gamma(1 + 1 / 0.6)) ** 0.6))),
        (GammaGaps(shape=2.0), lambda x: 1 - np.exp(-2 * x) * (1 + 2 * x)),
    ],
    ids=["poisson", "weibull", "gamma"],
)
def test_rescaled_gaps_follow_the_law(law: Gaps, below: object) -> None:
    gap = np.sort(rescaled(law))
    assert len(gap) == pytest.approx(WAVE.expected.sum(), rel=0.03)
    place = (np.arange(len(gap)) + 0.5) / len(gap)
    assert np.abs(below(gap) - place).max() < 0.012  # type: ignore[operator]


def test_modulated_poisson_has_the_dispersion_of_its_states() -> None:
    """Var / mean of counts in long windows tends to 1 + 2 x the integral of the autocovariance of the level."""
    states = States.of(STATES["levels"], STATES["dwell"])
    share = shares(states.dwell, states.jumps)
    assert share == pytest.approx(np.array([0.3, 0.5, 0.2]))
    assert np.dot(share, states.levels) == pytest.approx(1)
    generator = (states.jumps - np.eye(3)) / states.dwell[:, None]
    deviation = np.linalg.inv(np.outer(np.ones(3), share) - generator)
    limit = 1 + 2 * (share * states.levels) @ deviation @ (states.levels - 1)
    runs = []
    for index in range(3):
        flat = ArrivalRates(step_s=4e5, expected=np.array([4e5]))
        windows = Windows(2000)
        windows.add(draw(Mmpp(**STATES), flat, Path(), index).arrival_ns)  # type: ignore[arg-type]
        runs.append(windows.dispersion(int(4e14)))
    assert np.mean(runs) == pytest.approx(limit, rel=0.2)


@pytest.mark.parametrize(
    "law",
    [Poisson(), WeibullGaps(shape=0.5), GammaGaps(shape=0.3), Mmpp(**STATES), Bootstrap(trace="t.parquet")],
    ids=lambda law: law.kind,
)  # type: ignore[arg-type]
def test_the_mean_count_is_the_integral_and_counts_vary(law: Gaps, tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t.parquet", source="test") as writer:
        arrival = np.cumsum(np.random.default_rng(1).gamma(0.4, 2.5e9, 3000)).astype(np.int64)
        writer.write_batch(RequestBatch(arrival, np.full(3000, 5, np.int32), np.full(3000, 6, np.int32)))
    few = ArrivalRates(step_s=60.0, expected=np.array([10.0, 30.0]))
    counts = [len(draw(law, few, tmp_path, index)) for index in range(400)]
    assert len(set(counts)) > 20
    assert np.mean(counts) == pytest.approx(40, abs=4 * np.std(counts) / np.sqrt(400))


@pytest.mark.slow
def test_long_states_begin_as_often_as_time_is_spent_in_them() -> None:
    """Mean count = integral of the rate, however long the states are beside the run."""
    law = Mmpp(levels=(0, 1, 5), dwell=(1000, 500, 100))
    few = ArrivalRates(step_s=60.0, expected=np.array([10.0, 30.0]))
    counts = [len(draw(law, few, Path(), index)) for index in range(2000)]
    assert np.mean(counts) == pytest.approx(40, abs=4 * np.std(counts) / np.sqrt(2000))


@pytest.mark.slow
@pytest.mark.parametrize(
    "law", [WeibullGaps(shape=0.1), Bootstrap(trace="t.parquet", block=1000)], ids=lambda law: law.kind
)
def test_rare_long_gaps_and_long_blocks_are_met_as_often_as_they_last(law: Gaps, tmp_path: Path) -> None:
    """Mean count = integral of the rate. Entered within a run of so many gaps, one of short gaps was met too often:
    three times as many came, and a fifth more of blocks as long as the bursts of their trace.
    """
    rng = np.random.default_rng(4)
    level = rng.gamma(1, 1, 120)
    at_s = np.concatenate([10 * (i + np.sort(rng.random(rng.poisson(1000 * one)))) for i, one in enumerate(level)])
    arrival, tokens = (at_s * 1e9).astype(np.int64), np.full(len(at_s), 5, np.int32)
    with TraceWriter(tmp_path / "t.parquet", source="test") as writer:
        writer.write_batch(RequestBatch(arrival, tokens, tokens))
    few = ArrivalRates(step_s=60.0, expected=np.array([20.0, 20.0]))
    counts = [len(draw(law, few, tmp_path, index)) for index in range(1500)]
    assert np.mean(counts) == pytest.approx(40, abs=4 * np.std(counts) / np.sqrt(1500))


def test_fits_are_by_likelihood() -> None:
    rng = np.random.default_rng(2)
    for shape in (0.2, 1.0, 5.0):
        assert gamma_shape(rng.gamma(shape, 1 / shape, 50_000)) == pytest.approx(shape, rel=0.03)
    for shape in (0.4, 1.0, 3.0):
        gap = rng.weibull(shape, 50_000)
        assert weibull_shape(gap / gap.mean()) == pytest.approx(shape, rel=0.03)
    heavy = rng.lognormal(0, 2, 50_000)
    heavy /= heavy.mean()
    assert gamma_shape(heavy) > 5 / heavy.var()  # 1 / CV^2 would make most gaps nearly 0


def test_states_are_found_again() -> None:
    arrival = draw(Mmpp(**STATES), ArrivalRates(step_s=1e5, expected=np.array([1e5])), Path()).arrival_ns  # type: ignore[arg-type]
    counts = np.bincount(arrival // 5_000_000_000)
    found, made = fit_states(counts.astype(np.float64), 5.0), States.of(STATES["levels"], STATES["dwell"])
    assert found.levels == pytest.approx(made.levels, rel=0.1, abs=0.05)
    assert found.dwell == pytest.approx(made.dwell, rel=0.25)


def test_blocks_are_contiguous_and_all_rows_equally_likely() -> None:
    rows = rows_in_blocks(1000, 50, 200_000, np.random.default_rng(3))
    assert (np.diff(rows.reshape(-1, 50), axis=1) % 1000 == 1).all()
    assert len(set(rows[::50].tolist())) > 950
    assert np.bincount(rows, minlength=1000) == pytest.approx(np.full(1000, 200), abs=80)
    assert rows_in_blocks(7, 50, 10, np.random.default_rng(3)).max() == 6


def test_every_tuple_is_one_of_the_trace_and_follows_its_neighbour(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    arrival = np.cumsum(rng.exponential(1e9, 5000)).astype(np.int64)
    number = np.arange(1, 5001, dtype=np.int32)  # the prompt says which request it is
    with TraceWriter(tmp_path / "t.parquet", source="test") as writer:
        writer.write_batch(RequestBatch(arrival, number, number + 1))
    known = tuples(tmp_path / "t.parquet")
    got = draw(Bootstrap(trace="t.parquet"), WAVE, tmp_path)
    assert (got.output_tokens == got.prompt_tokens + 1).all()
    step = np.diff(got.prompt_tokens)
    assert (step == 1).mean() == pytest.approx(0.98, abs=0.003)
    gap = np.diff(WAVE.clock().expected(got.arrival_ns))
    assert gap == pytest.approx(known.gap[got.prompt_tokens[1:] - 2], abs=1e-6)


@pytest.mark.slow
def test_bursts_order_and_tokens_of_a_real_trace_are_kept(real: Path) -> None:
    """Reference: dispersion within 25 % at 1, 10 and 60 s; rank correlations within .03; counts within 1 %."""
    path, span_ns = real / TRACE, open_trace(real / TRACE).span_ns
    ours = concat(list(read_batches(path)))
    minutes = round(span_ns / 60e9)
    counts = np.bincount(np.minimum(ours.arrival_ns * minutes // span_ns, minutes - 1), minlength=minutes)
    mean = np.convolve(np.pad(counts.astype(float), 2, mode="symmetric"), np.full(5, 0.2), "valid")
    rates = ArrivalRates(step_s=span_ns / 1e9 / minutes, expected=mean)
    runs = [draw(Bootstrap(trace=TRACE), rates, real, index) for index in range(10)]
    for width_s in (1, 10, 60):
        idc = []
        for batch in (ours, *runs):
            windows = Windows(width_s)
            windows.add(batch.arrival_ns)
            idc.append(windows.dispersion(span_ns))
        assert np.mean(idc[1:]) == pytest.approx(idc[0], rel=0.25)
    for one in (
        lambda b: (np.diff(b.arrival_ns)[1:], np.diff(b.arrival_ns)[:-1]),
        lambda b: (b.output_tokens[1:], b.output_tokens[:-1]),
        lambda b: (b.prompt_tokens, b.output_tokens),
    ):
        kept = np.mean([rank_correlation(*one(batch)) for batch in runs])
        assert kept == pytest.approx(rank_correlation(*one(ours)), abs=0.03)
    assert np.mean([len(batch) for batch in runs]) == pytest.approx(len(ours), rel=0.01)
    assert ks_distance(np.diff(ours.arrival_ns), np.diff(runs[0].arrival_ns)) < 0.02
    alone = draw(Bootstrap(trace=TRACE, block=1), rates, real)
    assert abs(rank_correlation(alone.output_tokens[1:], alone.output_tokens[:-1])) < 0.03  # real: .11


def test_real_gaps_once_rescaled(real: Path) -> None:
    """Reference: CV 1.05, exponential at a distance of .016."""
    gap = tuples(real / TRACE).gap
    assert gap.mean() == pytest.approx(1)
    assert gap.std() == pytest.approx(1.05, abs=0.02)
    place = np.arange(len(gap)) / len(gap)
    assert np.abs(1 - np.exp(-np.sort(gap)) - place).max() == pytest.approx(0.016, abs=0.006)


def test_ties_are_spread_over_the_tick_of_the_clock() -> None:
    arrival_s = np.sort(np.random.default_rng(5).random(20_000) * 20_000).round()
    gap, row = rescaled_gaps(arrival_s, np.random.default_rng(6))
    assert len(gap) == len(row) == 19_999
    assert np.abs(1 - np.exp(-np.sort(gap)) - np.arange(len(gap)) / len(gap)).max() < 0.02


def test_a_trace_too_short_to_fit(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t.parquet", source="test") as writer:
        writer.write_batch(RequestBatch(np.arange(5), np.ones(5, np.int32), np.ones(5, np.int32)))
    with pytest.raises(TraceError, match="too few"):
        draw(GammaGaps(trace="t.parquet"), WAVE, tmp_path)


@pytest.mark.parametrize(
    "law",
    [
        lambda: GammaGaps(),
        lambda: GammaGaps(shape=1.0, trace="t"),
        lambda: Mmpp(levels=(1, 2, 3)),
        lambda: Mmpp(levels=(0, 0, 0), dwell=(1, 1, 1)),
        lambda: WeibullGaps(),
    ],
)
def test_laws_that_say_too_little_or_too_much(law: object) -> None:
    with pytest.raises(ValueError, match="give"):
        law()  # type: ignore[operator]
