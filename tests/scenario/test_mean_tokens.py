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


CLIENTS = """\
    clients:
      - {share: 3, lengths: {prompt_median: 1000, output_median: 250}}
      - lengths: {prompt_median: 1000, output_median: 250}
        prompt_scale: 2
        max_tokens: 4000
        sessions: {mean_turns: 2}
      - {lengths: {kind: uniform, prompt_tokens: [1, 9], output_tokens: [1, 9]}}
"""


def of_workload(workload: str, tmp_path: Path, count: int = 1) -> list[str]:
    begin, end = SMALL.index("horizon:"), SMALL.index("slo:")
    assert begin < end
    told = list(mean_tokens(load_text(SMALL[:begin] + workload + SMALL[end:], tmp_path / "s.yaml").scenario))
    assert len(told) == count
    return told


def test_each_stream_of_clients_tells_its_means(tmp_path: Path) -> None:
    one, two = of_workload(f"horizon: 10min\nworkload:\n  - kind: synthetic\n    rate: 0.5/s\n{CLIENTS}", tmp_path, 2)
    assert one.startswith("Tokens of a request of workload.clients[0]: 1,646 of the prompt and 344 of the output")
    assert "of workload.clients[1] that begins a conversation: " in two
    drawn = np.minimum(2 * np.exp(np.log(1000) + np.random.default_rng(2).standard_normal(400_000)), 4000)
    assert f"{np.mean(drawn):,.0f}"[:3] in two, "scaled, then cut at the limit of the stream"


def test_many_streams_are_told_in_short(tmp_path: Path) -> None:
    client = "      - {lengths: {prompt_median: 10, output_median: 20}}\n"
    told = of_workload(
        f"horizon: 10min\nworkload:\n  - kind: synthetic\n    rate: 0.5/s\n    clients:\n{8 * client}", tmp_path, 4
    )
    assert told[-1].startswith("Means of 5 further streams")


def test_closed_clients_and_forecast_requests_tell_their_means(tmp_path: Path) -> None:
    lengths = "lengths: {prompt_median: 1000, output_median: 250}"
    closed = f"horizon: 10min\nworkload:\n  - {{kind: closed, clients: 4, {lengths}}}\n"
    assert "1,646 of the prompt" in of_workload(closed, tmp_path)[0]
    (tmp_path / "h.csv").write_text(
        "timestamp,value\n" + "".join(f"2026-01-{d:02}T{h:02}:00:00Z,{d}\n" for d in range(1, 29) for h in range(24))
    )
    demand = (
        "demand:\n  history: h.csv\n  forecast: {horizon: 1d}\n"
        "  requests:\n    - {lengths: {prompt_median: 1000, output_median: 250}}\n"
    )
    assert "1,646 of the prompt" in of_workload(demand, tmp_path)[0]
