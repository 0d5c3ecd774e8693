"""Clients, lengths and conversations along expected rates."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simcost.errors import InputError, TraceError
from simcost.trace.requests.batch import RequestBatch, concat
from simcost.trace.requests.describe import describe_trace
from simcost.trace.requests.similarity import compare_traces, rank_correlation
from simcost.trace.requests.store import open_trace, read_tables
from simcost.trace.synthesis.gaps import Bootstrap, GammaGaps, Poisson
from simcost.trace.synthesis.generator import drawn
from simcost.trace.synthesis.rates import ArrivalRates
from simcost.trace.synthesis.sessions import recorded
from simcost.trace.synthesis.stored_requests import synthesize
from simcost.trace.workload.spec import Lengths, Sessions, Stream, Synthetic, workload_traces

FLAT = (1.0,) * 24
HOURS = ArrivalRates(step_s=3600.0, expected=np.array([4000.0, 8000.0, 0.0, 6000.0]))
TALK = Sessions(mean_turns=3.0, think_median=60.0, think_sigma=0.5, system_tokens=1024)


def draw(
    *streams: Stream,
    rates: ArrivalRates = HOURS,
    folder: Path = Path(),
    index: int = 0,
    seed: int = 1,
    length_scale: object = None,
    cut: Counter[str] | None = None,
) -> RequestBatch:
    return concat(
        list(drawn(streams, rates, folder=folder, seed=seed, index=index, cut=cut, length_scale=length_scale))
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", [Stream(), Stream(gaps=GammaGaps(shape=0.5)), Stream(sessions=TALK)])
def test_same_seed_same_bytes(stream: Stream) -> None:
    one, again, other = draw(stream), draw(stream), draw(stream, index=1)
    assert one.arrival_ns.tobytes() == again.arrival_ns.tobytes()
    assert one.prompt_tokens.tobytes() == again.prompt_tokens.tobytes()
    assert len(one) != len(other) or (one.arrival_ns != other.arrival_ns).any()
    assert (np.diff(one.arrival_ns) >= 0).all()
    assert 0 <= one.arrival_ns[0] <= one.arrival_ns[-1] <= 4 * 3600e9


@pytest.mark.parametrize(("median_s", "sigma"), [(1e9, 1.0), (1e9, 3.0), (1e6, 3.0)])
def test_pauses_that_no_simulation_can_begin_before_are_refused(median_s: float, sigma: float) -> None:
    """It had to begin a conversation for each of the years before, and never ended; the longest overflowed."""
    with pytest.raises(InputError, match=r"conversations .* last up to .* days .* lower think_median or think_sigma"):
        draw(Stream(sessions=Sessions(mean_turns=3.0, think_median=median_s, think_sigma=sigma)))


def test_pauses_far_longer_than_the_run_keep_its_rate() -> None:
    flat = ArrivalRates(step_s=3600.0, expected=np.full(4, 4500.0))
    got = draw(Stream(sessions=Sessions(mean_turns=2.0, think_median=86_400.0, think_sigma=0.5)), rates=flat)
    assert len(got) == pytest.approx(18_000, rel=0.05)


def test_clients_have_their_shares_and_add_up() -> None:
    rigid = Stream(share=3.0, lengths=Lengths(prompt_median=9, prompt_sigma=0))
    got = draw(rigid, Stream(lengths=Lengths(prompt_median=90, prompt_sigma=0)))
    assert len(got) == pytest.approx(18_000, rel=0.03)
    assert (got.prompt_tokens == 9).mean() == pytest.approx(0.75, abs=0.01)
    hour = np.bincount((got.arrival_ns // int(3600e9)), minlength=4)
    assert hour == pytest.approx(HOURS.expected, abs=4 * 90)
    assert hour[2] == 0


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simcost.trace.synthesis.generator.BATCH_ROWS", 2000)
    monkeypatch.setattr("simcost.trace.synthesis.generator._FIRST", 500)
    sizes = [len(b) for b in drawn([Stream()], HOURS, folder=Path(), seed=1, index=0)]
    assert max(sizes) <= 2000
    assert sum(sizes) == pytest.approx(18_000, rel=0.03)


def test_tokens_come_with_the_gaps_unless_lengths_are_given(real: Path) -> None:
    named = "conversation.parquet"
    pairs = {
        (int(p), int(o))
        for table in read_tables(real / named, ["prompt_tokens", "output_tokens"])
        for p, o in zip(*(c.to_numpy() for c in table.columns), strict=True)
    }
    along = draw(Stream(gaps=Bootstrap(trace=named)), folder=real)
    assert set(zip(along.prompt_tokens.tolist(), along.output_tokens.tolist(), strict=True)) <= pairs
    assert rank_correlation(along.output_tokens[1:], along.output_tokens[:-1]) > 0.08
    alone = draw(Stream(gaps=Bootstrap(trace=named), lengths=Lengths(trace=named)), folder=real)
    assert set(zip(alone.prompt_tokens.tolist(), alone.output_tokens.tolist(), strict=True)) <= pairs
    assert abs(rank_correlation(alone.output_tokens[1:], alone.output_tokens[:-1])) < 0.03


def test_scales_and_context() -> None:
    sure = Lengths(prompt_median=1000, prompt_sigma=0, output_median=100, output_sigma=0)
    got = draw(Stream(lengths=sure, prompt_scale=1.5, output_scale=0.25))
    assert set(got.prompt_tokens.tolist()) == {1500}
    assert set(got.output_tokens.tolist()) == {25}
    cut: Counter[str] = Counter()
    got = draw(Stream(lengths=sure, max_tokens=1050), Stream(lengths=sure, max_tokens=900), cut=cut)
    assert set(zip(got.prompt_tokens.tolist(), got.output_tokens.tolist(), strict=True)) == {
        (1000, 50),
        (899, 1),
    }
    assert cut["output"] == len(got)
    assert cut["prompt"] == (got.prompt_tokens == 899).sum()


def test_lengths_change_over_time() -> None:
    sure = Lengths(prompt_median=1000, prompt_sigma=0, output_median=100, output_sigma=0)
    got = draw(Stream(lengths=sure), length_scale=(np.array([1, 2, 1, 3.0]), np.array([1, 1, 1, 0.5])))
    hour = got.arrival_ns // int(3600e9)
    assert (got.prompt_tokens == np.array([1000, 2000, 0, 3000])[hour]).all()
    assert (got.output_tokens == np.array([100, 100, 0, 50])[hour]).all()
    for wrong in (np.ones(3), np.array([1, 1, 0, 1.0])):
        with pytest.raises(InputError, match="length scale"):
            draw(Stream(), length_scale=(wrong, np.ones(4)))


def test_nothing_comes_of_nothing() -> None:
    assert len(draw(Stream(), Stream(sessions=TALK), rates=ArrivalRates(step_s=60.0, expected=np.zeros(3)))) == 0


def test_conversations_repeat_what_was_said() -> None:
    got = draw(Stream(sessions=TALK))
    assert len(got) == pytest.approx(18_000, rel=0.06)
    assert got.session is not None
    order = np.lexsort((got.arrival_ns, got.session))
    session, prompt = got.session[order], got.prompt_tokens[order].astype(int)
    same = np.diff(session) == 0
    text = prompt[:-1] + got.output_tokens[order][:-1]
    assert (prompt[1:] >= text)[same].all()
    assert np.diff(got.arrival_ns[order])[same].min() > 0
    whole = np.isin(session, np.unique(session)[200:-1500])
    assert whole.sum() / len(np.unique(session[whole])) == pytest.approx(3, rel=0.06)


def test_conversations_keep_the_mean_count() -> None:
    flat = ArrivalRates(step_s=600.0, expected=np.full(3, 300.0))
    counts = [len(draw(Stream(sessions=TALK), rates=flat, index=index)) for index in range(60)]
    assert np.mean(counts) == pytest.approx(900, abs=4 * np.std(counts) / np.sqrt(60) + 3)
    hour = np.concatenate([draw(Stream(sessions=TALK), rates=flat, index=i).arrival_ns for i in range(20)])
    assert np.bincount(hour // int(600e9), minlength=3)[:3] / len(hour) == pytest.approx(np.full(3, 1 / 3), abs=0.02)


def test_conversations_of_a_real_trace(real: Path) -> None:
    """Reference: 8072 conversations, 1.49 turns, 74.7 % of one turn, one shared block of 512 tokens."""
    known = recorded(real / "mooncake.parquet")
    assert (len(known.count), known.system_tokens) == (8072, 512)
    assert known.mean_turns == pytest.approx(1.49, abs=0.005)
    assert (known.count == 1).mean() == pytest.approx(0.747, abs=0.0005)
    assert np.quantile(known.count, [0.9, 0.99]).tolist() == [2, 7]
    later = known.gap_ns[known.gap_ns > 0] / 1e9
    assert np.quantile(later, [0.1, 0.5, 0.9]) == pytest.approx([39, 123, 474], rel=0.05)


def test_prefix_reuse_of_synthesized_conversations(real: Path) -> None:
    """The real trace reuses 36.6 % of its blocks; 2.8 points of that are prompts that share more than the system
    prompt with others, yet continue none, which the generator does not make.
    """
    name, out = "mooncake.parquet", real / "made.parquet"
    stream = Stream(gaps=Bootstrap(trace=name), sessions=Sessions(trace=name), max_tokens=100_000)
    rate = open_trace(real / name).rows / open_trace(real / name).span_s
    spec = Synthetic(rate=rate, daily=FLAT, clients=(stream,))
    made = synthesize(spec, out, folder=real, seed=3, horizon_s=3537.0)
    assert made["cut"]["prompt"] > 0
    said = describe_trace(out)
    assert said["prefix_reuse"] == pytest.approx(0.366, abs=0.05)
    assert said["block_tokens"] == 512
    assert said["columns"] == ["arrival_ns", "prompt_tokens", "output_tokens", "session", "prefix_hashes"]
    table = next(read_tables(out, ["prompt_tokens", "session", "prefix_hashes"]))
    blocks = table["prefix_hashes"].value_lengths().to_numpy()
    assert (blocks == -(-table["prompt_tokens"].to_numpy() // 512)).all()
    again = recorded(out)  # by its labels
    assert again.mean_turns == pytest.approx(1.45, abs=0.08)
    checks = {check["check"]: check for check in compare_traces(real / name, out)["checks"]}
    assert checks["prefix_reuse"]["within"]
    assert "cv" not in checks  # of a clock with steps of 3 s


def test_sessions_among_single_requests(tmp_path: Path) -> None:
    spec = Synthetic(rate=3.0, daily=FLAT, clients=(Stream(sessions=TALK), Stream(share=0.5)))
    synthesize(spec, tmp_path / "t.parquet", folder=tmp_path, seed=1, horizon_s=2000.0)
    table = next(read_tables(tmp_path / "t.parquet", ["session", "prefix_hashes"]))
    assert table["session"].null_count / len(table) == pytest.approx(1 / 3, abs=0.05)
    first = [hashes[0] for hashes in table["prefix_hashes"].to_pylist() if hashes]
    assert set(first) == {0}  # the system prompt


def test_a_trace_without_conversations(real: Path) -> None:
    with pytest.raises(TraceError, match="mean_turns"):
        draw(Stream(sessions=Sessions(trace="conversation.parquet")), folder=real)


def test_a_synthetic_workload_of_clients() -> None:
    clients = (
        Stream(gaps=Bootstrap(trace="a.parquet")),
        Stream(lengths=Lengths(trace="b.parquet")),
        Stream(gaps=Poisson(), sessions=Sessions(trace="c.parquet")),
    )
    assert workload_traces(Synthetic(rate=1.0, clients=clients)) == ["a.parquet", "b.parquet", "c.parquet"]
    with pytest.raises(ValueError, match="of their own"):
        Synthetic(rate=1.0, clients=clients, burst_cv=0.5)
