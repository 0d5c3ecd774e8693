"""Transfers over links of any speed, in whole ticks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.sim.clock import Clock
from simcost.sim.serving.disaggregated import LONGEST_PROMPT, token_ticks

CLOCK = Clock(ticks_per_ns=1000, base=np.array([1], np.int64), b=0, c=0, d=0, e=0, e_shift=0)


@given(token_s=st.floats(1e-9, 1.0))
def test_the_ticks_of_the_longest_prompt_are_counted_and_right(token_s: float) -> None:
    """Of long prompts over links below some 10 MB/s they were negative."""
    ticks, shift = token_ticks(token_s, CLOCK)
    assert 0 <= ticks * LONGEST_PROMPT < 2**62
    assert ticks / 2**shift == pytest.approx(token_s * 1e12, rel=1e-6)


def test_a_link_that_no_run_could_wait_for_is_refused() -> None:
    with pytest.raises(InputError, match="longer than any run"):
        token_ticks(3.0, CLOCK)
