"""The integer clock: ticks, and step times as whole numbers of them.

With integers, a run of decode steps in closed form equals the same steps one by one, bit for bit; with floats
it does not, and under state-dependent routing one last bit changes which request meets which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.perf import StepTime
from simcost.plan import Batching
from simcost.sim.serving.engine.layout import RATE_BITS

if TYPE_CHECKING:
    from simcost.sim.serving.pool import Pool

_LARGEST = 2**62
NOT_IN_A_RUN = 2**61
"""Ticks beyond every horizon that a clock spans; added to a time in a run they are still a number of 64 bits."""
_TICKS_PER_NS = (1000, 100, 10, 1)  # 1 ps to 1 ns
_ROUNDING = 1e-3  # of a coefficient, or of the shortest step
_FINEST_SHIFT = 40  # a 10**-12 part of a tick
_MOST_TOKENS = 2**24  # of a step
_E_BITS = 12  # significant bits of the quadratic coefficient
_MOST_E_SHIFT = 62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DraftTicks:
    """Speculative decoding: rows and tokens of a sequence in a step, and the time of drafting in units of the clock."""

    rows: int
    """Of each decoding sequence in a step."""
    rate: int
    """Tokens of a sequence in 2**`RATE_BITS` steps."""
    slots: int
    """Of the KV cache that each running request keeps for drafts."""
    units: npt.NDArray[np.int64]
    """By the decoding sequences of a step, from 0 to the most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clock:
    """Ticks of one run, and the step time t = base[P + n] + b*P + c*n + d*K + (e*Q >> e_shift) in units of
    2**-step_shift ticks.

    With drafts: base[P + rows*n] and drafts.units[n] more.
    """

    ticks_per_ns: int
    base: npt.NDArray[np.int64]
    """By the tokens of a step, from 0 to the most that one can hold."""
    b: int
    c: int
    d: int
    e: int
    e_shift: int
    step_shift: int = 0
    """0 where whole ticks are fine enough for the coefficients of a step."""
    drafts: DraftTicks | None = None
    """None = no speculation."""

    @property
    def tick_s(self) -> float:
        """Seconds per tick."""
        return 1e-9 / self.ticks_per_ns

    def ticks(self, seconds: float) -> int:
        """A time in whole nanoseconds, in ticks; one that no run lasts is `NOT_IN_A_RUN`."""
        return min(round(seconds * 1e9) * self.ticks_per_ns, NOT_IN_A_RUN)

    def empty_steps(self, steps: int) -> int:
        """Ticks that steps take before their first token."""
        return steps * int(self.base[0]) >> self.step_shift

    def ticks_of_each(self, seconds: float, most: int) -> int:
        """Ticks of one of as many times as may follow each other.

        Raises:
            InputError: together they are more than can be counted.
        """
        ticks = self.ticks(seconds)
        if (ticks * most) << self.step_shift >= NOT_IN_A_RUN:
            raise InputError(
                f"{seconds:.3g} s to load or send one, and up to {most:,} in a row, are longer than any run; are rates "
                "of links, disks and memory in bytes per second? Write their unit, such as 1GB/s"
            )
        return ticks


