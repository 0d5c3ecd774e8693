"""Clients who wait for the end of their requests: bit for bit as told plainly, and by the laws of closed queues."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import factorial
from pathlib import Path

import closed_naively
import numpy as np
import pytest
import stepwise
from support.blocks import blocks
from test_engine import MODES, MOST_RETRIES, STEP, Workload, played, random_workload
from test_queueing import pool

from simcost.ledger.requests import LatencyLimits
from simcost.plan import Batching, Fixed
from simcost.sim import simulate
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.workload.closed import ClientCount, ClosedWorkload

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """A random small engine and its clients; `requests` are (earliest, prompt, output, think)."""

    work: Workload
    requests: list[tuple[int, int, int, int]]
    clients: ClosedWorkload
    stages: list[tuple[int, int]]
    backoff: int


def random_case(seed: int) -> Case:
    g = np.random.default_rng((11, seed))
    work = random_workload(seed)
    paced, pause = g.random() < 0.3, int(g.choice([1, 1, 40, 2000]))
    requests = [(t if paced else 0, p, o, int(g.integers(pause))) for t, p, o, _ in work.arrivals]
    times = np.unique(g.integers(1, work.arrivals[-1][0] + 2000, int(g.choice([0, 0, 1, 4]))))
    stages = [(t, int(g.integers(1, 13))) for t in (0, *times.tolist())]
    backoff = int(g.integers(1, 3000))
    clients = ClosedWorkload(
        clients=stages[0][1],
        ramp=tuple(ClientCount(at=t * 1e-9, clients=count) for t, count in stages[1:]),
        backoff=backoff * 1e-9,
    )
    return Case(work, requests, clients, stages, backoff)


def play_plainly(case: Case) -> closed_naively.Loop:
    work, engine = case.work, stepwise.Pool(case.work.engine)
    loop = closed_naively.Loop(engine, case.requests, list(case.stages), case.backoff)
    for now, action, slot in [*work.control, (work.horizon, "look", 0)]:
        loop.play(now)
        if action == "open":
            engine.open(slot, now)
        elif action == "close":
            engine.close(slot)
        elif action in MODES:
            engine.vacate(slot, now, action, MOST_RETRIES)
    loop.look()
    return loop


def play_compiled(case: Case, batch: int) -> tuple[DataPlane, np.ndarray]:
    def batches() -> Iterator[RequestBatch]:
        for i in range(0, len(case.requests), batch):
            earliest, prompt, output, think = np.array(
                case.requests[i : i + batch]
            ).T.copy()  # contiguous, as a run has it
            yield RequestBatch(earliest, prompt.astype(np.int32), output.astype(np.int32), think_ns=think)

    return played(case.work, batches(), case.clients)


def assert_equal(seed: int) -> dict[str, int]:
    case = random_case(seed)
    loop = play_plainly(case)
    plane, rows = play_compiled(case, batch=1 + seed % 17)
    got, totals, expected = {int(row[0]): row.tolist() for row in rows}, plane.state.totals, loop.pool
    for request in expected.requests:
        row = got.pop(request.number, None)
        if request.end is None:
            assert row is None
            continue
        first = col.NIL if request.first is None else request.first
        tokens = request.prompt, request.output
        assert row is not None
        assert row[col.R_ARRIVAL : col.R_SESSION + 1] == [
            request.arrival,
            col.STATUSES.index(request.status),
            *tokens,
            first,
            request.end + request.away,
            col.NIL if request.away else request.evicted,
            request.retries,
            request.session,
        ]
    assert not got
    statuses = [request.status for request in expected.requests]
    assert totals[col.ARRIVED] == len(statuses) == loop.sent
    names = ("completed", "rejected", "timed_out", "lost", "in system")
    for name, column in zip(names, (col.COMPLETED, col.REJECTED, col.TIMED_OUT, col.LOST, col.IN_SYSTEM), strict=True):
        assert totals[column] == statuses.count(name)
    assert sum(map(statuses.count, names)) == len(statuses)
    sojourns = sum((r.end if r.end is not None else case.work.horizon) - r.arrival for r in expected.requests)
    assert plane.observe().area == sojourns % 2**64
    held = {"parked": sum(client.parked for client in loop.clients), "gave up": loop.gave_up, "gate": expected.held}
    return {name: statuses.count(name) for name in names} | held


@pytest.mark.parametrize("block", blocks(2))
def test_compiled_loop_equals_the_plain_one_bit_for_bit(block: int) -> None:
    seen = dict.fromkeys(("completed", "rejected", "timed_out", "lost", "in system", "parked", "gave up", "gate"), 0)
    for seed in range(block * 250, block * 250 + 250):
        for name, count in assert_equal(seed).items():
            seen[name] += count
    assert min(seen.values()) > 20  # the cases reach all that can happen


def requests(prompts: np.ndarray, outputs: np.ndarray, think_ns: np.ndarray) -> RequestBatch:
    sent = np.zeros(len(prompts), np.int64)
    return RequestBatch(sent, prompts.astype(np.int32), outputs.astype(np.int32), think_ns=think_ns.astype(np.int64))


def test_vectors_of_closed_loops(shared: Path) -> None:
    vectors = json.loads((shared / "vectors/serving_features.json").read_text())["groups"]["closed_loop"]
    for vector in vectors:
        given, engine, wanted = vector["requests"], vector["engine"], vector["expected"]
        a, b, c, d = engine["step_ticks"]
        served = Pool(
            name="p",
            step=STEP,
            kv_capacity_tokens=engine["blocks"] * engine["block_size"],
            scaling=Fixed(replicas=1),
            batching=Batching(
                max_num_seqs=engine["max_num_seqs"], max_num_batched_tokens=engine["max_num_batched_tokens"]
            ),
        )
        rows: list[np.ndarray] = []
        tokens = (np.array([one[name] for one in given]) for name in ("prompt", "output"))
        plane = DataPlane(
            served,
            Clock(ticks_per_ns=1, base=np.full(100, a), b=b, c=c, d=d, e=0, e_shift=0),
            iter([requests(*tokens, np.zeros(len(given)))]),
            limits=LatencyLimits(),
            window_ns=10**6,
            windows=1,
            on_rows=lambda part, rows=rows: rows.append(part.copy()),
            closed=ClosedWorkload(clients=vector["clients"], requests=len(given)),
        )
        plane.open(0)
        plane.advance(10**5)
        plane.finish()
        got = {int(row[0]): row for row in np.concatenate(rows)}
        for number, times in enumerate(wanted["requests"].values()):
            row = got[number]
            seen = {"arrival": row[col.R_ARRIVAL], "first_token": row[col.R_FIRST], "finish": row[col.R_END]}
            assert seen == times, (vector["id"], number)
        assert plane.state.totals[col.STEPS] == wanted["steps"]
        assert max(row[col.R_END] for row in got.values()) == wanted["makespan"]
    assert len(vectors) == 3


def test_as_many_clients_as_requests_are_all_at_once() -> None:
    """No client sends twice: the open workload in which all arrive at time 0."""
    g = np.random.default_rng(1)
    prompts, outputs = g.integers(1, 900, 300), g.integers(1, 200, 300)
    queue = replace(pool(2, a_s=0.01, b_s=1e-5), batching=Batching(max_num_seqs=16))
    batch = requests(prompts, outputs, np.zeros(300))
    closed = simulate(queue, iter([batch]), horizon_s=3000, closed=ClosedWorkload(clients=300, requests=300)).outcomes
    at_once = simulate(queue, iter([batch]), horizon_s=3000).outcomes
    assert closed.completed == 300
    assert np.array_equal(closed.histograms, at_once.histograms)
    assert closed.outstanding_s == at_once.outstanding_s


def test_machine_repairman_and_littles_law() -> None:
    """One server, exponential service of mean S, N clients who think for exponential times of mean Z: the server is
    idle with p0 = 1 / sum_k N!/(N-k)! (S/Z)^k, throughput X = (1 - p0) / S, and N = X (R + Z).
    """
    service_s, think_s, count, clients = 0.1, 0.6, 200_000, 8
    g = np.random.default_rng(3)
    prompts = np.maximum(g.exponential(1e4, count), 1)
    batch = requests(prompts, np.ones(count), g.exponential(think_s * 1e9, count))
    queue = replace(pool(1, a_s=1e-9, b_s=service_s / 1e4), kv_capacity_tokens=10**7)
    horizon_s = 15_000.0
    done = simulate(queue, iter([batch]), horizon_s=horizon_s, closed=ClosedWorkload(clients=clients)).outcomes
    terms = [factorial(clients) / factorial(clients - k) * (service_s / think_s) ** k for k in range(clients + 1)]
    throughput = (1 - 1 / sum(terms)) / service_s
    assert done.completed / horizon_s == pytest.approx(throughput, rel=0.01)
    response_s = done.outstanding_s / done.completed
    assert done.completed / horizon_s * (response_s + think_s) == pytest.approx(clients, rel=0.01)
