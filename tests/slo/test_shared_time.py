"""Time of shared nodes: what services hold of it by state, and what is unallocated, add up to all there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ledgers import ledger

from simcost.ledger.request_tables import EVENTS
from simcost.ledger.requests import Ledger
from simcost.ledger.shared_nodes import SharedLedger

HORIZON_S = 1000.0


def shared(end_s: float, accelerators: int, service: Ledger) -> SharedLedger:
    """One node, and two services of which the second has no replica."""
    return SharedLedger(
        horizon_s=HORIZON_S,
        accelerators=(accelerators,),
        nodes=ledger([(0.0, end_s)]).nodes,
        events=EVENTS.empty_table(),
        services={"a": service, "b": ledger(horizon_s=HORIZON_S)},
        disk_gb_per_node=0.0,
    )


@given(st.floats(1.0, HORIZON_S), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_states_and_unallocated_time_add_up(end_s: float, ready: float, busy: float) -> None:
    start_s = ready * end_s
    busy_s = busy * (end_s - start_s)
    rows = [(0, "starting", 0.0, start_s, 0.0), (0, "ready", start_s, end_s, busy_s)]
    service = ledger([(0.0, end_s)], rows, horizon_s=HORIZON_S)  # it holds one accelerator
    found = shared(end_s, 8, service).accelerator_seconds()
    assert sum(found.values()) == pytest.approx(8 * end_s)
    assert found["starting"] == pytest.approx(start_s)
    assert found["computing"] == pytest.approx(busy_s)
    assert found["unallocated"] == pytest.approx(7 * end_s)
    assert shared(end_s, 1, service).accelerator_seconds()["unallocated"] == 0.0  # what sums leave is nothing
