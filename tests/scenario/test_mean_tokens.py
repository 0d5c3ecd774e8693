"""The means of requests of which a scenario states the medians, told among its assumptions."""

from pathlib import Path

import numpy as np
import pytest
from support.scenarios import SMALL

from simcost.scenario.checks.load import load_text
from simcost.scenario.inputs.mean_tokens import mean_tokens
from simcost.trace.workload.lengths import Lengths


@pytest.mark.parametrize(
    "lengths",
    [
        Lengths(prompt_median=1172, output_median=258),
        Lengths(prompt_median=50, prompt_sigma=0, output_median=300, output_sigma=0.3),
        Lengths(prompt_median=900, prompt_sigma=1.5, output_median=100, max_tokens=100_000),
    ],
)
def test_means_are_those_of_the_requests_drawn(lengths: Lengths) -> None:
    drawn = lengths.drawing(Path(), np.random.default_rng(3))(400_000)
    for mean, tokens in zip(lengths.means(), drawn, strict=True):
        assert np.mean(tokens) == pytest.approx(mean, rel=0.01)


def test_a_wide_spread_stays_below_the_limit() -> None:
    assert max(Lengths(prompt_median=2, prompt_sigma=1e3, output_median=2, output_sigma=1e3).means()) <= 32768


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ("{prompt_median: 1000, output_median: 250}", "1,646 of the prompt and 344 of the output in the mean"),
        ("{prompt_median: 1000, prompt_sigma: 0, output_median: 250, output_sigma: 0}", ""),
    ],
)
def test_averages_written_as_medians_are_told(tmp_path: Path, lengths: str, said: str) -> None:
    """Of a median of 1,000 with sigma 1 the mean is 1,649, less what the limit cuts: averages cost half more."""
    text = SMALL.replace("{prompt_median: 100, output_median: 20}", lengths)
    told = "".join(mean_tokens(load_text(text, tmp_path / "s.yaml").scenario))
    assert said in told
    assert bool(told) == bool(said)