def clock_for(
    step: StepTime, *, horizon_s: float, capacity: int, batching: Batching, finest: int = _TICKS_PER_NS[0]
) -> Clock:
    """The finest clock whose numbers cannot overflow within the horizon, of `finest` ticks per ns at most.

    The horizon decides on the tick, the coefficients of a step on its unit: a part of a tick where whole ones would
    round a coefficient by more than 0.1 %.

    Q counts whole tokens squared, sum of chunk*(2*done + chunk), twice the attention pairs of `StepTime`; hence
    e = q / 2, kept as a fixed-point number with `e_shift` fractional bits.

    Raises:
        InputError: a step too short or too long for any unit, a horizon of more than 70 years, or a cache too large.
    """
    # All tokens of a step are in the cache; a prompt that is not cut may be longer than the budget.
    most = capacity if batching.prefill == "whole" else min(batching.max_num_batched_tokens, capacity)
    if most > _MOST_TOKENS:
        raise InputError(
            f"a step of {most:,} tokens is longer than any engine takes; give at most {_MOST_TOKENS:,} as kv_tokens, "
            "or as max_num_batched_tokens with chunked prefill"
        )
    base_s = step.base_seconds(np.arange(most + 1, dtype=np.float64))
    sequences = batching.max_num_seqs
    longest_s = _longest_step_s(step, base_s, sequences)
    for ticks_per_ns in (ticks for ticks in _TICKS_PER_NS if ticks <= finest):
        clock = _clock(step, base_s, ticks_per_ns, sequences)
        if horizon_s * 2e9 * ticks_per_ns < _LARGEST and _fits(clock, step, capacity, sequences):
            most_shift = frexp(_LARGEST / (longest_s * ticks_per_ns * 1e9 * capacity + 1.0))[1] - 1
            shift = min(_shift(step, base_s, ticks_per_ns), most_shift)
            while shift > 0:
                finer = _clock(step, base_s, ticks_per_ns, sequences, shift)
                if _fits(finer, step, capacity, sequences):
                    clock = finer
                    break
                shift -= 1
            _check_rounding(step, base_s, clock, capacity, sequences)
            return clock
    if horizon_s * 2e9 * _TICKS_PER_NS[-1] < _LARGEST:
        raise InputError(
            f"a step over {capacity:,} tokens of KV cache is longer than any engine takes; are its times in seconds?"
        )
    raise InputError(
        f"no clock can span a horizon of {horizon_s:.0f} s with a KV capacity of {capacity} tokens; shorten the horizon"
    )


def clocks_for(pools: Sequence[Pool], horizon_s: float) -> list[Clock]:
    """Clocks of pools that meet the same requests, all with the same tick: the finest that each of them can have.

    Raises:
        InputError: as `clock_for`.
    """

    def clock(pool: Pool, **finest: int) -> Clock:
        capacity = pool.kv_capacity_tokens
        return clock_for(pool.step, horizon_s=horizon_s, capacity=capacity, batching=pool.batching, **finest)

    clocks = [clock(pool) for pool in pools]
    finest = min(one.ticks_per_ns for one in clocks)
    return [
        one if one.ticks_per_ns == finest else clock(pool, finest=finest)
        for pool, one in zip(pools, clocks, strict=True)
    ]


def _clock(
    step: StepTime, base_s: npt.NDArray[np.float64], ticks_per_ns: int, sequences: int, step_shift: int = 0
) -> Clock:
    units_per_s = ticks_per_ns * 1e9 * 2**step_shift
    quadratic = step.q_s_per_pair / 2 * units_per_s
    e_shift = min(max(_E_BITS - frexp(quadratic)[1], 0), _MOST_E_SHIFT) if quadratic else 0
    return Clock(
        ticks_per_ns=ticks_per_ns,
        base=np.rint(base_s * units_per_s).astype(np.int64),
        b=round(step.b_s_per_token * units_per_s),
        c=round(step.c_s_per_sequence * units_per_s),
        d=round(step.d_s_per_token * units_per_s),
        e=round(quadratic * 2**e_shift),
        e_shift=e_shift,
        step_shift=step_shift,
        drafts=_drafts(step, units_per_s, sequences),
    )


