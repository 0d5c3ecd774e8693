"""Sobol indices: a published closed form, a worked example, and the surface that they are read from."""

from itertools import product
from math import pi
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.vectors import document

from simcost.compare.variance import ResponseSurface, coefficients, corners, design, variance_shares

CASES = [case for case in document("decisions")["cases"] if case["kind"] == "sobol_product"]
Floats = npt.NDArray[np.float64]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_the_product_of_uniforms(case: Any) -> None:
    ranges = case["input"]["ranges"]
    found = variance_shares(lambda x: np.prod(x, axis=1), list(ranges.values()))
    assert found is not None
    assert [one.first for one in found] == pytest.approx(list(case["expected"]["first_order"].values()), abs=0.003)
    assert [one.total for one in found] == pytest.approx(list(case["expected"]["total_order"].values()), abs=0.003)


def test_ishigami() -> None:
    """Sobol and Levitan (1999): a = 7, b = 0.1; the third input acts through the first alone."""

    def ishigami(x: Floats) -> Floats:
        return np.asarray(np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]))

    found = variance_shares(ishigami, [(-pi, pi)] * 3)
    assert found is not None
    assert [one.first for one in found] == pytest.approx([0.314, 0.442, 0.0], abs=0.02)
    assert [one.total for one in found] == pytest.approx([0.558, 0.442, 0.244], abs=0.02)


def test_a_constant_has_no_shares() -> None:
    assert variance_shares(lambda x: np.full(len(x), 7.0), [(0, 1), (2, 3)]) is None


@given(curved=st.integers(0, 3), linear=st.integers(0, 3), seed=st.integers(0, 99))
def test_the_surface_is_exact_for_quadratics_and_for_products_with_linear_inputs(
    curved: int, linear: int, seed: int
) -> None:
    if curved + linear == 0:
        return
    rng = np.random.default_rng(seed)
    bends, slopes = rng.normal(size=(curved, curved)), rng.normal(size=linear)

    def cost(x: Floats) -> Floats:
        own = 5 + np.einsum("ni,ij,nj->n", x[:, :curved], bends, x[:, :curved])
        return np.asarray(own * np.prod(1 + slopes * x[:, curved:], axis=1))

    ranges = [(low, low + width) for low, width in rng.uniform(0.5, 2, size=(curved + linear, 2)).tolist()]
    points = design(ranges[:curved], 2 * coefficients(curved), seed=seed)
    ends = corners(ranges[curved:])
    known = np.array([[cost(np.append(point, end)[np.newaxis])[0] for end in ends] for point in points])
    surface = ResponseSurface(ranges[:curved], ranges[curved:], points, known)
    lo, hi = np.asarray(ranges).T
    asked = lo + (hi - lo) * rng.random((20, len(ranges)))
    assert surface(asked) == pytest.approx(cost(asked), rel=1e-8, abs=1e-8)


def test_the_design_fills_the_ranges_and_is_the_same_again() -> None:
    ranges = [(0.5, 2.0), (10.0, 20.0)]
    points = design(ranges, 12, seed=3)
    assert points.shape == (12, 2)
    assert np.array_equal(points, design(ranges, 12, seed=3))
    quarters = [(x > 1.25, y > 15) for x, y in points]
    assert set(quarters) == set(product((False, True), repeat=2))
