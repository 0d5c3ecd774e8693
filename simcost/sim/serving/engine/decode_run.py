"""Runs of decode steps in closed form, in integers: their tokens, their time, and its inverse.

Steps take whole units, 2**STEP_SHIFT of them a tick. A step ends at the last whole tick before its exact end; the rest
is carried to the next step of the replica, so that rounding never adds up.

Each step brings one token of each sequence; where the engine speculates, TOKEN_RATE / 2**RATE_BITS in the mean. All
sequences of a replica get the same number of them: after n steps of the replica `decoded(n)`, the mean rounded down.
"""

import math

from simcost.sim.compiled import inlined
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.kinds import row_of
from simcost.sim.serving.engine.layout import State

_PERIOD = 1 << col.RATE_BITS


@inlined
def decoded(s: State, r: int, steps: int) -> int:
    """Tokens that each sequence gets in the first steps of replica r."""
    return (steps * s.engines[row_of(s.kind, r), col.TOKEN_RATE]) >> col.RATE_BITS


@inlined
def tokens_of(s: State, r: int, k: int) -> int:
    """Tokens of each sequence in k steps from now on."""
    steps = s.replicas[r, col.DECODED_STEPS]
    return decoded(s, r, steps + k) - decoded(s, r, steps)


@inlined
def steps_for(s: State, r: int, tokens: int) -> int:
    """The smallest k with tokens_of(k) >= tokens."""
    rate = s.engines[row_of(s.kind, r), col.TOKEN_RATE]
    if rate == _PERIOD:
        return tokens
    steps = s.replicas[r, col.DECODED_STEPS]
    wanted = (decoded(s, r, steps) + tokens) << col.RATE_BITS
    return (wanted + rate - 1) // rate - steps


@inlined
def base_row(s: State, tokens: int) -> int:
    """Row of `base` for a step of so many tokens."""
    return min(tokens, s.base.shape[1] - 1)


@inlined
def step_units(s: State, r: int, tokens: int, seqs: int, kv: int) -> int:
    """Units of a step of prompt tokens and decoding sequences, without attention pairs; `kv` tokens are cached."""
    kind = row_of(s.kind, r)
    p = s.engines[kind]
    time = s.base[kind, base_row(s, tokens + seqs * p[col.SEQUENCE_ROWS]), col.TIME]
    time += p[col.B] * tokens + p[col.C] * seqs + p[col.D] * kv
    if p[col.SEQUENCE_ROWS] > 1:
        time += s.drafts[kind, seqs, col.DRAFT]
    return time


@inlined
def hidden_ticks(s: State, r: int, tokens: int, seqs: int) -> int:
    """Part of its time that fuller steps would hide, in 2**COARSE ticks."""
    kind = row_of(s.kind, r)
    rows = s.engines[kind, col.SEQUENCE_ROWS]
    hidden = s.base[kind, base_row(s, tokens + seqs * rows), col.HIDDEN]
    if rows > 1:
        hidden += s.drafts[kind, seqs, col.DRAFT_HIDDEN]
    return hidden


@inlined
def _decoded_before(s: State, r: int, steps: int) -> int:
    """Sum of `decoded` over 0, 1, ... steps - 1."""
    kind, periods, rest = row_of(s.kind, r), steps >> col.RATE_BITS, steps & (_PERIOD - 1)
    rate = s.engines[kind, col.TOKEN_RATE]
    whole = periods * s.drafts[kind, _PERIOD, col.TOKENS_BEFORE] + rate * _PERIOD * (periods * (periods - 1) // 2)
    return whole + rest * periods * rate + s.drafts[kind, rest, col.TOKENS_BEFORE]


@inlined
def _run_units(s: State, r: int, first: int, growth: int, k: int) -> int:
    """Units of k decode steps, the first of which takes `first`; each token of all sequences adds `growth`."""
    if s.engines[row_of(s.kind, r), col.TOKEN_RATE] == _PERIOD:
        return k * first + growth * (k * (k - 1) // 2)
    phase = s.replicas[r, col.DECODED_STEPS] & (_PERIOD - 1)
    tokens = _decoded_before(s, r, phase + k) - _decoded_before(s, r, phase) - k * decoded(s, r, phase)
    return k * first + growth * tokens


@inlined
def run_time(s: State, r: int, first: int, growth: int, k: int) -> int:
    """Ticks of k decode steps from the start of the run."""
    units = _run_units(s, r, first, growth, k) + s.replicas[r, col.REMAINDER]
    return units >> s.engines[row_of(s.kind, r), col.STEP_SHIFT]


@inlined
def carry_remainder(s: State, r: int) -> None:
    """Keep what the run of replica r, which ends, takes beyond its last whole tick."""
    rep, p = s.replicas[r], s.engines[row_of(s.kind, r)]
    if p[col.STEP_SHIFT] > 0:
        units = _run_units(s, r, rep[col.RUN_FIRST], p[col.D] * rep[col.RUN_SEQS], rep[col.RUN_STEPS])
        rep[col.REMAINDER] = (units + rep[col.REMAINDER]) & ((1 << p[col.STEP_SHIFT]) - 1)


@inlined
def steps_until(s: State, r: int, first: int, growth: int, span: int) -> int:
    """The smallest k >= 1 whose time is at least `span` ticks: a float guess, then integer repair."""
    units = (span << s.engines[row_of(s.kind, r), col.STEP_SHIFT]) - s.replicas[r, col.REMAINDER]
    if growth == 0:
        k = units // first
    else:
        slope = growth * (s.engines[row_of(s.kind, r), col.TOKEN_RATE] / _PERIOD)
        half = first - 0.5 * slope
        k = int((math.sqrt(half * half + 2.0 * slope * units) - half) / slope)
    k = max(k, 1)
    while k > 1 and _run_units(s, r, first, growth, k - 1) >= units:
        k -= 1
    while _run_units(s, r, first, growth, k) < units:
        k += 1
    return k
