"""A replica that speculates: requests take as many steps as acceptance says, and their last step is cut."""

from dataclasses import replace

import numpy as np
import pytest
from support.pools import step

from simcost.errors import RunError
from simcost.perf.acceptance import constant_rates, expected_steps, rates_of_length
from simcost.perf.drafting import Drafting
from simcost.plan import Batching, Fixed
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.replay import replay
from simcost.sim.serving.simulate import simulate
from simcost.trace.requests.batch import RequestBatch

STEP_S, DRAFT_S = 10e-3, 2e-3


def steps_of(rates: tuple[float, ...], outputs: np.ndarray) -> np.ndarray:
    """Steps after the first token of requests that each have the replica to themselves."""
    count = len(outputs)
    requests = RequestBatch(
        np.arange(count, dtype=np.int64) * 10**10, np.full(count, 10, np.int32), outputs.astype(np.int32)
    )
    draft = Drafting(rates=rates, slots=2 * len(rates), base=((0, 0.0), (1, DRAFT_S)))
    found = replay(requests, replace(step(STEP_S), draft=draft), batching=Batching(), kv_capacity_tokens=10_000)
    assert found.ttft_s == pytest.approx(STEP_S)  # the prefill drafts nothing
    steps = (found.e2e_s - found.ttft_s) / (STEP_S + DRAFT_S)
    assert steps == pytest.approx(np.rint(steps))
    return np.rint(steps)


@pytest.mark.parametrize("rates", [constant_rates(0.7, 3), constant_rates(0.85, 1), (0.58, 0.31, 0.16, 0.08)])
def test_requests_take_as_many_steps_as_expected_in_the_mean(rates: tuple[float, ...]) -> None:
    outputs = np.random.default_rng(1).integers(20, 400, 500)
    expected = sum(expected_steps(rates, int(output)) for output in outputs)
    assert steps_of(rates, outputs).sum() == pytest.approx(expected, rel=0.01)


def test_whole_tokens_per_step_are_counted_to_the_step() -> None:
    outputs = np.arange(1, 40)
    assert steps_of(rates_of_length(3.0, 3), outputs).tolist() == [-(-(output - 1) // 3) for output in outputs.tolist()]
    assert steps_of((0.0, 0.0), outputs).tolist() == (outputs - 1).tolist()


def test_blocks_of_an_engine_that_speculates_are_refused() -> None:
    """They were simulated, with cache that shrank below nothing: an evicted block was looked for without end."""
    requests = RequestBatch(np.zeros(1, np.int64), np.full(1, 10, np.int32), np.full(1, 10, np.int32))
    drafts = replace(step(STEP_S), draft=Drafting(rates=(0.7,), slots=2, base=((0, 0.0), (1, DRAFT_S))))
    pool = Pool(
        name="chat",
        step=drafts,
        kv_capacity_tokens=10_000,
        batching=Batching(kv_block_tokens=16),
        scaling=Fixed(replicas=1),
    )
    with pytest.raises(RunError, match="speculates"):
        simulate(pool, iter([requests]), horizon_s=60.0)
