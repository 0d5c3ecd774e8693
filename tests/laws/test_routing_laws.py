"""Routers and limits at the door: closed forms of central queues and of loss, and what old signals cost."""

from dataclasses import replace
from math import factorial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.pools import step

from simcost.ledger.requests import RequestOutcomes
from simcost.plan import Admission, Batching, Fixed, LeastOutstanding, PowerOfTwo, RoundRobin, Router
from simcost.plan.routing import EndpointPicker, Weighted
from simcost.plan.routing.routers import LowestRate, RayPowerOfTwo, Session, VllmDataParallel
from simcost.plan.routing.scorers import ActiveRequest, KvCacheUtilization, PrefixCache, QueueDepth
from simcost.plan.serving import Saturation
from simcost.sim import Pool, simulate
from simcost.trace.requests.batch import Priorities, RequestBatch
from simcost.trace.requests.readers import import_trace
from simcost.trace.requests.store import read_with_sessions

pytestmark = pytest.mark.slow

SERVERS, MU, COUNT = 5, 2.0, 200_000
STEP = step(6e-3, 16e-6, 13e-6, 42e-9)


def lone_servers(admission: Admission) -> Pool:
    """Servers that take one request at a time, served for a time in proportion to its prompt."""
    time = replace(STEP, a_s=1e-9, b_s_per_token=1 / (MU * 1e4), c_s_per_sequence=0, d_s_per_token=0)
    return Pool(
        name="queue",
        step=time,
        kv_capacity_tokens=10**7,
        scaling=Fixed(replicas=SERVERS),
        batching=Batching(max_num_seqs=1, max_num_batched_tokens=10**6),
        router=RoundRobin(),
        admission=admission,
    )


def play(pool: Pool, load: float, ranks: Priorities | None = None, rows: Path | None = None) -> RequestOutcomes:
    g = np.random.default_rng(5)
    times = np.cumsum(g.exponential(1e9 / (load * MU), COUNT)).astype(np.int64)
    prompts = np.maximum(g.exponential(1e4, COUNT), 1).astype(np.int32)
    priority = None if ranks is None else ranks[np.arange(COUNT) % len(ranks)]
    batch = RequestBatch(times, prompts, np.ones(COUNT, np.int32), priority=priority)
    return simulate(pool, iter([batch]), horizon_s=float(times[-1]) * 1e-9 + 600, rows=rows).outcomes


def erlang_b(load: float) -> float:
    terms = [load**k / factorial(k) for k in range(SERVERS + 1)]
    return terms[-1] / sum(terms)


def test_one_request_at_a_time_makes_the_gateway_the_queue_of_mmc() -> None:
    """Whatever the router, requests wait in one line for the next free server: Erlang C."""
    load = 4.0
    waits = erlang_b(load) / (1 - load / SERVERS * (1 - erlang_b(load)))
    expected = 1 / MU + waits / (SERVERS * MU - load * MU)
    got = play(lone_servers(Admission(max_ongoing=1)), load)
    assert got.completed == COUNT
    assert got.outstanding_s / COUNT == pytest.approx(expected, rel=0.02)


def test_no_room_at_the_gateway_is_loss_by_erlang_b() -> None:
    load = 4.0
    got = play(lone_servers(Admission(max_ongoing=1, max_queued=0)), load)
    assert got.rejected + got.completed == COUNT
    assert got.rejected / COUNT == pytest.approx(erlang_b(load), rel=0.03)


def chat(count: int = 40_000, rate_per_s: float = 150) -> RequestBatch:
    g = np.random.default_rng(1)
    prompts = np.clip(g.lognormal(np.log(1000), 1.0, count), 1, 16_000).astype(np.int32)
    outputs = np.clip(g.lognormal(np.log(150), 1.0, count), 1, 4000).astype(np.int32)
    times = np.cumsum(g.exponential(1e9 / rate_per_s, count)).astype(np.int64)
    return RequestBatch(times, prompts, outputs, g.integers(0, 3000, count))


