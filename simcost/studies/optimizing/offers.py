"""Commitments that a search may buy, from the purchasing plan that offers them."""

from __future__ import annotations

from pathlib import Path

from simcost.billing.commitment.offered import Offered, offered
from simcost.errors import InputError
from simcost.scenario.inputs.purchasing import load_purchasing


def offers(path: Path | None) -> tuple[Offered, ...]:
    """The commitments of a purchasing plan as options; none without a file.

    Raises:
        FaultsError: faults of the file.
        InputError: it has no commitments, or prices that belong into the scenario.
    """
    if path is None:
        return ()
    plan, _ = load_purchasing(path)
    if plan.prices or plan.spot or plan.catalog:
        raise InputError(
            f"{path}: has prices of its own, and the bill is that of the scenario; write `price` in its `buy`, or the "
            "folder of facts as its `catalog`, and leave commitments here"
        )
    return offered(plan.commitments)
