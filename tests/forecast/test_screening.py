"""A few futures stand for all."""

import numpy as np
import pytest

from simcost.forecast.scenario_reduction import screen

PATHS = np.exp(np.random.default_rng(3).normal(0, 0.3, (200, 1)) + np.random.default_rng(4).normal(0, 0.2, (200, 48)))


def test_one_of_each_stratum() -> None:
    found = screen(PATHS, 10, seed=1)
    place = np.argsort(np.argsort(PATHS.sum(axis=1)))
    assert sorted(place[list(found.chosen)] // 20) == list(range(10))


def test_nearer_to_all_than_a_draw_at_random() -> None:
    found = screen(PATHS, 10, seed=1)
    rng = np.random.default_rng(0)
    shares = (0.1, 0.25, 0.5, 0.75, 0.9)

    def error(rows: np.ndarray, feature: np.ndarray) -> float:
        wanted, got = (np.quantile(values, shares, method="hazen") for values in (feature, feature[rows]))
        return float(np.abs(got / wanted - 1).max())

    total, peak = PATHS.sum(axis=1), PATHS.max(axis=1)
    assert found.total_error == pytest.approx(error(np.array(found.chosen), total))
    assert found.peak_error == pytest.approx(error(np.array(found.chosen), peak))
    random = [error(rng.choice(200, 10, replace=False), total) for _ in range(200)]
    assert found.total_error < np.quantile(random, 0.02)
    assert found.peak_error < 0.05


def test_all_of_them_are_exact() -> None:
    found = screen(PATHS, 200, seed=1)
    assert sorted(found.chosen) == list(range(200))
    assert (found.total_error, found.peak_error) == (0.0, 0.0)


def test_the_seed_decides() -> None:
    assert screen(PATHS, 7, seed=5) == screen(PATHS, 7, seed=5)


@pytest.mark.parametrize("paths", [np.zeros((20, 5)), np.ones((20, 5)), np.eye(20)])
def test_paths_that_are_all_alike(paths: np.ndarray) -> None:
    found = screen(paths, 4, seed=1)
    assert len(set(found.chosen)) == 4
    assert np.isfinite([found.total_error, found.peak_error]).all()


@pytest.mark.parametrize("count", [1, 2, 5, 10, 200])
def test_the_first_one_is_in_the_middle_of_the_chosen(count: int) -> None:
    """Tables and charts of one replication show it, and it stands for all of them."""
    chosen = list(screen(PATHS, count, seed=1).chosen)
    totals = PATHS.sum(axis=1)[chosen]
    assert (totals < totals[0]).sum() == count // 2
    assert (np.diff(totals[1:]) >= 0).all()