def served(router: Router, admission: Admission | None = None, requests: RequestBatch | None = None) -> RequestOutcomes:
    pool = Pool(
        name="p",
        step=STEP,
        kv_capacity_tokens=466_160,
        scaling=Fixed(replicas=16),
        router=router,
        batching=Batching(max_num_seqs=64),
        admission=admission or Admission(),
    )
    batch = requests or chat()
    return simulate(pool, iter([batch]), horizon_s=float(batch.arrival_ns[-1]) * 1e-9 + 600).outcomes


def mean_e2e_s(router: Router) -> float:
    got = served(router)
    assert got.in_system == 0
    return got.outstanding_s / got.completed


def picker(refresh_s: float) -> EndpointPicker:
    scorers = (Weighted(scorer=QueueDepth()), Weighted(scorer=KvCacheUtilization()))
    return EndpointPicker(scorers=scorers, refresh=refresh_s)


def test_the_older_the_signals_the_longer_requests_take() -> None:
    """Between two reports a picker without counters of its own sends all to the one that looked best."""
    times = [mean_e2e_s(picker(age_s)) for age_s in (0.0, 0.05, 1.0, 5.0)]
    assert times == sorted(times)
    assert times[-1] > 3 * times[0]


def test_counting_what_was_sent_since_makes_up_for_old_reports() -> None:
    assert mean_e2e_s(VllmDataParallel(refresh=5.0)) < 1.1 * mean_e2e_s(VllmDataParallel(refresh=0.0))
    assert mean_e2e_s(VllmDataParallel(refresh=5.0)) < mean_e2e_s(picker(5.0)) / 3


def test_power_of_two_that_asks_beats_one_that_remembers() -> None:
    fresh, asks = mean_e2e_s(PowerOfTwo()), RayPowerOfTwo(max_ongoing_requests=1000, refresh=0)
    remembers = RayPowerOfTwo(max_ongoing_requests=1000, refresh=10)
    assert mean_e2e_s(asks) == pytest.approx(fresh, rel=0.01)
    assert mean_e2e_s(remembers) > 1.02 * fresh


def test_routers_that_count_alike_serve_alike() -> None:
    """The fewest under way is what least-outstanding takes, and what the active-request scorer scores highest."""
    active = EndpointPicker(scorers=(Weighted(scorer=ActiveRequest()),))
    assert mean_e2e_s(active) == pytest.approx(mean_e2e_s(LeastOutstanding()), rel=0.01)


def test_a_session_stays_where_it_is_and_the_others_go_by_rate() -> None:
    one = replace(chat(2000, 10), session=np.full(2000, 7))
    alone = served(Session(), requests=one)
    everywhere = served(LowestRate(), requests=one)
    assert alone.outstanding_s > 1.5 * everywhere.outstanding_s  # all on one of sixteen


def test_saturation_sheds_or_holds_and_counts_what_it_sheds() -> None:
    heavy = chat(20_000, 600)
    shed = served(picker(0.05), Admission(saturation=Saturation(then="reject")), heavy)
    held = served(picker(0.05), Admission(saturation=Saturation(then="hold")), heavy)
    bounded = served(picker(0.05), Admission(saturation=Saturation(), max_queued=50), heavy)
    for got in (shed, held, bounded):
        assert got.arrived == got.completed + got.rejected + got.timed_out + got.lost + got.in_system
    assert held.rejected == 0
    assert shed.rejected > 1000
    assert bounded.rejected > 1000
    assert shed.outstanding_s / shed.completed < held.outstanding_s / held.completed


def test_so_many_wait_for_each_ready_replica() -> None:
    """A queue per replica is one queue of as many times the length, while the replicas are the same."""
    heavy = chat(20_000, 600)
    each = served(LeastOutstanding(), Admission(max_ongoing=8, max_queued_per_replica=5), heavy)
    all_of_them = served(LeastOutstanding(), Admission(max_ongoing=8, max_queued=5 * 16), heavy)
    tighter = served(LeastOutstanding(), Admission(max_ongoing=8, max_queued=7, max_queued_per_replica=5), heavy)
    assert each.rejected == all_of_them.rejected > 1000
    assert each.outstanding_s == all_of_them.outstanding_s
    assert tighter.rejected > each.rejected


RANKS = np.array([-1, 0, 7], np.int16)


def ranked(requests: RequestBatch) -> RequestBatch:
    """A third of the requests of each priority, in turn."""
    return replace(requests, priority=RANKS[np.arange(len(requests)) % 3])


