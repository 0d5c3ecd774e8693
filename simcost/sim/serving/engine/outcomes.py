"""How requests leave: counted per window and in histograms, and off the list of their replica."""

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as at
from simcost.sim.serving.engine.layout import NIL, State


@inlined
def count(histograms: npt.NDArray[np.int32], window: int, metric: int, value_s: float) -> None:
    """Log-linear bucket straight from the bits of the float: exponent and the top 7 bits of the mantissa."""
    bucket = (np.float64(value_s).view(np.int64) >> 45) - (np.float64(2.0**-14).view(np.int64) >> 45)
    last = histograms.shape[2] - 1
    histograms[window, metric, min(max(bucket, 0), last)] += 1


@lean
def _write_row(s: State, x: int, t: int, status: int) -> None:
    node, row = s.nodes[x], s.rows[s.totals[at.ROWS]]
    row[at.R_REQUEST] = node[at.REQUEST]
    row[at.R_ARRIVAL] = node[at.ARRIVAL]
    row[at.R_STATUS] = status
    row[at.R_PROMPT] = node[at.PROMPT]
    row[at.R_OUTPUT] = node[at.OUTPUT]
    row[at.R_FIRST] = node[at.FIRST]
    row[at.R_END] = t
    row[at.R_EVICTED] = node[at.EVICTED]
    row[at.R_RETRIES] = node[at.RETRIES]
    s.totals[at.ROWS] += 1


@inlined
def _record(s: State, x: int, t: int, status: int) -> None:
    """Count how request x ended at t."""
    totals, node, limits = s.totals, s.nodes[x], s.limits
    window = node[at.ARRIVAL] // s.parameters[at.WINDOW]
    counts = s.windows[window]
    if len(s.rows) > 0:
        _write_row(s, x, t, status)
    if status == at.IS_REJECTED:
        totals[at.REJECTED] += 1
        counts[at.W_REJECTED] += 1
    elif status == at.IS_TIMED_OUT:
        totals[at.TIMED_OUT] += 1
        counts[at.W_TIMED_OUT] += 1
    elif status == at.IS_LOST:
        totals[at.LOST] += 1
        counts[at.W_LOST] += 1
    else:
        totals[at.COMPLETED] += 1
        totals[at.COMPLETED_PROMPT] += node[at.PROMPT]
        totals[at.COMPLETED_OUTPUT] += node[at.OUTPUT]
        counts[at.W_COMPLETED] += 1
        counts[at.W_PROMPT] += node[at.PROMPT]
        counts[at.W_OUTPUT] += node[at.OUTPUT]
        ttft = (node[at.FIRST] - node[at.ARRIVAL]) * limits[at.TICK_S]
        e2e = (t - node[at.ARRIVAL]) * limits[at.TICK_S]
        count(s.histograms, window, 0, ttft)
        count(s.histograms, window, 2, e2e)
        good = ttft <= limits[at.TTFT] and e2e <= limits[at.E2E]
        if node[at.OUTPUT] > 1:
            tpot = (t - node[at.FIRST]) / (node[at.OUTPUT] - 1) * limits[at.TICK_S]
            count(s.histograms, window, 1, tpot)
            good = good and tpot <= limits[at.TPOT]
        counts[at.W_GOOD] += good


@inlined
def _release(s: State, x: int, t: int, status: int) -> None:
    """Request x leaves the system at t."""
    totals = s.totals
    if status == at.IS_COMPLETED and t - s.nodes[x, at.ARRIVAL] > s.parameters[at.TIMEOUT]:
        status = at.IS_TIMED_OUT  # the answer came, but the client had gone
    _record(s, x, t, status)
    totals[at.IN_SYSTEM] -= 1
    totals[at.SUM_DEPARTURES] += t
    s.nodes[x, at.REQUEST] = NIL
    s.nodes[x, at.NEXT] = totals[at.FREE]
    totals[at.FREE] = x


@inlined
def unlink(s: State, r: int, x: int, status: int) -> None:
    """Request x, no longer running there, leaves the list of replica r for its list of leavers."""
    rep, nodes = s.replicas[r], s.nodes
    before, after = nodes[x, at.PREV], nodes[x, at.NEXT]
    if before == NIL:
        rep[at.HEAD] = after
    else:
        nodes[before, at.NEXT] = after
    if after == NIL:
        rep[at.TAIL] = before
    else:
        nodes[after, at.PREV] = before
    s.load[r] -= 1
    rep[at.IN_FLIGHT_TOKENS] -= nodes[x, at.PROMPT]
    rep[at.RETURNED] -= nodes[x, at.RETRIES] > 0
    rep[at.FINISHED] += status == at.IS_COMPLETED
    nodes[x, at.MARK] = status
    nodes[x, at.NEXT] = rep[at.LEAVING]
    rep[at.LEAVING] = x


@inlined
def release_leavers(s: State, r: int, t: int) -> None:
    """The requests that have left the list of replica r leave the system at t."""
    x = s.replicas[r, at.LEAVING]
    while x != NIL:
        after = s.nodes[x, at.NEXT]
        _release(s, x, t, s.nodes[x, at.MARK])
        x = after
    s.replicas[r, at.LEAVING] = NIL


@lean
def turn_away(s: State, x: int, t: int, status: int) -> None:
    """Request x leaves without ever having reached a replica."""
    _release(s, x, t, status)
