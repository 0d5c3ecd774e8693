"""Commitments that no bill of a plan can settle are faults at their lines, before a run; useless ones are told."""

from pathlib import Path

import pytest
from support.scenarios import SMALL, write

from simcost.billing import Costs, bill
from simcost.billing.commitment import SavingsPlan
from simcost.billing.on_demand import OnDemand
from simcost.catalog import load_catalog
from simcost.ledger.request_tables import NODES
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.inputs.variations import variations
from simcost.scenario.runs.check import check

ONE = SMALL.partition("  - name: two")[0]
GCP = "gcp/g2-standard-8, region: us-central1"


@pytest.mark.parametrize(
    ("offer", "commitment", "message"),
    [
        ("aws/g6.xlarge", "{kind: savings-plan, commitment: 1, discount: 28%}", ""),
        ("aws/g6.xlarge", "{kind: savings-plan, commitment: 1}", "the catalog has no"),
        ("aws/g6.xlarge", "{kind: reserved-instances, sku: g6.none, count: 1, discount: 20%}", "has no offer"),
        (GCP, "{kind: flexible-cud, commitment: 1, discount: 28%}", "do not cover gcp/g2-standard-8"),
        (GCP, "{kind: resource-cud, sku: g2-standard-8, count: 1, since: -8760h}", "its term ends 0 h before"),
        (GCP, "{kind: resource-cud, sku: g2-standard-8, count: 1, since: -8759.7h}", ""),
        (GCP, "{kind: azure-reservation, sku: Standard_NC8as_T4_v3, region: eastus, count: 1}", "has no azure-res"),
    ],
)
def test_a_commitment_that_cannot_be_settled_is_a_fault(
    tmp_path: Path, offer: str, commitment: str, message: str
) -> None:
    buy = f"{{offer: {offer}, commitments: [{commitment}]}}"
    faults = find_faults(write(tmp_path, ("{offer: aws/g6.xlarge}", buy), text=ONE))
    assert [(fault.path, message in fault.message) for fault in faults] == (
        [("plans.0.buy.commitments.0", True)] if message else []
    )


def test_commitments_of_further_kinds_of_nodes_are_checked_and_told_where_they_are_bought_twice(tmp_path: Path) -> None:
    """All kinds of nodes are one account, on which two plans of $1 an hour cost $2 an hour."""
    plan = "{kind: savings-plan, name: base, commitment: 1, discount: 28%}"
    other = "{kind: reserved-instances, sku: g6.2xlarge, count: 1}"
    buy = (
        f"{{offer: aws/g6.xlarge, commitments: [{plan}]}}\n    or_buy: [{{offer: aws/g6.2xlarge, commitments: [HELD]}}]"
    )
    file = write(tmp_path, ("{offer: aws/g6.xlarge}", buy.replace("HELD", other)), text=ONE)
    assert [fault.path for fault in find_faults(file)] == ["plans.0.or_buy.0.commitments.0"]
    for held, told in ((plan, True), (plan.replace("commitment: 1", "commitment: 2"), False)):
        notes = check(write(tmp_path, ("{offer: aws/g6.xlarge}", buy.replace("HELD", held)), text=ONE))["notes"]
        assert any("base stands in `or_buy` as in another purchase" in note for note in notes) == told


def test_optimize_leaves_out_what_cannot_be_settled(tmp_path: Path) -> None:
    more = "vary:\n  - {path: buy.commitments, values: [[], [{kind: savings-plan, commitment: 1}]]}\n"
    space = variations(load(write(tmp_path, text=ONE + more)))
    assert len(space.variations) == 1
    assert [("the catalog has no" in reason, count) for reason, count in space.excluded.items()] == [(True, 1)]


def test_a_commitment_for_other_usage_is_told() -> None:
    import pyarrow as pa

    nodes = pa.table([["p"], [0], [0], [0.0], [3600.0]], schema=NODES)
    usage = LedgerUsage(horizon_s=3600.0, slots_per_node=1, nodes=nodes, slot_seconds={"idle": 3600.0})
    held = SavingsPlan(commitment=1.0, discount=0.3)
    found: Costs = bill(
        usage, OnDemand(offer="gcp/g2-standard-8", region="us-central1", commitments=(held,)), load_catalog()
    )
    assert "savings-plan: covers nothing of what is used here; all of it is lost" in found.notes


@pytest.mark.parametrize(
    ("field", "message"),
    [("years: 2", "2 is not one of 1, 3"), ("discount: 30", "30 must be below 1; 30 per cent is written 30%")],
)
def test_a_field_of_a_commitment_says_what_it_may_be(tmp_path: Path, field: str, message: str) -> None:
    """Of years none was named: "2 is not one of "."""
    more = "" if field.startswith("discount") else ", discount: 20%"
    bought = f"{{kind: reserved-instances, sku: g6.xlarge, count: 1, {field}{more}}}"
    buy = f"{{offer: aws/g6.xlarge, commitments: [{bought}]}}"
    [fault] = find_faults(write(tmp_path, ("{offer: aws/g6.xlarge}", buy), text=ONE))
    assert (fault.path, fault.message) == (f"plans.0.buy.commitments.0.{field.partition(':')[0]}", message)
