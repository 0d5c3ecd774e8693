"""Allocation of an account to those who use its nodes, on a case by hand."""

import pyarrow as pa
import pytest

from simcost.billing.allocation import UsedNodes, allocated
from simcost.billing.bill import Costs
from simcost.ledger.requests import LedgerUsage

HOUR = 3600.0


def nodes(hours: float, usd_per_h: float, slots: int, states: dict[str, float]) -> UsedNodes:
    """One node for some hours, with the slot-hours of each state."""
    usage = LedgerUsage(
        horizon_s=10 * HOUR,
        slots_per_node=slots,
        nodes=pa.table({"start_s": [0.0], "end_s": [hours * HOUR]}),
        slot_seconds={state: value * HOUR for state, value in states.items()},
    )
    return UsedNodes(usage=usage, usd_per_h=usd_per_h)


def test_each_pays_the_same_for_what_a_state_of_nodes_at_their_price_costs() -> None:
    small = nodes(10, 1.0, 1, {"computing": 6.0, "idle": 4.0})
    large = nodes(10, 3.0, 2, {"computing": 12.0, "idle": 8.0})
    first = [nodes(10, 1.0, 1, {"computing": 6.0, "idle": 4.0}), nodes(2, 3.0, 2, {"computing": 4.0})]
    second = [nodes(4, 3.0, 2, {"computing": 8.0})]
    account = Costs(
        charges=(),
        compute_by_state_usd={"computing": 48.0, "idle": 32.0, "starting": 10.0, "unused_commitment": 5.0},
        horizon_s=10 * HOUR,
    )
    one, other = allocated(account, [small, large], [first, second])
    # Computing of the first: 6 h at $1 and 4 slots of 2 at $3 for an hour; of all: 6 h at $1 and 6 h at $3.
    assert one.compute_by_state_usd["computing"] == pytest.approx(48.0 * (6.0 + 6.0) / 24.0)
    assert other.compute_by_state_usd["computing"] == pytest.approx(48.0 * 12.0 / 24.0)
    # Idle of the first: 4 h at $1; of all: that and 8 slots of 2 at $3. The second holds no idle slot.
    assert one.compute_by_state_usd["idle"] == pytest.approx(32.0 * 4.0 / 16.0)
    assert other.compute_by_state_usd["idle"] == 0.0
    # A state that no node was in is shared by the nodes held: 10 h at $1 and 2 h at $3, of 40; 4 h at $3.
    assert one.compute_by_state_usd["starting"] == pytest.approx(10.0 * 16.0 / 40.0)
    assert other.compute_by_state_usd["starting"] == pytest.approx(10.0 * 12.0 / 40.0)
    assert "unused_commitment" not in one.compute_by_state_usd
