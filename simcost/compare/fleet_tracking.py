"""Tracking of demand by a fleet: speed, stability and replica-hours; read from the ledger alone.

`provisioning` gives the replicas that demand needs. A shortage is a stretch of time in which fewer are ready; its
length is the reaction time: from the moment demand needs more until they are ready, or no longer needed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.compare.least_work import ReplicaLimits
from simcost.compare.provisioning import demand, needed_replicas, target_utilisation
from simcost.ledger.request_tables import UNREAD
from simcost.ledger.requests import Ledger
from simcost.slo import SloReport
from simcost.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

INTERRUPTED = ("noticed", "node_failed", "zone_failed", "node_late", "replica_failed", "preempted")
FOLLOWED = pa.schema(
    [
        ("t_s", pa.float64()),
        ("requests_per_s", pa.float64()),
        ("needed", pa.int64()),
        ("desired", pa.int64()),
        ("ready", pa.int64()),
        ("waiting", pa.int64()),
    ]
)
"""Demand and fleet along time: the rate of arrivals, replicas that it needs, those desired and ready, the queue."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Tracking of its demand by a fleet in one run."""

    reaction_s: float | None
    """Mean length of a shortage; None without any."""
    reaction_max_s: float | None
    short_share: float
    """Share of the time in shortages."""
    turns_per_day: float
    """Changes of the desired replicas against the direction of the change before: flapping."""
    cold_starts: int
    cold_start_s: float | None
    """Mean time from order to ready; None without any."""
    interruptions: int
    """Nodes that were taken back, failed or did not come, and replicas that crashed or were driven away by a service of
    higher priority.
    """
    provisioning_h: float
    """Replica-hours of starting replicas on nodes that boot or pull the image; paid."""
    loading_h: float
    """Of starting replicas after that."""


def following(ledger: Ledger, slo: SloReport | None = None, replica: ReplicaLimits | None = None) -> Following:
    """Return how the fleet of a run followed its demand."""
    story, events = followed(ledger, slo, replica), ledger.events
    what, value = events["what"].to_numpy(zero_copy_only=False), events["value"].to_numpy()
    short = story["ready"].to_numpy() < story["needed"].to_numpy()
    lengths_s = _lengths(short) * _step_s(story)
    starts = value[what == "started"]
    provisioning_h = ledger.provisioning_s / SECONDS_PER_HOUR
    return Following(
        reaction_s=float(lengths_s.mean()) if len(lengths_s) else None,
        reaction_max_s=float(lengths_s.max()) if len(lengths_s) else None,
        short_share=float(short.mean()) if len(short) else 0.0,
        turns_per_day=_turns(value[what == "desired"]) / ledger.horizon_s * SECONDS_PER_DAY,
        cold_starts=len(starts),
        cold_start_s=float(starts.mean()) if len(starts) else None,
        interruptions=int(np.isin(what, INTERRUPTED).sum()),
        provisioning_h=provisioning_h,
        loading_h=max(ledger.replica_hours()["starting"] - provisioning_h, 0.0),
    )


def followed(ledger: Ledger, slo: SloReport | None = None, replica: ReplicaLimits | None = None) -> pa.Table:
    """Demand and fleet along time, of schema FOLLOWED."""
    t_s, rate = demand(ledger)
    needed = needed_replicas(ledger, rate, target_utilisation(ledger, slo, replica))
    columns = [t_s, rate, needed, *(ledger.pulse[name] for name in ("desired", "ready", "waiting"))]
    return pa.table(columns, schema=FOLLOWED)


def moved(ledger: Ledger) -> bool:
    """True if the fleet ever changed or should have."""
    return len(ledger.events) > len(unread(ledger))


def unread(ledger: Ledger) -> tuple[str, ...]:
    """Metrics of the autoscaler that had no value at any of its decisions."""
    words = ledger.events["what"].to_pylist()
    return tuple(word.removeprefix(UNREAD) for word in words if word.startswith(UNREAD))


def _step_s(story: Any) -> float:
    return float(story["t_s"][0].as_py()) if len(story) else 0.0


def _lengths(flags: npt.NDArray[np.bool_]) -> Ints:
    """Length of each stretch of true values."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    lengths: Ints = edges[1::2] - edges[::2]
    return lengths


def _turns(desired: Floats) -> int:
    """Changes of direction in a sequence of different values."""
    directions = np.sign(np.diff(desired))
    return int((np.diff(directions[directions != 0]) != 0).sum())
