"""Requests of a run by their tokens, and the gaps between their arrivals, in bins: what bounds need to know of them.

The bin of a number is its first binary digits, exponent and all: bins are as wide as a part of the power of 2 below,
and a run pays a few nanoseconds a request for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

_DIGITS, _GAP_DIGITS = 5, 7
"""Binary digits that count after the first one: bins of 1 to 3 % of token counts, of 0.4 to 0.8 % of gaps."""
_MOST_TOKENS = 1 << 24
"""More count as so many; up to it a float of 32 bits is exact."""
_BINS = 25 << _DIGITS
_SHORTEST_S = 1e-3
"""Of the gaps."""
_MANTISSA, _SINGLE_MANTISSA, _SINGLE_ONE = 52, 23, 127 << 23
"""Digits of floats of 64 and of 32 bits, and the bits of the number 1 as one of these."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Pair = tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]
"""Prompt and output tokens of requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMix:
    """Requests by their tokens, in bins."""

    prompt_tokens: Floats
    output_tokens: Floats
    counts: Floats

    @classmethod
    def of(cls, prompt_tokens: npt.NDArray[np.generic], output_tokens: npt.NDArray[np.generic]) -> Self:
        """The requests of a run; each counts as no heavier than it is."""
        return cls.of_batches([(prompt_tokens, output_tokens)])

    @classmethod
    def of_batches(cls, batches: Iterable[Pair]) -> Self:
        """As `of`, from the tokens of one batch after another."""
        cells = TokenBins()
        for batch in batches:
            cells.add(batch)
        return cls.of_cells(cells)

    @classmethod
    def of_cells(cls, cells: "TokenBins") -> Self:
        """The requests that were counted."""
        places, counts = cells.filled()
        prompt, output = (_least(bins, 1.0, _DIGITS) for bins in places)
        return cls(prompt_tokens=prompt, output_tokens=output, counts=counts.astype(np.float64))

    def output_curve(self) -> tuple[Floats, Floats]:
        """Requests, those with the shortest answers first, and their output tokens together."""
        return lightest_first(self.output_tokens, self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalGaps:
    """Times between one arrival and the next, in bins; those below a millisecond are left out."""

    seconds: Floats
    """The least of each bin."""
    counts: Floats

    @classmethod
    def of(cls, gaps_s: Floats) -> Self:
        """Count times."""
        below = _SHORTEST_S / 2  # a bin of its own for all that are left out
        bins = _bins(np.maximum(gaps_s, below), below, _GAP_DIGITS)
        counts = np.bincount(bins)
        filled = np.flatnonzero(counts)
        seconds = _least(filled, below, _GAP_DIGITS)
        kept = seconds >= _SHORTEST_S
        return cls(seconds=seconds[kept], counts=counts[filled[kept]].astype(np.float64))

    @classmethod
    def sum(cls, parts: "Sequence[ArrivalGaps]") -> Self:
        """Of several stretches of time."""
        seconds, places = np.unique(np.concatenate([np.zeros(0), *(one.seconds for one in parts)]), return_inverse=True)
        weights = np.concatenate([np.zeros(0), *(one.counts for one in parts)])
        return cls(seconds=seconds, counts=np.bincount(places, weights, minlength=len(seconds)).astype(np.float64))


class TokenBins:
    """Counts of requests by the bins of their tokens, batch by batch."""

    def __init__(self) -> None:
        self.counts = np.zeros((_BINS, _BINS), np.int64)
        """[prompt, output]; memory is taken where there are requests."""
        self._ends = np.zeros(2, np.int64)

    def add(self, batch: Pair) -> None:
        """Count the requests of a batch."""
        if not len(batch[0]):
            return
        (first, rows, prompt), (start, columns, output) = map(_tokens, batch)
        prompt *= columns
        prompt += output
        counts = np.bincount(prompt, minlength=rows * columns).reshape(rows, columns)
        self.counts[first : first + rows, start : start + columns] += counts
        self._ends = np.maximum(self._ends, (first + rows, start + columns))

    def filled(self) -> tuple[tuple[Ints, Ints], Ints]:
        """The bins that hold requests, of prompts and outputs, and their counts."""
        rows, columns = self._ends
        counts = self.counts[:rows, :columns]
        prompt, output = np.nonzero(counts)
        return (prompt, output), counts[prompt, output]


def _tokens(tokens: npt.NDArray[np.generic]) -> tuple[int, int, npt.NDArray[np.int32]]:
    """The first bin, the number of bins, and the bins from the first on."""
    values = np.clip(tokens, 1, _MOST_TOKENS).astype(np.float32)
    bins = values.view(np.int32) >> _SINGLE_MANTISSA - _DIGITS
    first = int(bins.min())
    bins -= first
    return first - (_SINGLE_ONE >> _SINGLE_MANTISSA - _DIGITS), int(bins.max()) + 1, bins


def _first_bin(least: float, digits: int) -> int:
    return int(np.array([least]).view(np.int64)[0] >> _MANTISSA - digits)


def _bins(values: Floats, least: float, digits: int) -> Ints:
    """Bins of values of at least `least`, from 0."""
    bins = values.view(np.int64) >> _MANTISSA - digits
    bins -= _first_bin(least, digits)
    return bins


def _least(bins: Ints, least: float, digits: int) -> Floats:
    """The smallest value of each bin; that of the first is `least`."""
    values = (bins + _first_bin(least, digits) << _MANTISSA - digits).view(np.float64)
    return np.maximum(values, least)


def lightest_first(work: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Requests, the lightest first, and their work together."""
    order = np.argsort(work, kind="stable")
    zero = np.zeros(1)
    return np.concatenate([zero, np.cumsum(counts[order])]), np.concatenate([zero, np.cumsum((work * counts)[order])])
