"""Reserved GPUs combined with spot."""

import numpy as np
import pytest
from support.jobs_of import jobs_of

from simcost.errors import InputError
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import FifoSkip
from simcost.present.chart_style import to_svg
from simcost.sim.jobs.simulate import schedule
from simcost.studies.scheduling import size_charts
from simcost.studies.scheduling.sizing import SizingTarget, size
from simcost.studies.scheduling.spot_mix import SpotMix, mixes
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.spot import SpotSeries

pytestmark = pytest.mark.slow

FREE = Checkpoints(interval=1800.0, write=0.0, restart=0.0)
ASKED = SizingTarget(wait_s=600.0, percentile=0.95, step=4, usd_per_gpu_h=2.0)


def queue(count: int = 400) -> Jobs:
    """About ten GPUs busy on average."""
    draw = np.random.default_rng(5)
    submit = np.cumsum(draw.exponential(600, count)).astype(np.int64)
    return jobs_of(submit, draw.exponential(3000, count).astype(np.int64) + 1, draw.choice([1, 1, 2, 4], count))


def spot(nodes: np.ndarray, **options: object) -> SpotMix:
    trace = SpotSeries(name="zone", gap_s=600.0, nodes=nodes)
    return SpotMix(trace=trace, **{"usd_per_gpu_h": 0.5, "checkpoints": FREE} | options)  # type: ignore[arg-type]


def test_spot_that_is_always_there_is_as_good_as_reserved() -> None:
    jobs = queue()
    found = mixes(jobs, spot(np.full(100, 50)), ASKED)
    sizes = {row.base_gpus + row.spot_gpus for row in found.mixes}
    [alone] = size(
        lambda gpus, _: schedule(jobs, gpus, FifoSkip()), ["fifo-skip"], ASKED, offered=10.0, widest=4
    ).policies
    assert sizes == {alone.gpus}
    assert found.mixes[-1].wait_s.target == pytest.approx(alone.wait_s.target)
    assert found.best == found.mixes[0]  # all on spot, at a quarter of the price
    assert all(row.preemptions == row.redone_share == 0 for row in found.mixes)


def test_money_is_reserved_hours_and_spot_hours_in_whole_nodes() -> None:
    """One job of 6 GPUs for an hour every two hours: 4 reserved, and one spot node half of the time."""
    jobs = jobs_of(np.arange(50) * 7200, np.full(50, 3600), np.full(50, 6))
    found = mixes(jobs, spot(np.ones(60, np.int64)), ASKED)
    rows = {row.base_gpus: row for row in found.mixes}
    hours = 50 * 4 * 730 / (49 * 2)
    assert rows[4].spot_gpus == 4
    assert rows[4].spot_gpu_hours_per_month == pytest.approx(hours)
    assert rows[4].usd_per_month == pytest.approx(4 * 2 * 730 + hours * 0.5)
    assert rows[8].usd_per_month == pytest.approx(8 * 2 * 730)
    assert "cheapest" in to_svg(size_charts.mixes(found))


@pytest.mark.parametrize("gap_s", [0, 60])
def test_spot_of_a_short_log_is_no_more_than_all_of_it_all_month_and_that_is_told(gap_s: int) -> None:
    """60 jobs of ten hours within an hour: no spot GPU is there for more than the 730 hours that a month has."""
    jobs = jobs_of(np.arange(60) * gap_s, np.full(60, 36_000), np.full(60, 4))
    found = mixes(jobs, spot(np.full(100, 80)), ASKED)
    kept = [row for row in found.mixes if row.spot_gpus]
    assert kept
    assert all(row.spot_gpu_hours_per_month <= row.spot_gpus * 730 for row in kept)
    assert any("while the sizes are those of this log once" in note for note in found.notes)
    assert not any("of this log once" in note for note in mixes(queue(), spot(np.full(100, 50)), ASKED).notes)


def test_spot_that_comes_and_goes_costs_waiting_and_work() -> None:
    flicker = spot(np.tile([1, 1, 1, 0], 25), checkpoints=Checkpoints(interval=1800.0, write=30.0, restart=60.0))
    found = mixes(queue(), flicker, ASKED)
    assert found.mixes[0].spot_gpus is None  # nothing of it alone
    kept = [row for row in found.mixes if row.spot_gpus]
    assert all(row.preemptions > 0 and 0 < row.redone_share < 1 for row in kept)
    assert found.mixes[-1].spot_gpus == 0
    assert "in proportion" in " ".join(found.notes)


def test_a_job_wider_than_the_mix_counts_even_beyond_the_percentile() -> None:
    """One job in 100 is 8 wide: four reserved GPUs and spot of four are the least, whatever P95 says."""
    jobs = jobs_of(np.arange(100) * 7200, np.full(100, 60), [1] * 99 + [8])
    found = mixes(jobs, spot(np.full(60, 9)), ASKED)
    assert {row.base_gpus + row.spot_gpus for row in found.mixes} == {8}


def test_without_prices_the_fewest_reserved() -> None:
    asked = SizingTarget(wait_s=600.0, percentile=0.95, step=4, usd_per_gpu_h=None)
    found = mixes(queue(), spot(np.full(100, 50)), asked)
    assert found.best.base_gpus == 0
    assert found.verdict.startswith("0 reserved GPUs and up to")


def test_a_wait_that_nothing_keeps() -> None:
    with pytest.raises(InputError, match=r"not even .* keep P95"):
        mixes(
            queue(),
            spot(np.ones(9, np.int64)),
            SizingTarget(wait_s=-1.0, percentile=0.95, step=4, usd_per_gpu_h=None),
        )
