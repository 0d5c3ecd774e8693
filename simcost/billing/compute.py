"""Nodes of a run as an account, and the same money by what the nodes were used for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simcost.billing.metered import Floats, Line, Metered, Runs, metered
from simcost.billing.settle import Settlement
from simcost.billing.usage import billed_seconds, run_seconds
from simcost.catalog.facts import BillingRule
from simcost.ledger import Usage

if TYPE_CHECKING:
    from simcost.billing.instances import PriceStep


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodes:
    """The account of a run's nodes, and the hours that granularity and minimum add."""

    account: Metered
    rounding_h: float


def nodes_account(usage: Usage, line: Line, rule: BillingRule, steps: "Sequence[PriceStep]" = ()) -> Nodes:
    """Every node from order to release, as the provider meters it; at prices in effect where there are `steps`.

    Raises:
        RunError: the ledger contradicts itself.
    """
    run_s, still_running = run_seconds(usage)
    billed_s = billed_seconds(run_s, still_running, rule)
    start = usage.nodes["start_s"].to_numpy()
    runs = _priced_runs(start, start + billed_s, steps)
    account = metered([line], runs, horizon_s=usage.horizon_s, start_s=None)
    return Nodes(account=account, rounding_h=float((billed_s - run_s).sum()) / 3600.0)


def _priced_runs(start: Floats, end: Floats, steps: "Sequence[PriceStep]") -> Runs:
    """Runs of nodes, cut where the price changes."""
    count = len(start)
    if not steps:
        return Runs(start_s=start, end_s=end, line=np.zeros(count, np.int64), units=np.ones(count))
    edges = np.array([step.from_s for step in steps])
    until = np.append(edges[1:], np.inf)
    edges[0] = -np.inf
    begin = np.maximum(start[:, None], edges).ravel()
    stop = np.minimum(end[:, None], until).ravel()
    usd = np.tile([step.usd_per_h for step in steps], count)
    kept = stop > begin
    return Runs(
        start_s=begin[kept], end_s=stop[kept], line=np.zeros(kept.sum(), np.int64), units=np.ones(kept.sum()),
        price_usd=usd[kept],
    )  # fmt: skip


def by_state(usage: Usage, nodes: Nodes, settled: Settlement) -> dict[str, float]:
    """The effective cost of nodes by state of their slots, in USD.

    Hours that ran share what hours cost on average, a node's equally over its slots. `rounding` is what granularity
    and minimum add; `unused_commitment`, where something was committed, what nobody used of it.
    """
    hours = {state: slot_s / usage.slots_per_node / 3600.0 for state, slot_s in usage.slot_seconds.items()}
    hours["rounding"] = nodes.rounding_h
    metered_h = float(nodes.account.hours.sum())
    unused = sum(float(one.unused_usd.sum()) for one in settled.bought)
    idle_reserved = float(settled.rest_usd[:, 1:].sum())
    spent = settled.effective_usd - unused - idle_reserved
    each = spent / metered_h if metered_h else 0.0
    found = {state: used * each for state, used in hours.items()}
    if settled.bought or settled.rest_usd.shape[1] > 1:
        found["unused_commitment"] = unused + idle_reserved
    return found
