"""Young, Daly and the effective training time ratio against the published tables and against brute force."""

import doctest
from collections.abc import Callable
from math import inf, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.perf import checkpoints
from simcost.perf.checkpoints import daly_optimum, daly_time, ettr, job_mtbf_s, state_bytes, young

HOUR_S = 3600.0
RATE = 6.5e-3

positive = st.floats(1.0, 1e6)


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(checkpoints).failed == 0


@pytest.mark.parametrize(("mtbf_h", "stretch"), [(3.09, 1.19448), (24.0, 1.05829)])
def test_daly_at_young_stretches_work_as_published(mtbf_h: float, stretch: float) -> None:
    mtbf_s = mtbf_h * HOUR_S
    assert daly_time(1.0, young(120, mtbf_s), 120, 300, mtbf_s) == pytest.approx(stretch, abs=5e-6)


@pytest.mark.parametrize(
    ("gpus", "mttf_h", "rows"),
    [
        (1024, 28.85, [(0.5, 41.6, 0.9734), (2, 83.2, 0.9502), (5, 131.6, 0.9240)]),
        (8192, 3.61, [(0.5, 14.7, 0.9119), (2, 29.4, 0.8510), (5, 46.5, 0.7850)]),
        (16384, 1.80, [(0.5, 10.4, 0.8642), (2, 20.8, 0.7824), (5, 32.9, 0.6960)]),
    ],
)
def test_the_published_table_of_effective_time(gpus: int, mttf_h: float, rows: list[tuple[float, ...]]) -> None:
    mtbf_s = job_mtbf_s(gpus // 8, RATE)
    assert mtbf_s / HOUR_S == pytest.approx(mttf_h, abs=0.006)
    for write_min, interval_min, ratio in rows:
        interval_s = young(60 * write_min, mtbf_s)
        assert interval_s / 60 == pytest.approx(interval_min, abs=0.051)
        assert ettr(gpus // 8, RATE, 300, interval_s, 60 * write_min) == pytest.approx(ratio, abs=5.1e-5)


@given(write_s=positive, restart_s=st.floats(0.0, 1e4), mtbf_s=st.floats(100.0, 1e7))
def test_no_interval_beats_the_optimum(write_s: float, restart_s: float, mtbf_s: float) -> None:
    best_s = daly_optimum(write_s, restart_s, mtbf_s)
    least = daly_time(1.0, best_s, write_s, restart_s, mtbf_s)
    for factor in (0.5, 0.99, 1.01, 2.0):
        assert least <= daly_time(1.0, factor * best_s, write_s, restart_s, mtbf_s) * (1 + 1e-12)


def test_the_optimum_tends_to_young_where_failures_are_rare() -> None:
    assert isclose(daly_optimum(10, 0, 1e12), young(10, 1e12), rel_tol=1e-4)


def test_the_size_independent_part_explains_the_measured_life_of_1024_gpus() -> None:
    assert job_mtbf_s(128, RATE, 2.21) / HOUR_S == pytest.approx(7.9, abs=0.02)


def test_nothing_fails() -> None:
    assert job_mtbf_s(8, 0.0) == young(60, inf) == daly_optimum(60, 0, inf) == inf
    assert daly_time(1000, inf, 60, 300, inf) == 1000
    assert daly_time(1000, 100, 10, 300, inf) == pytest.approx(1100)
    assert ettr(8, 0.0, 300, inf, 60) == 1


def test_a_run_that_never_ends() -> None:
    assert daly_time(1.0, HOUR_S, 60, 300, mtbf_s=1.0) == inf


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: young(0, 1), "write"),
        (lambda: daly_time(1, 0, 1, 1, 1), "interval"),
        (lambda: ettr(0, 1, 1, 1, 1), "nodes"),
        (lambda: job_mtbf_s(1, -1), "rate per node day"),
        (lambda: daly_optimum(1, 1, float("nan")), "mtbf"),
        (lambda: state_bytes(-1), "params"),
    ],
)
def test_impossible_figures_are_named(call: Callable[[], float], name: str) -> None:
    with pytest.raises(InputError, match=f"^{name} is .* must be"):
        call()
