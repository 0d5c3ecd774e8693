"""Clients who send requests again, of tenants with rate limits: the compiled ones equal the plain ones bit for bit, and
nothing is counted twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import persistent
import pyarrow as pa
import pytest
import stepwise
import test_engine
from support.blocks import blocks
from test_engine import MODES, MOST_RETRIES, Workload, played, random_workload

from simcost.plan import Admission
from simcost.plan.rate_limits import RateLimits
from simcost.plan.routing import EndpointPicker, Weighted
from simcost.plan.routing.scorers import PrefixCache
from simcost.plan.serving import Retries
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import retries
from simcost.sim.serving.engine_driver import DataPlane
from simcost.trace.requests.batch import RequestBatch

pytestmark = pytest.mark.slow

BLOCK = 4


def random_retries(g: np.random.Generator) -> Retries:
    causes = [one for one in ("rejected", "timeout", "lost") if g.random() < 0.8] or ["timeout"]
    return Retries(
        attempts=int(g.integers(2, 6)),
        on=tuple(causes),
        backoff=int(g.choice([0, 1, 30, 800])) * 1e-9,
        factor=float(g.choice([1, 1.5, 2])),
        max_backoff=int(g.integers(1, 3000)) * 1e-9,
        jitter=float(g.choice([0, 0.3, 1])),
        budget=float(g.choice([0.05, 0.2, 1])) if g.random() < 0.4 else None,
        burst=int(g.integers(1, 5)),
    )


def random_limits(g: np.random.Generator, work: Workload) -> RateLimits | None:
    """Limits of the order of what a tenant sends; None = it has none."""
    if g.random() < 0.3:
        return None
    per_min = len(work.arrivals) / work.horizon * 60e9
    length = float(np.mean([arrival[1] + arrival[2] for arrival in work.arrivals]))
    kinds = g.random(3) < 0.5
    return RateLimits(
        requests_per_min=per_min * float(g.uniform(0.1, 1)) if kinds[0] or not kinds.any() else None,
        tokens_per_min=per_min * length * float(g.uniform(0.1, 1)) if kinds[1] else None,
        counted=str(g.choice(["prompt", "total", "answered"])),
        burst=float(g.uniform(0.02, 0.4)) * work.horizon * 1e-9,
        concurrent=int(g.integers(1, 6)) if kinds[2] else None,
    )


@dataclass(frozen=True)
class Crowd:
    """Requests of some priorities and tenants, and what their clients do."""

    work: Workload
    retries: Retries
    priorities: list[int]
    prefixes: list[tuple[int, ...]] | None = None
    rates: tuple[RateLimits | None, ...] = ()
    tenants: list[int] = field(default_factory=list)

    def arrivals(self) -> list[tuple[int, int, int, int, int, tuple[int, ...], int]]:
        prefixes = self.prefixes or [()] * len(self.priorities)
        return [
            (*arrival, rank, prefix, tenant)
            for arrival, rank, prefix, tenant in zip(
                self.work.arrivals, self.priorities, prefixes, self.tenants or [0] * len(prefixes), strict=True
            )
        ]


def random_crowd(seed: int) -> Crowd:
    """A workload of the engine's tests, mostly of impatient clients, half of them of several priorities."""
    g = np.random.default_rng((7, seed))
    work = random_workload(seed)
    engine, door = work.engine, work.engine.admission
    if engine.timeout is None and g.random() < 0.7:
        engine = replace(engine, timeout=int(g.integers(50, 5000)))
    if g.random() < 0.3:
        door = replace(door, max_wait=int(g.integers(20, 2000)) * 1e-9)
    if door.saturation is not None and g.random() < 0.4:
        door = replace(door, saturation=replace(door.saturation, then="shed"))
    elif door.saturation is not None and g.random() < 0.8:
        door = replace(door, saturation=replace(door.saturation, then="defer"))
    ranks = [-1, 0, 5][: int(g.choice([1, 2, 3, 3]))]
    priorities = g.choice(ranks, len(work.arrivals)).tolist() if g.random() < 0.6 else [0] * len(work.arrivals)
    engine, prefixes = replace(engine, admission=door), None
    if isinstance(engine.router, EndpointPicker) and g.random() < 0.6:
        engine = with_prefixes(g, engine)
        prefixes = [random_prefix(g) for _ in work.arrivals]
    crowd = Crowd(replace(work, engine=engine), random_retries(g), priorities, prefixes)
    if g.random() < 0.6:
        return crowd
    rates = tuple(random_limits(g, work) for _ in range(3))
    return replace(crowd, rates=rates, tenants=g.integers(0, 3, len(work.arrivals)).tolist())


