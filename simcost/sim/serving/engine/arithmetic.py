"""Closed forms of the data plane on integers: the time of a run of steps and its inverse, and a hash."""

import math

import numpy as np

from simcost.sim.compiled import inlined


@inlined
def splitmix64(x: int | np.uint64) -> np.uint64:
    """A well-mixed 64-bit hash (Steele, Lea, Flood 2014)."""
    z = np.uint64(x) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def run_time(first: int, growth: int, k: int) -> int:
    """S(k): the time of k decode steps, the first of which takes `first`, each next one `growth` more."""
    return k * first + growth * (k * (k - 1) // 2)


@inlined
def steps_until(first: int, growth: int, span: int) -> int:
    """The smallest k >= 1 with S(k) >= span: a float guess, then integer repair."""
    if growth == 0:
        k = span // first
    else:
        half = first - 0.5 * growth
        k = int((math.sqrt(half * half + 2.0 * growth * span) - half) / growth)
    k = max(k, 1)
    while k > 1 and run_time(first, growth, k - 1) >= span:
        k -= 1
    while run_time(first, growth, k) < span:
        k += 1
    return k
