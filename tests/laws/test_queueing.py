"""Closed forms of queueing theory: M/D/1 and M/M/c as special cases of the engine, Little's law."""

from dataclasses import replace
from math import factorial, log

import numpy as np
import pytest
from support.pools import step

from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.plan import Admission, Batching, Fixed, LeastOutstanding, RoundRobin
from simcost.sim import Pool, simulate
from simcost.trace.requests.batch import RequestBatch

ONE_AT_A_TIME = Batching(max_num_seqs=1, max_num_batched_tokens=10**6)


def pool(replicas: int, *, a_s: float, b_s: float) -> Pool:
    return Pool(
        name="queue",
        step=step(a_s, b_s),
        kv_capacity_tokens=10**6,
        scaling=Fixed(replicas=replicas),
        batching=ONE_AT_A_TIME,
        router=RoundRobin(),
    )


def requests(rate_per_s: float, count: int, prompts: np.ndarray) -> RequestBatch:
    g = np.random.default_rng(7)
    times = np.cumsum(g.exponential(1e9 / rate_per_s, count)).astype(np.int64)
    return RequestBatch(times, prompts.astype(np.int32), np.ones(count, np.int32))


def mean_e2e_s(ledger: Ledger) -> float:
    assert ledger.outcomes.in_system == 0
    return ledger.outcomes.outstanding_s / ledger.outcomes.completed


def test_md1_sojourn() -> None:
    """One server, service D: E[T] = D + rho*D / (2*(1 - rho)) (Pollaczek-Khinchine). Output 1 = one step."""
    service_s, rho, count = 0.0092, 0.8, 1_000_000
    batch = requests(rho / service_s, count, np.ones(count))
    ledger = simulate(pool(1, a_s=service_s, b_s=0), iter([batch]), horizon_s=batch.arrival_ns[-1] * 1e-9 + 60)
    expected = service_s * (1 + rho / (2 * (1 - rho)))
    assert mean_e2e_s(ledger) == pytest.approx(expected, rel=0.01)


def test_mm1_sojourn_and_its_tail() -> None:
    """Exponential service through the prompt length: E[T] = 1/(mu - lambda), P(T > t) = exp(-(mu - lambda)*t)."""
    mu, rho, count = 10.0, 0.7, 1_000_000
    prompts = np.maximum(np.random.default_rng(3).exponential(1e4, count), 1)
    batch = requests(rho * mu, count, prompts)
    queue = replace(pool(1, a_s=1e-9, b_s=1 / (mu * 1e4)), kv_capacity_tokens=10**7)
    median_s = log(2) / (mu - rho * mu)
    ledger = simulate(
        queue,
        iter([batch]),
        horizon_s=batch.arrival_ns[-1] * 1e-9 + 600,
        limits=LatencyLimits(ttft_s=median_s),
    )
    assert mean_e2e_s(ledger) == pytest.approx(1 / (mu * (1 - rho)), rel=0.02)
    good = sum(ledger.outcomes.windows["good"].to_pylist())
    assert good / count == pytest.approx(0.5, abs=0.005)


def erlang_c(servers: int, load: float) -> float:
    """Probability of waiting in M/M/c with offered load in Erlang."""
    top = load**servers / factorial(servers) * servers / (servers - load)
    return top / (sum(load**k / factorial(k) for k in range(servers)) + top)


def test_mmc_is_bracketed_by_join_the_shortest_queue() -> None:
    """Queues at the servers with join-the-shortest-queue wait at least as long as one shared queue (M/M/c), and
    close to it; the same arrivals in turn to each server (round-robin) wait longer."""
    servers, mu, rho, count = 8, 10.0, 0.8, 1_000_000
    prompts = np.maximum(np.random.default_rng(3).exponential(1e4, count), 1)
    batch = requests(rho * mu * servers, count, prompts)
    horizon_s = batch.arrival_ns[-1] * 1e-9 + 600
    queue = replace(pool(servers, a_s=1e-9, b_s=1 / (mu * 1e4)), kv_capacity_tokens=10**7)
    shared_s = 1 / mu + erlang_c(servers, rho * servers) / (servers * mu * (1 - rho))
    shortest_s = mean_e2e_s(simulate(replace(queue, router=LeastOutstanding()), iter([batch]), horizon_s=horizon_s))
    in_turn_s = mean_e2e_s(simulate(queue, iter([batch]), horizon_s=horizon_s))
    assert shared_s < shortest_s < 1.25 * shared_s
    assert in_turn_s > shortest_s


def test_many_slots_are_mmc_exactly() -> None:
    """A batch whose steps do not slow down is c parallel servers with one queue. With c slots, geometric output
    and a step much shorter than the service, that is M/M/c; the mean sojourn follows Erlang's C formula."""
    servers, step_s, mean_steps, rho, count = 4, 1e-3, 400, 0.75, 400_000
    g = np.random.default_rng(5)
    outputs = g.geometric(1 / mean_steps, count).astype(np.int32)
    rate = rho * servers / (mean_steps * step_s)
    times = np.cumsum(g.exponential(1e9 / rate, count)).astype(np.int64)
    batch = RequestBatch(times, np.ones(count, np.int32), outputs)
    queue = replace(pool(1, a_s=step_s, b_s=0), batching=Batching(max_num_seqs=servers), kv_capacity_tokens=10**6)
    ledger = simulate(queue, iter([batch]), horizon_s=times[-1] * 1e-9 + 600)
    service_s = mean_steps * step_s
    expected = service_s + erlang_c(servers, rho * servers) * service_s / (servers * (1 - rho))
    assert mean_e2e_s(ledger) == pytest.approx(expected + step_s / 2, rel=0.02)  # arrivals wait for a boundary


def test_impatient_clients() -> None:
    """At twice the load that one server carries, at least half is lost, and nobody who is served stayed longer
    than the patience; the queue stays short however long the overload lasts."""
    mu, count, patience_s = 10.0, 200_000, 3.0
    prompts = np.maximum(np.random.default_rng(3).exponential(1e4, count), 1)
    batch = requests(2 * mu, count, prompts)
    queue = replace(
        pool(1, a_s=1e-9, b_s=1 / (mu * 1e4)),
        kv_capacity_tokens=10**7,
        admission=Admission(timeout=patience_s),
    )
    outcomes = simulate(queue, iter([batch]), horizon_s=batch.arrival_ns[-1] * 1e-9 + 60).outcomes
    assert 0.5 < outcomes.timed_out / count < 0.9
    assert outcomes.timed_out + outcomes.completed == count
    longest_s = outcomes.buckets.middles()[np.flatnonzero(outcomes.histograms[:, 2].sum(axis=0))[-1]]
    assert longest_s <= patience_s * (1 + 2 * outcomes.buckets.relative_error)
    assert outcomes.outstanding_s / count < patience_s + 2 / mu
