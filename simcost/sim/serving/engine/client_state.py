"""State arrays of clients."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.prefix_index import Prefixes
from simcost.sim.serving.engine.rate_limits import Limits


class Requests(NamedTuple):
    """Requests by the time of their arrival, a column each; those from `session` on may be empty."""

    arrival_ns: col.Ints
    prompt: npt.NDArray[np.int32]
    output: npt.NDArray[np.int32]
    session: col.Ints
    priority: npt.NDArray[np.int16]
    prefix: col.Ints
    tenant: npt.NDArray[np.int16]
    adapter: npt.NDArray[np.int16]


class Clients(NamedTuple):
    """State of clients; the driver owns the arrays."""

    rules: col.Ints
    delays: col.Ints
    """[attempt - 1] ticks until the next, without jitter."""
    jitter: npt.NDArray[np.float64]
    """[0] the random part of a wait."""
    totals: col.Ints
    ring: col.Ints
    """[entry, REQUEST] sendings without an end, by number; its length is a power of two."""
    heap: col.Ints
    """[entry, REQUEST] requests to be sent again, a heap by time and order."""
    bands: col.Ints
    """[priority, bands.BAND] the highest first."""
    prefixes: Prefixes
    limits: Limits
    """Of tenants."""
    windows: col.Ints
    """As those of the engine, of requests by the window of their first arrival."""
    histograms: npt.NDArray[np.int32]
    rows: col.Ints
    """As those of the engine, of requests; empty where rows are not kept."""
