"""Acceptance of drafts in speculative decoding: from rates by position to tokens and steps.

The rate of position i is the probability that the first i drafts of a step are all accepted, as vLLM counts them
(accepted at a position / drafts). A step brings the accepted drafts and one token of the target itself.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import fsum

Rates = tuple[float, ...]


def constant_rates(alpha: float, drafts: int) -> Rates:
    """Each draft is accepted with probability alpha, once those before it are.

    >>> [round(rate, 3) for rate in constant_rates(0.7, 3)]
    [0.7, 0.49, 0.343]
    """
    return tuple(alpha**i for i in range(1, drafts + 1))


def rates_of_length(length: float, drafts: int) -> Rates:
    """Rates of a mean number of tokens per step, spread as little as can be: vLLM's synthetic acceptance.

    >>> rates_of_length(2.5, 3)
    (1.0, 0.5, 0.0)
    """
    return tuple(min(max(length - i, 0.0), 1.0) for i in range(1, drafts + 1))


def alpha_of_length(length: float, drafts: int) -> float:
    """The constant acceptance that brings so many tokens per step: (1 - alpha^(k + 1)) / (1 - alpha) = length.

    >>> round(alpha_of_length(2.533, 3), 3)
    0.7
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if tokens_per_step(constant_rates(middle, drafts)) < length:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def tokens_per_step(rates: Sequence[float]) -> float:
    """Expected tokens of a step: 1 + the sum of the rates."""
    return 1.0 + fsum(rates)


def tokens_pmf(rates: Sequence[float]) -> Rates:
    """Probability of 1, 2, ... tokens in a step."""
    return tuple(before - after for before, after in pairwise((1.0, *rates, 0.0)))


def expected_steps(rates: Sequence[float], output_tokens: int) -> float:
    """Expected verify steps of a request; its first token comes from the prefill, its last step may be cut.

    A renewal count: N(n) = 1 + sum of pmf[j] * N(n - j), more than (output - 1) / tokens_per_step.

    >>> round(expected_steps(constant_rates(0.7, 3), 100), 3)
    39.506
    """
    pmf = tokens_pmf(rates)
    steps = [0.0]
    for left in range(1, output_tokens):
        after = (steps[left - tokens] for tokens in range(1, min(len(pmf), left) + 1))
        steps.append(1.0 + fsum(share * more for share, more in zip(pmf, after, strict=False)))
    return steps[-1]
