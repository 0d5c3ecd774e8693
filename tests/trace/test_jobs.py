"""Jobs along a forecast: rows of a log, with their bursts."""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.trace.synthesis.fits import weibull_shape
from simcost.trace.synthesis.jobs import job_arrivals
from simcost.trace.synthesis.rates import ArrivalRates
from simcost.trace.synthesis.time_rescaling import rescaled_gaps


@pytest.fixture(scope="module")
def submit_s(shared: Path) -> np.ndarray:
    with gzip.open(shared / "data" / "philly_jobs.csv.gz", "rt", encoding="utf-8") as file:
        times = [datetime.fromisoformat(row["submit_time"]) for row in csv.DictReader(file)]
    return np.array([time.replace(tzinfo=UTC).timestamp() for time in times])


def test_gaps_of_real_jobs(submit_s: np.ndarray) -> None:
    """Reference: CV 2.7 once the rate is taken out, Weibull shape .60."""
    gap, _ = rescaled_gaps(submit_s, np.random.default_rng(1))
    assert gap.std() == pytest.approx(2.7, abs=0.25)
    assert weibull_shape(gap) == pytest.approx(0.60, abs=0.02)


def test_jobs_keep_their_bursts_and_neighbours(submit_s: np.ndarray) -> None:
    rates = ArrivalRates(step_s=86400.0, expected=np.array([2000.0, 500.0, 1500.0]))
    times, rows = job_arrivals(submit_s, rates, seed=1)
    assert (np.diff(times) >= 0).all()
    assert 0 <= times[0] <= times[-1] <= 3 * 86400
    assert 0 <= rows.min() <= rows.max() < len(submit_s)
    assert (np.diff(rows) == 1).mean() > 0.95
    counts = [
        np.bincount((job_arrivals(submit_s, rates, seed=1, index=index)[0] // 86400).astype(int), minlength=3)
        for index in range(40)
    ]
    assert np.mean(counts, axis=0) == pytest.approx(rates.expected, rel=0.12)
    again = job_arrivals(submit_s, rates, seed=1)
    assert (again[0] == times).all()
    assert (again[1] == rows).all()
    assert len(job_arrivals(submit_s, rates, seed=2)[0]) != len(times)


def test_jobs_that_cannot_be_resampled() -> None:
    rates = ArrivalRates(step_s=60.0, expected=np.ones(1))
    with pytest.raises(InputError, match="row 3 is earlier"):
        job_arrivals(np.array([1.0, 5.0, 2.0]), rates, seed=1)
    with pytest.raises(InputError, match="too few"):
        job_arrivals(np.zeros(100), rates, seed=1)
    with pytest.raises(InputError, match="too few"):
        job_arrivals(np.empty(0), rates, seed=1)
