"""The integer clock: ticks, and step times as whole numbers of them.

With integers, a run of decode steps in closed form equals the same steps one by one, bit for bit; with floats
it does not, and under state-dependent routing one last bit changes which request meets which.
"""

from dataclasses import dataclass
from math import frexp

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.perf import StepTime
from simcost.plan import Batching
from simcost.sim.serving.engine.layout import RATE_BITS

_LARGEST = 2**62
NOT_IN_A_RUN = 2**61
"""Ticks beyond every horizon that a clock spans; added to a time in a run they are still a number of 64 bits."""
_TICKS_PER_NS = (1000, 100, 10, 1)  # 1 ps to 1 ns
_ROUNDING = 1e-3
_MOST_TOKENS = 2**24  # of a step
_E_BITS = 12  # significant bits of the quadratic coefficient
_NO_PAIRS_S = 1e-12  # below a picosecond per pair the quadratic term is nil


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DraftTicks:
    """Speculative decoding in ticks: rows and tokens of a sequence in a step, and the time of drafting."""

    rows: int
    """Of each decoding sequence in a step."""
    rate: int
    """Tokens of a sequence in 2**`RATE_BITS` steps."""
    slots: int
    """Of the KV cache that each running request keeps for drafts."""
    ticks: npt.NDArray[np.int64]
    """By the decoding sequences of a step, from 0 to the most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clock:
    """Ticks of one run, and the step time t = base[P + n] + b*P + c*n + d*K + (e*Q >> shift) in them.

    With drafts: base[P + rows*n] and drafts.ticks[n] more.
    """

    ticks_per_ns: int
    base: npt.NDArray[np.int64]
    """By the tokens of a step, from 0 to the most that one can hold."""
    b: int
    c: int
    d: int
    e: int
    e_shift: int
    drafts: DraftTicks | None = None
    """None = no speculation."""

    @property
    def tick_s(self) -> float:
        """Seconds per tick."""
        return 1e-9 / self.ticks_per_ns

    def ticks(self, seconds: float) -> int:
        """A time in whole nanoseconds, in ticks; one that no run lasts is `NOT_IN_A_RUN`."""
        return min(round(seconds * 1e9) * self.ticks_per_ns, NOT_IN_A_RUN)

    def ticks_of_each(self, seconds: float, most: int) -> int:
        """Ticks of one of as many times as may follow each other.

        Raises:
            InputError: together they are more than can be counted.
        """
        ticks = self.ticks(seconds)
        if ticks * most >= NOT_IN_A_RUN:
            raise InputError(
                f"{seconds:.3g} s to load or send one, and up to {most:,} in a row, are longer than any run; are rates "
                "of links, disks and memory in bytes per second? Write their unit, such as 1GB/s"
            )
        return ticks


def clock_for(
    step: StepTime, *, horizon_s: float, capacity: int, batching: Batching, finest: int = _TICKS_PER_NS[0]
) -> Clock:
    """The finest clock whose numbers cannot overflow within the horizon, of `finest` ticks per ns at most.

    Q counts whole tokens squared, sum of chunk*(2*done + chunk), twice the attention pairs of `StepTime`; hence
    e = q / 2, kept as a fixed-point number with `e_shift` fractional bits.

    Raises:
        InputError: a coefficient would be off by more than 0.1 % in whole ticks, no clock spans the horizon, or steps
            could be longer than a table of their times may be.
    """
    # All tokens of a step are in the cache; a prompt that is not cut may be longer than the budget.
    most = capacity if batching.prefill == "whole" else min(batching.max_num_batched_tokens, capacity)
    if most > _MOST_TOKENS:
        raise InputError(
            f"a step of {most:,} tokens is longer than any engine takes; give at most {_MOST_TOKENS:,} as kv_tokens, "
            "or as max_num_batched_tokens with chunked prefill"
        )
    base_s = step.base_seconds(np.arange(most + 1, dtype=np.float64))
    _check_length(step, base_s, batching.max_num_seqs)
    for ticks_per_ns in (ticks for ticks in _TICKS_PER_NS if ticks <= finest):
        clock = _clock(step, base_s, ticks_per_ns, batching.max_num_seqs)
        # A run of k steps over n sequences has n*k <= capacity, hence k <= capacity.
        sequences = batching.max_num_seqs
        decoding = int(clock.base[: sequences * step.rows + 1].max()) + clock.c * sequences
        if clock.drafts is not None:
            decoding += int(clock.drafts.ticks.max())
        longest_step = decoding + clock.d * (capacity + capacity // 2)
        quadratic = clock.e * capacity**2
        if max(horizon_s * 2e9 * ticks_per_ns, longest_step * capacity, quadratic) < _LARGEST:
            _check_rounding(step, base_s, clock)
            return clock
    raise InputError(
        f"no clock can span a horizon of {horizon_s:.0f} s with a KV capacity of {capacity} tokens; shorten the horizon"
    )


def _clock(step: StepTime, base_s: npt.NDArray[np.float64], ticks_per_ns: int, sequences: int) -> Clock:
    ticks_per_s = ticks_per_ns * 1e9
    quadratic = step.q_s_per_pair / 2 * ticks_per_s if step.q_s_per_pair > _NO_PAIRS_S else 0.0
    shift = max(_E_BITS - frexp(quadratic)[1], 0) if quadratic else 0
    return Clock(
        ticks_per_ns=ticks_per_ns,
        base=np.rint(base_s * ticks_per_s).astype(np.int64),
        b=round(step.b_s_per_token * ticks_per_s),
        c=round(step.c_s_per_sequence * ticks_per_s),
        d=round(step.d_s_per_token * ticks_per_s),
        e=round(quadratic * 2**shift),
        e_shift=shift,
        drafts=_drafts(step, ticks_per_s, sequences),
    )


def _check_length(step: StepTime, base_s: npt.NDArray[np.float64], sequences: int) -> None:
    drafting = np.zeros(1) if step.draft is None else step.draft.seconds(np.arange(sequences + 1, dtype=np.float64))
    longest_s = float(base_s.max() + drafting.max())
    if longest_s * _TICKS_PER_NS[0] * 1e9 >= _LARGEST:
        raise InputError(f"a step of {longest_s:.3g} s is longer than any engine takes; are its times in seconds?")


def _drafts(step: StepTime, ticks_per_s: float, sequences: int) -> DraftTicks | None:
    if step.draft is None:
        return None
    seconds = step.draft.seconds(np.arange(sequences + 1, dtype=np.float64))
    return DraftTicks(
        rows=step.rows,
        rate=round(step.tokens_per_step * 2**RATE_BITS),
        slots=step.draft.slots,
        ticks=np.rint(seconds * ticks_per_s).astype(np.int64),
    )


def _check_rounding(step: StepTime, base_s: npt.NDArray[np.float64], clock: Clock) -> None:
    smallest = int(np.argmin(np.where(base_s > 0, base_s, np.inf)))
    exact = {
        "base" if step.base else "a": (float(base_s[smallest]), int(clock.base[smallest])),
        "b": (step.b_s_per_token, clock.b),
        "c": (step.c_s_per_sequence, clock.c),
        "d": (step.d_s_per_token, clock.d),
    }
    for name, (value_s, ticks) in exact.items():
        if value_s > 0 and abs(ticks * clock.tick_s - value_s) > _ROUNDING * value_s:
            raise InputError(
                f"step coefficient {name} = {value_s:g} s is too small for a clock of {clock.tick_s:g} s per tick; "
                "give it as 0 or shorten the horizon"
            )
    tokens = np.arange(1, len(clock.base))
    if (clock.base[1:] + tokens * min(clock.b, clock.c + clock.d) <= 0).any():
        raise InputError("a step must take time: a, b, c, d and base of the step time cannot all be 0")
