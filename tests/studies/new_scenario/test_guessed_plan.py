"""Size of a first plan: requests that a full replica ends."""

import pytest

from simcost.perf import StepTime
from simcost.studies.new_scenario.sizing import MeanLoad, requests_per_s


def step(**coefficients: float) -> StepTime:
    none = {"a_s": 0.0, "b_s_per_token": 0.0, "c_s_per_sequence": 0.0, "d_s_per_token": 0.0, "q_s_per_pair": 0.0}
    return StepTime(**none | coefficients, provenance="given", source="", sigma=0.0)


def test_a_prompt_has_half_as_many_pairs_as_the_square_of_its_tokens() -> None:
    load = MeanLoad(rate_per_s=1.0, prompt_tokens=10_000, output_tokens=100)
    assert requests_per_s(step(q_s_per_pair=1e-8), load, 10**7, 256) == pytest.approx(2.0)
    assert requests_per_s(step(a_s=0.256), load, 10**7, 256) == pytest.approx(1 / (0.256 + 100 * 0.001))
