"""Tables of step times: they end where they no longer change, and the last row is that of all longer steps."""

from dataclasses import replace

import numpy as np
import pytest
from support.pools import CHAT

from simcost.ledger.requests import LatencyLimits
from simcost.perf import StepTime
from simcost.sim.clock import Clock, clock_for
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine_tables import base_of, empty_state

SEQUENCES = 64


def clock_of(step: StepTime) -> Clock:
    return clock_for(step, horizon_s=3600, capacity=CHAT.kv_capacity_tokens, batching=CHAT.batching)


def stepped(*knots: tuple[int, float]) -> StepTime:
    return replace(CHAT.step, a_s=0.0, base=knots)


def test_a_constant_is_one_row() -> None:
    clock = clock_of(CHAT.step)
    assert base_of(clock, SEQUENCES).tolist() == [[clock.base[0], 0]]


@pytest.mark.parametrize(
    "knots", [((0, 0.004), (10, 0.009), (11, 0.009)), ((0, 0.004), (20, 0.02), (30, 0.009), (40, 0.009))]
)
def test_each_step_has_the_row_that_a_full_table_has(knots: tuple[tuple[int, float], ...]) -> None:
    clock = clock_of(stepped(*knots))
    table, tokens = base_of(clock, SEQUENCES), np.arange(len(clock.base))
    assert len(table) == knots[-2][0] + 1 < len(clock.base)
    assert (table[np.minimum(tokens, len(table) - 1), col.TIME] == clock.base).all()


def test_the_shorter_of_two_tables_goes_on_with_its_last_row() -> None:
    long, short = clock_of(stepped((0, 0.004), (10, 0.009), (11, 0.009))), clock_of(CHAT.step)
    kinds = [(replace(CHAT, name="long"), long), (replace(CHAT, name="short"), short)]
    state = empty_state(*kinds[0], LatencyLimits(), window_ns=10**9, windows=1, salt=0, rows=0, kinds=kinds)
    assert state.base.shape[1] == 11
    assert (state.base[1, :, col.TIME] == short.base[0]).all()