def test_waits_by_priority_are_those_of_cobham(tmp_path: Path) -> None:
    """Servers that finish what they began, the highest of those that wait next: Cobham 1954, for several servers."""
    load = 4.0
    delayed = erlang_b(load) / (1 - load / SERVERS * (1 - erlang_b(load)))
    busy = [load / SERVERS * k / 3 for k in range(4)]
    rows = tmp_path / "rows.parquet"
    got = play(lone_servers(Admission(max_ongoing=1)), load, ranks=RANKS[[2, 1, 0]], rows=rows)
    table = pq.read_table(rows)
    number, e2e_s = table["request"].to_numpy(), table["e2e_s"].to_numpy()
    for k in range(3):
        wait_s = delayed / (SERVERS * MU) / ((1 - busy[k]) * (1 - busy[k + 1]))
        assert e2e_s[number % 3 == k].mean() == pytest.approx(1 / MU + wait_s, rel=0.06)
    for name in ("arrived", "completed", "rejected", "timed_out", "lost", "in_system"):
        assert sum(one[name] for one in got.by_priority) == getattr(got, name)
    assert [one["priority"] for one in got.by_priority] == [7, 0, -1]


@pytest.mark.parametrize("servers", [1, 4])
def test_prefixes_of_a_public_trace_are_found_as_a_search_finds_them(
    shared: Path, tmp_path: Path, servers: int
) -> None:
    """With one replica and a long memory a hit is a block that came before; with several, who has it gets it."""
    log = shared / "data" / "traces" / "mooncake_conversation_trace.jsonl.gz"
    import_trace(log, "mooncake", tmp_path / "t.parquet")
    requests = next(read_with_sessions(tmp_path / "t.parquet", 1500, prefixes=True))
    scorer = PrefixCache(block_tokens=512, max_blocks=4000, capacity_tokens=10**8)
    pool = Pool(
        name="p",
        step=STEP,
        kv_capacity_tokens=10**6,
        scaling=Fixed(replicas=servers),
        prefix_block_tokens=512,
        router=EndpointPicker(scorers=(Weighted(scorer=scorer),)),
    )
    got = simulate(pool, iter([requests]), horizon_s=float(requests.arrival_ns[-1]) * 1e-9 + 60).outcomes
    seen, blocks, hits = set[int](), 0, 0
    for chain in requests.prefix.to_pylist():
        blocks += len(chain)
        hits += next((k for k, block in enumerate(chain) if block not in seen), len(chain))
        seen.update(chain)
    assert hits > 2000
    assert got.prefix_blocks == (blocks, hits)


def test_without_a_queue_priorities_change_nothing() -> None:
    requests = chat(3000)
    one, other = (
        served(LeastOutstanding(), requests=requests),
        served(LeastOutstanding(), requests=ranked(requests)),
    )
    assert one.outstanding_s == other.outstanding_s
    assert np.array_equal(one.histograms, other.histograms)
    assert one.windows.equals(other.windows)


def test_only_negative_priorities_are_shed() -> None:
    heavy = ranked(chat(20_000, 600))
    shed = served(picker(0.05), Admission(saturation=Saturation(then="shed")), heavy)
    assert [one["rejected"] > 0 for one in shed.by_priority] == [False, False, True]
    nobody = served(picker(0.05), Admission(saturation=Saturation(then="shed")), chat(20_000, 600))
    assert nobody.rejected == 0


def test_who_waits_too_long_at_the_gateway_is_rejected() -> None:
    heavy = chat(20_000, 600)
    for most_s in (0.5, 2.0):
        got = served(LeastOutstanding(), Admission(max_ongoing=8, max_wait=most_s), heavy)
        assert got.rejected > 1000
        assert got.outstanding_s < got.rejected * most_s + got.completed * (most_s + 15)


@pytest.mark.parametrize("router", [VllmDataParallel(), LowestRate(), Session(), RayPowerOfTwo(), picker(0.05)])
def test_same_requests_same_outcomes(router: Router) -> None:
    batch = chat(3000)
    one, other = served(router, requests=batch), served(router, requests=batch)
    assert one.outstanding_s == other.outstanding_s
    assert one.completed == len(batch)
