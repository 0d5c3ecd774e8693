"""Requests of a run by their tokens, and the gaps between their arrivals, in bins: what bounds need to know of them.

The bin of a number is its first binary digits, exponent and all: bins are as wide as a part of the power of 2 below,
and a run pays a few nanoseconds a request for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from weakref import ref

import numpy as np
import numpy.typing as npt

from simcost.units import NS_PER_S

FINE, COARSE = (5, 5), (3, 4)
"""Binary digits of prompt and output tokens that count after the first one: bins of 1.5 to 3 %; or of 6 to 12 % and, as
most of the work is for outputs, 3 to 6 %."""
_GAP_DIGITS = 7
"""Of gaps: bins of 0.4 to 0.8 %."""
_MOST_TOKENS = 1 << 24
"""More count as so many; up to it a float of 32 bits is exact."""
_OCTAVES = 25
_SHORTEST_S = 1e-3
"""Of the gaps."""
_MANTISSA, _SINGLE_MANTISSA, _SINGLE_ONE = 52, 23, 127 << 23
"""Digits of floats of 64 and of 32 bits, and the bits of the number 1 as one of these."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.int32]
Columns = tuple[Ints, Tokens, Tokens]
"""Arrivals in ns, prompt and output tokens."""
Pair = tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]
"""Prompt and output tokens of requests."""
Cells = tuple[Ints, Ints]
"""Cells of a table, and counts."""


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
        cells = TokenBins(FINE)
        for batch in batches:
            cells.add(batch)
        return cls.of_cells(cells)

    @classmethod
    def of_cells(cls, cells: "TokenBins") -> Self:
        """The requests that were counted."""
        places, counts = cells.filled()
        return cls(
            prompt_tokens=_least(places[0], 1.0, cells.digits[0]),
            output_tokens=_least(places[1], 1.0, cells.digits[1]),
            counts=counts.astype(np.float64),
        )

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
        below = _SHORTEST_S / 2  # the first bin is for all that are left out
        bins = _bins(np.where(gaps_s < _SHORTEST_S, below, gaps_s), below, _GAP_DIGITS)
        counts = np.bincount(bins)
        filled = np.flatnonzero(counts[1:]) + 1
        return cls(seconds=_least(filled, below, _GAP_DIGITS), counts=counts[filled].astype(np.float64))

    @classmethod
    def sum(cls, parts: "Sequence[ArrivalGaps]") -> Self:
        """Of several stretches of time."""
        seconds, places = np.unique(np.concatenate([np.zeros(0), *(one.seconds for one in parts)]), return_inverse=True)
        weights = np.concatenate([np.zeros(0), *(one.counts for one in parts)])
        return cls(seconds=seconds, counts=np.bincount(places, weights, minlength=len(seconds)).astype(np.float64))


class TokenBins:
    """Counts of requests by the bins of their tokens, batch by batch.

    Args:
        digits: of prompt and output tokens.
    """

    def __init__(self, digits: tuple[int, int]) -> None:
        self.digits = digits
        self.counts = np.zeros((_OCTAVES << digits[0], _OCTAVES << digits[1]), np.int64)
        """[prompt, output]"""

    def add(self, batch: Pair) -> None:
        """Count the requests of a batch."""
        self.put(*self.cells_of(batch))

    def cells_of(self, batch: Pair) -> Cells:
        """The cells with requests of a batch, and their numbers."""
        cells = _tokens(batch[0], self.digits[0])
        cells *= self.counts.shape[1]
        cells += _tokens(batch[1], self.digits[1])
        counts = np.bincount(cells)
        filled = np.flatnonzero(counts)
        return filled, counts[filled]

    def put(self, cells: Ints, counts: Ints) -> None:
        """Count what a batch had."""
        self.counts.reshape(-1)[cells] += counts

    def filled(self) -> tuple[tuple[Ints, Ints], Ints]:
        """The bins that hold requests, of prompts and outputs, and their counts."""
        prompt, output = np.nonzero(self.counts)
        return (prompt, output), self.counts[prompt, output]


class CountedRequests:
    """Requests of a run, counted as their batches come; a batch that many runs meet is counted once.

    Args:
        until_ns: end of the run.
    """

    _known: ClassVar[dict[int, tuple[tuple[ref[Any], ...], int, Cells, ArrivalGaps]]] = {}
    """Counts of batches that are in memory, by the identity of their arrivals: their columns, how many rows count."""

    def __init__(self, until_ns: int) -> None:
        self._until_ns, self._cells = until_ns, TokenBins(COARSE)
        self._gaps, self._last_ns = list[ArrivalGaps](), np.zeros(0, np.int64)

    def add(self, arrival_ns: Ints, prompt: Tokens, output: Tokens) -> None:
        """Count the requests of a batch that arrive within the run."""
        within = int(np.searchsorted(arrival_ns, self._until_ns))
        if not within:
            return
        cells, gaps = self._counted((arrival_ns, prompt, output), within)
        self._cells.put(*cells)
        between_ns = np.diff(np.concatenate([self._last_ns, arrival_ns[:1]]))
        self._gaps += [ArrivalGaps.of(between_ns / NS_PER_S), gaps]
        self._last_ns = arrival_ns[within - 1 : within]

    def add_sent(self, prompt: Tokens, output: Tokens) -> None:
        """Count requests whose arrivals do not tell when they were sent."""
        self._cells.add((prompt, output))

    @property
    def mix(self) -> RequestMix:
        """The requests by their tokens."""
        return RequestMix.of_cells(self._cells)

    @property
    def gaps(self) -> ArrivalGaps:
        """The times between them."""
        return ArrivalGaps.sum(self._gaps)

    def _counted(self, columns: Columns, within: int) -> tuple[Cells, ArrivalGaps]:
        key = id(columns[0])
        known = self._known.get(key)
        if known and known[1] == within and all(there() is one for there, one in zip(known[0], columns, strict=True)):
            return known[2], known[3]
        arrival_ns, prompt, output = (column[:within] for column in columns)
        cells = self._cells.cells_of((prompt, output))
        gaps = ArrivalGaps.of(np.diff(arrival_ns) / NS_PER_S)
        first, *others = columns
        counted = self._known  # not the object, which would keep the last arrivals of its run in memory
        there: tuple[ref[Any], ...] = (ref(first, lambda _: counted.pop(key, None)), *map(ref, others))
        counted[key] = there, within, cells, gaps
        return cells, gaps


def _tokens(tokens: npt.NDArray[np.generic], digits: int) -> npt.NDArray[np.int32]:
    """Bins of token counts."""
    values = np.clip(tokens, 1, _MOST_TOKENS).astype(np.float32)
    bins: npt.NDArray[np.int32] = values.view(np.int32) >> _SINGLE_MANTISSA - digits
    bins -= _SINGLE_ONE >> _SINGLE_MANTISSA - digits
    return bins


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
