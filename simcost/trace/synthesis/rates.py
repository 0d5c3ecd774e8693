"""Expected requests over time: operational time, in which one request is expected per unit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.trace.requests.batch import Floats, Ints
from simcost.units import NS_PER_S

_KNOTS_A_STEP = 12


class CumulativeRate:
    """Expected requests from time 0 to any time, and back; the rate is constant between knots."""

    def __init__(self, knots_ns: Ints | npt.NDArray[np.floating[Any]], expected: Floats) -> None:
        self._knots_ns, self._expected = knots_ns, expected

    @property
    def first(self) -> float:
        """Expected requests at the first knot: 0, or below with a run-up."""
        return float(self._expected[0])

    @property
    def total(self) -> float:
        """Requests expected up to the end."""
        return float(self._expected[-1])

    @property
    def end_ns(self) -> int:
        """The last knot."""
        return int(self._knots_ns[-1])

    def expected(self, time_ns: Ints | Floats) -> Floats:
        """Expected requests from time 0 to each time."""
        expected: Floats = np.interp(time_ns, self._knots_ns, self._expected)
        return expected

    def time_ns(self, expected: Floats) -> Ints:
        """Time at which so many requests are expected to have come; the inverse of `expected`."""
        times: Ints = np.interp(expected, self._expected, self._knots_ns).astype(np.int64)
        return times

    def with_run_up(self, earlier_ns: int) -> "CumulativeRate":
        """With a run-up of this length before time 0, at the rate of the first stretch."""
        rate = (self._expected[1] - self._expected[0]) / (self._knots_ns[1] - self._knots_ns[0])
        return CumulativeRate(
            np.concatenate([[-earlier_ns], self._knots_ns]),
            np.concatenate([[-earlier_ns * rate], self._expected]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrivalRates:
    """Requests expected in each step: a sample path of a forecast.

    Within a step the rate varies smoothly, so that it meets that of the neighbours, and the step keeps its sum.
    """

    step_s: float
    """Length of a step."""
    expected: Floats
    """Requests expected in each step, at least 0."""

    def __post_init__(self) -> None:
        if not 0 < self.step_s * NS_PER_S * len(self.expected) < 2**63:
            raise InputError(f"{len(self.expected)} steps of {self.step_s} s: give at least one, of positive length")
        wrong = np.flatnonzero(~(np.isfinite(self.expected) & (self.expected >= 0)))
        if len(wrong):
            raise InputError(
                f"step {wrong[0] + 1}: {self.expected[wrong[0]]} requests cannot be expected; "
                "give a number of at least 0"
            )

    @property
    def span_s(self) -> float:
        """Length of all steps."""
        return self.step_s * len(self.expected)

    def clock(self) -> CumulativeRate:
        """Expected requests as a function of time.

        The cumulative sum is interpolated by a monotone cubic (Fritsch & Carlson 1980): its slope between two
        steps is the harmonic mean of their rates, 0 next to an empty step, and at the ends that of a parabola
        through three sums. It passes through every sum.
        """
        steps = np.asarray(self.expected, np.float64)
        reached = np.concatenate([[0.0], np.cumsum(steps)])
        slope = np.concatenate([_end(steps[:2]), _harmonic(steps[:-1], steps[1:]), _end(steps[:-3:-1])])
        part = np.arange(_KNOTS_A_STEP) / _KNOTS_A_STEP  # of a step; Hermite's basis
        up, left, right = part**2 * (3 - 2 * part), part * (1 - part) ** 2, part**2 * (part - 1)
        inner = reached[:-1, None] + np.outer(steps, up) + np.outer(slope[:-1], left) + np.outer(slope[1:], right)
        knots_ns = np.arange(len(steps) * _KNOTS_A_STEP + 1) * (self.step_s * NS_PER_S / _KNOTS_A_STEP)
        return CumulativeRate(
            knots_ns, np.maximum.accumulate(np.append(np.minimum(inner, reached[1:, None]), reached[-1]))
        )


def _harmonic(one: Floats, other: Floats) -> Floats:
    """The harmonic mean; 0 where one of both is."""
    both = one + other
    mean: Floats = np.divide(2 * one * other, both, out=np.zeros_like(both), where=(one > 0) & (other > 0))
    return mean


def _end(steps: Floats) -> Floats:
    """The slope at an end, from the last step and the one before it, within what keeps the curve monotone."""
    return np.clip((3 * steps[:1] - steps[-1:]) / 2, 0, 3 * steps[:1])
