"""Runs of decode steps in closed form, in integers: their tokens, their time, and its inverse.

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
def step_ticks(s: State, r: int, tokens: int, seqs: int, kv: int) -> int:
    """A step of prompt tokens and decoding sequences with so many tokens in the cache, without attention pairs."""
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
def run_time(s: State, r: int, first: int, growth: int, k: int) -> int:
    """The time of k decode steps, the first of which takes `first`; each token of all sequences adds `growth`."""
    if s.engines[row_of(s.kind, r), col.TOKEN_RATE] == _PERIOD:
        return k * first + growth * (k * (k - 1) // 2)
    phase = s.replicas[r, col.DECODED_STEPS] & (_PERIOD - 1)
    tokens = _decoded_before(s, r, phase + k) - _decoded_before(s, r, phase) - k * decoded(s, r, phase)
    return k * first + growth * tokens


@inlined
def steps_until(s: State, r: int, first: int, growth: int, span: int) -> int:
    """The smallest k >= 1 whose time is at least `span`: a float guess, then integer repair."""
    if growth == 0:
        k = span // first
    else:
        slope = growth * (s.engines[row_of(s.kind, r), col.TOKEN_RATE] / _PERIOD)
        half = first - 0.5 * slope
        k = int((math.sqrt(half * half + 2.0 * slope * span) - half) / slope)
    k = max(k, 1)
    while k > 1 and run_time(s, r, first, growth, k - 1) >= span:
        k -= 1
    while run_time(s, r, first, growth, k) < span:
        k += 1
    return k
