"""What is taken over a window is the same however it is worked out: of samples that share the numbers of their
replicas as of others that are aligned by them; of seconds at once as one after the other.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.plan.autoscaling.kpa_reconciler import average, recorded, window
from simcost.sim.fleet import scrape_samples
from simcost.sim.fleet.scrape_samples import Floats, Ints, Sample

TAKEN = (scrape_samples.mean, scrape_samples.most, scrape_samples.rate)
COLUMNS = (0, 2)


def taken_of(seed: int, turns: list[int], *, shared: bool) -> list[Sample]:
    """Samples of fleets that change between some of them; the numbers are one array, or each a copy."""
    rng = np.random.default_rng(seed)
    fleets: dict[int, Ints] = {
        turn: np.flatnonzero(rng.random(6) < 0.7).astype(np.int64) for turn in sorted(set(turns))
    }
    samples = []
    for i, turn in enumerate(turns):
        numbers = fleets[turn] if shared else fleets[turn].copy()
        rows = rng.integers(0, 1000, (len(numbers), 3)).astype(np.int64)
        samples.append(Sample((i + 1) * 15 * 10**9, lambda: None, numbers, rows, None))  # type: ignore[arg-type, return-value]
    return samples


@pytest.mark.parametrize("take", TAKEN, ids=lambda take: str(take.__name__))
@given(seed=st.integers(0, 2**32 - 1), turns=st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_samples_with_the_same_numbers_need_no_alignment(
    take: Callable[[list[Sample], tuple[int, ...]], Floats], seed: int, turns: list[int]
) -> None:
    shared, copied = (taken_of(seed, turns, shared=shared) for shared in (True, False))
    assert take(shared, COLUMNS).tobytes() == take(copied, COLUMNS).tobytes()


@given(
    looks=st.lists(st.tuples(st.integers(1, 9), st.floats(0, 1e6)), min_size=1, max_size=30),
    length_s=st.sampled_from([1.0, 2.5, 6.0]),
)
def test_seconds_recorded_at_once_are_those_recorded_one_by_one(
    looks: list[tuple[int, float]], length_s: float
) -> None:
    at_once = by_second = window(length_s)
    now = 0
    for count, value in looks:
        seconds, now = range(now, now + count), now + count
        at_once = recorded(at_once, seconds, value, length_s)
        for second in seconds:
            by_second = recorded(by_second, [second], value, length_s)
        assert at_once == by_second
        assert average(at_once, now, length_s) == average(by_second, now, length_s)
