"""Departures of requests: counted per window and in histograms, and taken off the list of their replica."""

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.kinds import count_by_kind, row_of
from simcost.sim.serving.engine.layout import NIL, State


@inlined
def count(histograms: npt.NDArray[np.int32], window: int, metric: int, value_s: float) -> None:
    """Log-linear bucket straight from the bits of the float: exponent and the top 7 bits of the mantissa."""
    bucket = (np.float64(value_s).view(np.int64) >> 45) - (np.float64(2.0**-14).view(np.int64) >> 45)
    last = histograms.shape[2] - 1
    histograms[window, metric, min(max(bucket, 0), last)] += 1


@inlined
def never_fits(s: State, prompt: int, output: int) -> bool:
    """True if a request is longer than the KV cache of any replica."""
    return prompt + output + s.parameters[col.DRAFT_SLOTS] > s.parameters[col.CAPACITY]


@lean
def _write_row(s: State, x: int, first: int, t: int, status: int) -> None:
    node, row = s.nodes[x], s.rows[s.totals[col.ROWS]]
    row[col.R_REQUEST] = node[col.REQUEST]
    row[col.R_ARRIVAL] = node[col.ARRIVAL]
    row[col.R_STATUS] = status
    row[col.R_PROMPT] = node[col.PROMPT]
    row[col.R_OUTPUT] = node[col.OUTPUT]
    row[col.R_FIRST] = first
    row[col.R_END] = t
    row[col.R_EVICTED] = node[col.EVICTED]
    row[col.R_RETRIES] = node[col.RETRIES]
    row[col.R_SESSION] = node[col.SESSION]
    s.totals[col.ROWS] += 1


@inlined
def _record(s: State, x: int, t: int, status: int, overhead: int) -> None:
    """Count how request x ended at t, and `overhead` later for its client where it was answered."""
    totals, node, limits = s.totals, s.nodes[x], s.limits
    window = node[col.ARRIVAL] // s.parameters[col.WINDOW]
    counts, first = s.windows[window], node[col.FIRST]
    if status == col.IS_COMPLETED:
        first += overhead
        t += overhead
    if len(s.rows) > 0:
        _write_row(s, x, first, t, status)
    if status == col.IS_REJECTED:
        totals[col.REJECTED] += 1
        counts[col.W_REJECTED] += 1
    elif status == col.IS_TIMED_OUT:
        totals[col.TIMED_OUT] += 1
        counts[col.W_TIMED_OUT] += 1
    elif status == col.IS_LOST:
        totals[col.LOST] += 1
        counts[col.W_LOST] += 1
    else:
        totals[col.COMPLETED] += 1
        totals[col.COMPLETED_PROMPT] += node[col.PROMPT]
        totals[col.COMPLETED_OUTPUT] += node[col.OUTPUT]
        counts[col.W_COMPLETED] += 1
        counts[col.W_PROMPT] += node[col.PROMPT]
        counts[col.W_OUTPUT] += node[col.OUTPUT]
        ttft = (first - node[col.ARRIVAL]) * limits[col.TICK_S]
        e2e = (t - node[col.ARRIVAL]) * limits[col.TICK_S]
        count(s.histograms, window, 0, ttft)
        count(s.histograms, window, 2, e2e)
        good = ttft <= limits[col.TTFT] and e2e <= limits[col.E2E]
        if node[col.OUTPUT] > 1:
            tpot = (t - first) / (node[col.OUTPUT] - 1) * limits[col.TICK_S]
            count(s.histograms, window, 1, tpot)
            good = good and tpot <= limits[col.TPOT]
        counts[col.W_GOOD] += good


@lean
def _overflow(s: State, x: int, t: int) -> int:
    """Send request x to the API at t; the time of its last token."""
    totals, node = s.totals, s.nodes[x]
    node[col.FIRST] = t + s.parameters[col.API_TTFT]
    node[col.EVICTED] = NIL
    totals[col.OVERFLOWED] += 1
    totals[col.OVERFLOWED_PROMPT] += node[col.PROMPT]
    totals[col.OVERFLOWED_OUTPUT] += node[col.OUTPUT]
    return node[col.FIRST] + (node[col.OUTPUT] - 1) * s.parameters[col.API_TPOT]


@inlined
def _depart(s: State, x: int, t: int) -> None:
    totals = s.totals
    totals[col.IN_SYSTEM] -= 1
    totals[col.SUM_DEPARTURES] += t
    s.nodes[x, col.REQUEST] = NIL
    s.nodes[x, col.NEXT] = totals[col.FREE]
    totals[col.FREE] = x


@inlined
def leave(s: State, x: int, t: int, status: int, overhead: int) -> None:
    """Request x leaves the system at t; an API may answer what would be rejected."""
    answered = t
    if status == col.IS_REJECTED and s.parameters[col.OVERFLOWS] != 0:
        status, answered = col.IS_COMPLETED, _overflow(s, x, t)
    if status == col.IS_COMPLETED and answered + overhead - s.nodes[x, col.ARRIVAL] > s.parameters[col.TIMEOUT]:
        status = col.IS_TIMED_OUT  # the answer came, but the client had gone
    _record(s, x, answered, status, overhead)
    _depart(s, x, t)


@inlined
def unlink(s: State, r: int, x: int, status: int) -> None:
    """Request x, no longer running there, leaves the list of replica r for its list of leavers."""
    rep, nodes = s.replicas[r], s.nodes
    before, after = nodes[x, col.PREV], nodes[x, col.NEXT]
    if before == NIL:
        rep[col.HEAD] = after
    else:
        nodes[before, col.NEXT] = after
    if after == NIL:
        rep[col.TAIL] = before
    else:
        nodes[after, col.PREV] = before
    s.load[r] -= 1
    rep[col.IN_FLIGHT_TOKENS] -= nodes[x, col.PROMPT]
    rep[col.OUT_OF_ORDER] -= nodes[x, col.OVERTAKEN]
    rep[col.FINISHED] += status == col.IS_COMPLETED
    count_by_kind(s.kind, s.by_kind, r, col.K_FINISHED, status == col.IS_COMPLETED)
    count_by_kind(s.kind, s.by_kind, r, col.K_PROMPT, nodes[x, col.PROMPT] * (status == col.IS_COMPLETED))
    count_by_kind(s.kind, s.by_kind, r, col.K_OUTPUT, nodes[x, col.OUTPUT] * (status == col.IS_COMPLETED))
    nodes[x, col.MARK] = status
    nodes[x, col.NEXT] = rep[col.LEAVING]
    rep[col.LEAVING] = x


@inlined
def release_leavers(s: State, r: int, t: int) -> None:
    """The requests that have left the list of replica r leave the system at t."""
    x, overhead = s.replicas[r, col.LEAVING], s.engines[row_of(s.kind, r), col.FIRST_TOKEN_OVERHEAD]
    while x != NIL:
        after = s.nodes[x, col.NEXT]
        leave(s, x, t, s.nodes[x, col.MARK], overhead)
        count_by_kind(s.kind, s.by_kind, r, col.K_SUM_LEFT, t)
        x = after
    s.replicas[r, col.LEAVING] = NIL


@lean
def turn_away(s: State, x: int, t: int, status: int) -> None:
    """Request x leaves without ever having reached a replica."""
    leave(s, x, t, status, 0)


@lean
def refuse(s: State, x: int, t: int) -> None:
    """Request x is turned away by a limit of its sender: no API answers it."""
    _record(s, x, t, col.IS_REJECTED, 0)
    _depart(s, x, t)