def _fits(clock: Clock, step: StepTime, capacity: int, sequences: int) -> bool:
    """True if the longest run of decode steps and the attention of the fullest step can be counted."""
    decoding = int(clock.base[: sequences * step.rows + 1].max()) + clock.c
    if clock.drafts is not None:
        decoding += int(clock.drafts.units.max())
    # A run of k steps over n sequences has n*k <= capacity: k times the base, and c*n*k <= c*capacity.
    longest = (decoding + clock.d * (capacity + capacity // 2)) * capacity
    pairs = min(capacity, 2 * (len(clock.base) - 1)) * capacity  # of the chunks of a step, in prompts that fit
    return max(longest, clock.e * pairs, clock.b * len(clock.base)) < _LARGEST


def _shift(step: StepTime, base_s: npt.NDArray[np.float64], ticks_per_ns: int) -> int:
    """The fewest fractional bits of a unit that keep each coefficient within `_ROUNDING`."""
    for shift in range(_FINEST_SHIFT):
        values = [value_s * ticks_per_ns * 1e9 * 2**shift for value_s, _ in _coefficients(step, base_s)]
        if all(abs(round(units) - units) <= _ROUNDING * units for units in values):
            return shift
    return _FINEST_SHIFT


def _coefficients(step: StepTime, base_s: npt.NDArray[np.float64]) -> list[tuple[float, str]]:
    """The coefficients of a step in seconds, with their names: of `base` the smallest that is not 0."""
    smallest = float(np.min(base_s, where=base_s > 0, initial=np.inf))
    named = [
        (0.0 if smallest == np.inf else smallest, "base" if step.base else "a"),
        (step.b_s_per_token, "b"),
        (step.c_s_per_sequence, "c"),
        (step.d_s_per_token, "d"),
    ]
    return [(value_s, name) for value_s, name in named if value_s > 0]


def _longest_step_s(step: StepTime, base_s: npt.NDArray[np.float64], sequences: int) -> float:
    """Seconds of the base of any step, with its drafting."""
    drafting = np.zeros(1) if step.draft is None else step.draft.seconds(np.arange(sequences + 1, dtype=np.float64))
    longest_s = float(base_s.max() + drafting.max())
    if longest_s * _TICKS_PER_NS[0] * 1e9 >= _LARGEST:
        raise InputError(f"a step of {longest_s:.3g} s is longer than any engine takes; are its times in seconds?")
    return longest_s


def _drafts(step: StepTime, units_per_s: float, sequences: int) -> DraftTicks | None:
    if step.draft is None:
        return None
    seconds = step.draft.seconds(np.arange(sequences + 1, dtype=np.float64))
    return DraftTicks(
        rows=step.rows,
        rate=round(step.tokens_per_step * 2**RATE_BITS),
        slots=step.draft.slots,
        units=np.rint(seconds * units_per_s).astype(np.int64),
    )


def _check_rounding(
    step: StepTime, base_s: npt.NDArray[np.float64], clock: Clock, capacity: int, sequences: int
) -> None:
    """A coefficient may be rounded by `_ROUNDING` of itself, or of the shortest step that has it where it is that small
    a part of the longest.
    """
    tokens, unit_s = np.arange(1, len(clock.base)), clock.tick_s / 2**clock.step_shift
    prefill_s = float((base_s[1:] + tokens * step.b_s_per_token).min())
    decode_s = float((base_s[1:] + tokens * (step.c_s_per_sequence + step.d_s_per_token)).min())
    shortest_s = min(prefill_s, decode_s)
    if shortest_s <= 0:
        raise InputError("a step must take time: a, b, c, d and base of the step time cannot all be 0")
    if (clock.base[1:] + tokens * min(clock.b, clock.c + clock.d)).min() < 1 << clock.step_shift:
        raise InputError(
            f"a step of {shortest_s:.3g} s is shorter than a tick of {clock.tick_s:g} s; are its times in seconds?"
        )
    most = {"b": (len(tokens), prefill_s), "c": (sequences, decode_s), "d": (capacity + capacity // 2, decode_s)}
    for value_s, name in _coefficients(step, base_s):
        off_s, (times, step_s) = abs(round(value_s / unit_s) * unit_s - value_s), most.get(name, (1, shortest_s))
        if off_s > _ROUNDING * value_s and off_s * times > _ROUNDING * step_s:
            raise InputError(
                f"step coefficient {name} = {value_s:g} s is too small to be counted beside {capacity:,} tokens of KV "
                "cache; are the times of a step in seconds?"
            )