def with_prefixes(g: np.random.Generator, engine: stepwise.Engine) -> stepwise.Engine:
    """The engine behind a picker that looks at prefixes too, with a short memory."""
    most, capacity = int(g.integers(1, 7)), int(g.integers(1, 12))
    scorer = PrefixCache(block_tokens=BLOCK, max_blocks=most, capacity_tokens=capacity * BLOCK + 1)
    scorers = (*engine.router.scorers, Weighted(scorer=scorer, weight=float(g.choice([0.5, 1, 4]))))
    router = replace(engine.router, scorers=scorers[:: int(g.choice([1, -1]))])
    return replace(engine, router=router, prefix_blocks=most, prefix_capacity=capacity)


def random_prefix(g: np.random.Generator) -> tuple[int, ...]:
    """Blocks of one of some conversations that begin alike."""
    talk, length = int(g.integers(0, 6)), int(g.integers(0, 9))
    return tuple(k if k < 2 else (talk + 1) * 2**40 + k for k in range(length))


def play_plainly(crowd: Crowd) -> persistent.Clients:
    work, since = crowd.work, 0
    pool = stepwise.Pool(work.engine)
    clients = persistent.Clients(pool, crowd.retries, crowd.rates)
    for now, action, slot in [*work.control, (work.horizon, "look", 0)]:
        clients.play([arrival for arrival in crowd.arrivals() if since <= arrival[0] < now], now)
        since = max(since, now)
        if action == "open":
            pool.open(slot, now)
        elif action == "close":
            pool.close(slot)
        elif action in MODES:
            pool.vacate(slot, now, action, MOST_RETRIES)
    clients.look()
    return clients


def play_compiled(crowd: Crowd, batch: int) -> tuple[DataPlane, np.ndarray]:
    work = crowd.work

    def batches() -> Iterator[RequestBatch]:
        for i in range(0, len(work.arrivals), batch):
            t, p, o, session, rank, prefix, tenant = zip(*crowd.arrivals()[i : i + batch], strict=True)
            tokens, ranks = (np.array(p, np.int32), np.array(o, np.int32)), np.array(rank, np.int16)
            hashes = None
            if crowd.prefixes is not None:
                hashes = pa.array([list(one) or None for one in prefix], pa.list_(pa.int64()))
            owners = np.array(tenant, np.int16)
            yield RequestBatch(
                np.array(t, np.int64), *tokens, np.array(session, np.int64), ranks, hashes, tenant=owners
            )

    blocks = None if crowd.prefixes is None else BLOCK
    return played(work, batches(), retries=crowd.retries, rates=crowd.rates, prefix_block_tokens=blocks)


