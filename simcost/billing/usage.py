"""From a ledger to the seconds a provider meters, and to what they were used for."""

import numpy as np
import numpy.typing as npt

from simcost.catalog.facts import BillingRule
from simcost.errors import RunError
from simcost.ledger.requests import Ledger, Usage

_SLACK_S = 1e-6  # a microsecond of float error is no further second


def usages_of(ledger: Ledger) -> list[Usage]:
    """What a serving run used, by kind of node. What it sent out stands with the first kind.

    Raises:
        RunError: the ledger contradicts itself.
    """
    run_seconds(ledger)
    slot_seconds(ledger)
    parts = [ledger.of_kind(kind) for kind in range(len(ledger.slots))] if len(ledger.slots) > 1 else [ledger]
    return [
        Usage(
            horizon_s=ledger.horizon_s,
            slots_per_node=slots,
            nodes=part.nodes,
            slot_seconds=part.slot_seconds(),
            stepping_s=part.busy_ready_s() * (1 - part.computing_share()),
            disk_gb_per_node=ledger.disk_gb_per_node,
            gb_out=ledger.gb_out if kind == 0 else 0.0,
        )
        for kind, (slots, part) in enumerate(zip(ledger.slots, parts, strict=True))
    ]


def run_seconds(ledger: Ledger | Usage) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """How long each node ran, in seconds, and whether it was still running at the end of the run.

    Raises:
        RunError: a node ends before it starts, or after the end of the run.
    """
    start, end = ledger.nodes["start_s"].to_numpy(), ledger.nodes["end_s"].to_numpy()
    wrong = (end < start) | (end > ledger.horizon_s + _SLACK_S) | (start < 0)
    if wrong.any():
        row = int(wrong.argmax())
        raise RunError(
            f"ledger: node in row {row} runs from {start[row]} s to {end[row]} s in a run of "
            f"{ledger.horizon_s} s; this is a fault of the simulator, please report it"
        )
    return end - start, end >= ledger.horizon_s - _SLACK_S


def billed_seconds(
    run_s: npt.ArrayLike, still_running: npt.ArrayLike, rule: BillingRule
) -> npt.NDArray[np.float64]:
    """Seconds the provider bills for each interval: max(minimum, ceil(run / granularity) * granularity).

    An interval still running at the end of the run is cut there and billed as it stands: its rounding and
    minimum belong to the time after the run.
    """
    run = np.asarray(run_s, dtype=np.float64)
    steps = np.ceil((run - _SLACK_S) / rule.granularity_s)
    rounded = np.maximum(np.maximum(rule.minimum_s, steps * rule.granularity_s), run)
    return np.where(still_running, run, rounded)


def slot_seconds(ledger: Ledger) -> dict[str, float]:
    """`Ledger.slot_seconds`, of a ledger that does not contradict itself.

    Raises:
        RunError: replicas took more time than their node has, or were busy for longer than they were there.
    """
    length = ledger.replicas["end_s"].to_numpy() - ledger.replicas["start_s"].to_numpy()
    busy = ledger.replicas["busy_s"].to_numpy()
    if (length < -_SLACK_S).any() or (busy < -_SLACK_S).any() or (busy > length + _SLACK_S).any():
        raise RunError("ledger: a replica was busy for longer than it was there; please report this")
    if ledger.outcomes.work_s > busy.sum() * (1 + 1e-9) + _SLACK_S:
        raise RunError("ledger: tokens took more engine time than replicas were busy; please report this")
    unknown = set(ledger.replicas["state"].to_pylist()) - {"starting", "ready", "draining"}
    if unknown:
        raise RunError(f"ledger: unknown replica state {sorted(unknown)}; please report this")
    _check_nodes(ledger, length)
    return ledger.slot_seconds()


def _check_nodes(ledger: Ledger, length: npt.NDArray[np.float64]) -> None:
    """Node by node: its replicas took no more slot seconds than it offers."""
    nodes, place = np.unique(ledger.nodes["node"].to_numpy(), return_inverse=True)
    slots = np.bincount(place, ledger.offered_s(), minlength=len(nodes))
    home = ledger.replicas["node"].to_numpy()
    strangers = ~np.isin(home, nodes)
    if strangers.any():
        raise RunError(f"ledger: a replica lies on the unknown node {home[strangers][0]}; please report this")
    taken = np.bincount(np.searchsorted(nodes, home), length, minlength=len(nodes))
    over = taken > slots * (1 + 1e-9) + _SLACK_S
    if over.any():
        worst = int(over.argmax())
        raise RunError(
            f"ledger: replicas took {taken[worst]:.6f} s of node {nodes[worst]}, which offers only "
            f"{slots[worst]:.6f} slot seconds; this is a fault of the simulator, please report it"
        )
