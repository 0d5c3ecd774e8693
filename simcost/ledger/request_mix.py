"""Requests of a run by their tokens, and the gaps between their arrivals, in bins: what bounds need to know of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

BIN = 0.03
"""Relative width of the bins of token counts; requests count as the least of their bin."""
_BINS = 1024
"""More than there are bins up to the largest count of 32 bits."""
_GAP_BIN, _SHORTEST_S = 0.01, 1e-3
"""Relative width of the bins of gaps, and the start of the first."""

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
        filled = np.flatnonzero(cells.counts)
        least = [np.maximum(np.exp(bins * BIN), 1.0) for bins in (filled // _BINS, filled % _BINS)]
        return cls(prompt_tokens=least[0], output_tokens=least[1], counts=cells.counts[filled].astype(np.float64))

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
        bins = np.floor(np.log(gaps_s[gaps_s >= _SHORTEST_S] / _SHORTEST_S) / _GAP_BIN + 1e-9).astype(np.int64)
        counts = np.bincount(bins)
        filled = np.flatnonzero(counts)
        return cls(seconds=_SHORTEST_S * np.exp(filled * _GAP_BIN), counts=counts[filled].astype(np.float64))

    @classmethod
    def sum(cls, parts: "Sequence[ArrivalGaps]") -> Self:
        """Of several stretches of time."""
        seconds, places = np.unique(np.concatenate([np.zeros(0), *(one.seconds for one in parts)]), return_inverse=True)
        weights = np.concatenate([np.zeros(0), *(one.counts for one in parts)])
        return cls(seconds=seconds, counts=np.bincount(places, weights, minlength=len(seconds)).astype(np.float64))


class TokenBins:
    """Counts of requests by the bins of their tokens, batch by batch."""

    def __init__(self) -> None:
        self.counts: Ints = np.zeros(0, np.int64)

    def add(self, batch: Pair) -> None:
        """Count the requests of a batch."""
        prompt, output = (np.floor(np.log(np.maximum(tokens, 1)) / BIN + 1e-9).astype(np.int64) for tokens in batch)
        more = np.bincount(prompt * _BINS + output)
        if len(more) > len(self.counts):
            more, self.counts = self.counts, more.astype(np.int64)
        self.counts[: len(more)] += more


def lightest_first(work: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Requests, the lightest first, and their work together."""
    order = np.argsort(work, kind="stable")
    zero = np.zeros(1)
    return np.concatenate([zero, np.cumsum(counts[order])]), np.concatenate([zero, np.cumsum((work * counts)[order])])