def assert_equal(seed: int) -> dict[str, int]:
    crowd = random_crowd(seed)
    work, expected = crowd.work, play_plainly(crowd)
    plane, rows = play_compiled(crowd, batch=1 + seed % 17)
    got = {int(row[col.R_REQUEST]): row for row in rows}
    for asked in expected.asked:
        row = got.pop(asked.number, None)
        if asked.status == "in system":
            assert row is None
            continue
        assert row is not None
        assert (col.STATUSES[row[col.R_STATUS]], row[col.R_ARRIVAL]) == (asked.status, asked.first)
        assert (row[col.R_END], row[col.R_RETRIES]) == (asked.end, len(asked.sendings) - 1)
        if asked.status == "completed":
            assert row[col.R_FIRST] == asked.sendings[-1].first
    assert not got
    statuses = [request.status for request in expected.pool.requests]
    totals = plane.state.totals
    for status, column in (
        ("completed", col.COMPLETED),
        ("rejected", col.REJECTED),
        ("timed_out", col.TIMED_OUT),
        ("lost", col.LOST),
        ("in system", col.IN_SYSTEM),
    ):
        assert totals[column] == statuses.count(status)
    assert plane.clients is not None
    again, ends = plane.clients.again(), plane.clients.ends()
    limited = [tenant.limited for tenant in expected.tenants]
    assert plane.clients.limited() == limited
    assert again == {
        "retries": expected.sent_again,
        "refused": expected.budget_refused,
        "waiting": len(expected.later),
    }
    assert totals[col.ARRIVED] == len(statuses) == len(expected.asked) + expected.sent_again
    final = [asked.status for asked in expected.asked]
    assert ends == {
        "arrived": len(final),
        "in_system": final.count("in system"),
        **{status: final.count(status) for status in col.STATUSES},
    }
    bands = plane.clients.by_priority()
    for band in bands:
        mine = [asked.status for asked in expected.asked if asked.priority == band["priority"]]
        assert band == {
            "priority": band["priority"],
            "arrived": len(mine),
            "good": mine.count("completed"),
            "in_system": mine.count("in system"),
            **{status: mine.count(status) for status in col.STATUSES},
        }
    ranks = sorted({asked.priority for asked in expected.asked}, reverse=True)
    assert [band["priority"] for band in bands] == (ranks if len(ranks) > 1 else [])
    assert plane.clients.index.hits() == (expected.pool.blocks_asked, expected.pool.blocks_hit)
    windows = plane.clients.state.windows[0]
    assert windows[col.W_ARRIVED] == len(final)
    assert windows[col.W_COMPLETED] == final.count("completed") == plane.clients.state.histograms[0, 2].sum()
    sojourns = sum((r.end if r.end is not None else work.horizon) - r.arrival for r in expected.pool.requests)
    assert plane.observe().area == sojourns % 2**64  # Little's law of the sendings
    assert len(plane.clients.open_since(plane.state)[0]) == final.count("in system")
    return {
        **again,
        "hits": expected.pool.blocks_hit,
        "passed": expected.pool.passed,
        "limited": sum(limited),
        **ends,
        "saved": sum(a.status == "completed" and len(a.sendings) > 1 for a in expected.asked),
    }


@pytest.mark.parametrize("block", blocks(2))
def test_compiled_clients_equal_plain_ones_bit_for_bit(block: int) -> None:
    seen = dict.fromkeys(
        ("retries", "refused", "saved", "rejected", "timed_out", "lost", "completed", "hits", "passed", "limited"), 0
    )
    for seed in range(block * 300, block * 300 + 300):
        found = assert_equal(seed)
        for name in seen:
            seen[name] += found[name]
    assert min(seen.values()) >= 30  # the workloads reach all that can happen


def test_who_never_fails_changes_nothing() -> None:
    """With retries and nothing to retry, each request is what it is to the engine alone."""
    for seed in range(40):
        crowd = random_crowd(seed)
        work = replace(crowd.work, engine=replace(crowd.work.engine, timeout=None, admission=Admission()))
        work = replace(work, control=[one for one in work.control if one[1] not in MODES])
        plane, rows = play_compiled(Crowd(work, Retries(), [0] * len(work.arrivals)), batch=5)
        alone, plain = test_engine.play_compiled(work, 64)
        assert plane.clients is not None
        assert plane.clients.again() == {"retries": 0, "refused": 0, "waiting": 0}
        assert np.array_equal(rows[rows[:, 0].argsort()], plain[plain[:, 0].argsort()])
        assert np.array_equal(plane.clients.state.windows, alone.state.windows)
        assert plane.observe() == alone.observe()
    assert retries.ONE == persistent.ONE
