"""Measures against their definitions, and None where there is nothing to measure."""

import numpy as np
import pytest

from simcost.forecast import accuracy
from simcost.forecast.quantiles import median, quantiles

Y = np.array([1.0, 2.0, np.nan, 4.0])
F = np.array([2.0, 2.0, 9.0, 2.0])


def test_points() -> None:
    assert accuracy.smape(Y, F) == pytest.approx((200 / 3 + 0 + 400 / 6) / 3)
    assert accuracy.smape(np.zeros(2), np.zeros(2)) == 0
    assert accuracy.mase(Y, F, 0.5) == pytest.approx(2)
    assert accuracy.wape(Y, F) == pytest.approx(3 / 7)
    assert accuracy.bias(Y, F) == pytest.approx(-1 / 7)
    assert accuracy.scale(np.array([1.0, 2.0, 4.0, 8.0]), 2) == pytest.approx(4.5)
    assert accuracy.owa(5, 1, (10, 4)) == pytest.approx(0.375)


def test_levels() -> None:
    assert accuracy.pinball(np.array([3.0, 1.0]), np.array([2.0, 2.0]), 0.9) == pytest.approx((0.9 + 0.1) / 2)
    assert accuracy.coverage(Y, F - 1, F + 1) == pytest.approx(2 / 3)
    outside = accuracy.msis(np.array([5.0]), np.array([1.0]), np.array([4.0]), 95, 2.0)
    assert outside == pytest.approx((3 + 40 * 1) / 2)


def test_crps_against_all_pairs() -> None:
    rng = np.random.default_rng(1)
    paths, actual = rng.normal(size=(31, 5)), rng.normal(size=5)
    pairs = np.abs(paths[:, None] - paths[None]).mean(axis=(0, 1))
    assert accuracy.crps(actual, paths) == pytest.approx(np.mean(np.abs(paths - actual).mean(axis=0) - pairs / 2))


def test_nothing_to_measure() -> None:
    nothing = np.full(3, np.nan)
    assert accuracy.smape(nothing, np.ones(3)) is None
    assert accuracy.mase(np.ones(3), np.ones(3), None) is None
    assert accuracy.wape(np.zeros(3), np.ones(3)) is None
    assert accuracy.mase(np.ones(3), np.zeros(3), 1e-320) is None  # beyond all numbers
    assert accuracy.coverage(nothing, np.zeros(3), np.ones(3)) is None
    assert accuracy.scale(np.ones(30), 24) is None
    assert accuracy.scale(np.ones(20), 24) is None


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_quantiles_are_those_of_numpy(count: int) -> None:
    samples = np.random.default_rng(count).normal(size=(count, 4))
    before = samples.copy()
    wanted = (0.0, 0.1, 0.5, 0.975, 1.0)
    assert quantiles(samples, wanted) == pytest.approx(np.quantile(samples, wanted, axis=0))
    assert quantiles(samples[:, 0], wanted) == pytest.approx(np.quantile(samples[:, 0], wanted))
    assert median(samples.T.copy().T) == pytest.approx(np.median(samples, axis=0))
    assert samples.tolist() == before.tolist()
