"""Nodes of a run as an account, and the same money by what the nodes were used for."""

from dataclasses import dataclass

import numpy as np

from simcost.billing.metered import Line, Metered, Runs, metered
from simcost.billing.settle import Settlement
from simcost.billing.usage import billed_seconds, run_seconds
from simcost.catalog.facts import BillingRule
from simcost.ledger import Usage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodes:
    """The account of a run's nodes, and the hours that granularity and minimum add."""

    account: Metered
    rounding_h: float


def nodes_account(usage: Usage, line: Line, rule: BillingRule) -> Nodes:
    """Every node from order to release, as the provider meters it.

    Raises:
        RunError: the ledger contradicts itself.
    """
    run_s, still_running = run_seconds(usage)
    billed_s = billed_seconds(run_s, still_running, rule)
    start = usage.nodes["start_s"].to_numpy()
    count = len(start)
    runs = Runs(
        start_s=start,
        end_s=start + billed_s,
        line=np.zeros(count, np.int64),
        units=np.ones(count),
        price_usd=None,
    )
    account = metered([line], runs, horizon_s=usage.horizon_s, start_s=None)
    return Nodes(account=account, rounding_h=float((billed_s - run_s).sum()) / 3600.0)


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
