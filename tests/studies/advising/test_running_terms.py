"""Until when the commitments of a plan go on, whose end is no action."""

from simcost.billing import OnDemand
from simcost.billing.commitment import CapacityBlock, CapacityReservation, ReservedInstances, SavingsPlan, TakeOrPay
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.purchase_kinds import running_terms

DAY_S = 86400.0


def told(*commitments: object) -> list[str]:
    return running_terms([Plan(name="p", buy=OnDemand(offer="aws/g6.xlarge", commitments=commitments))])  # type: ignore[arg-type]


def test_the_end_of_each_kind_is_its_start_and_its_term() -> None:
    lines = told(
        ReservedInstances(sku="g6.xlarge", count=1, price=0.5, since=-300 * DAY_S),
        SavingsPlan(name="sp", commitment=1.0, years=3, discount=0.3, renewed=True),
        CapacityBlock(name="block", sku="p5.48xlarge", count=1, days=7, price=30.0, since=DAY_S),
        TakeOrPay(name="contract", provider="x", sku="y", count=1, price=2.0, length=90 * DAY_S, since=-60 * DAY_S),
    )
    assert [line.partition(":")[0] for line in lines] == [
        "The commitment Reserved Instance goes on until 65 d after the start",
        "The commitment sp is renewed by the plan at its end, 1,095 d after the start",
        "The commitment block goes on until 8 d after the start",
        "The commitment contract goes on until 30 d after the start",
    ]


def test_capacity_that_is_reserved_is_told_too() -> None:
    lines = told(CapacityReservation(sku="g6.xlarge", count=2), CapacityReservation(sku="x", count=1, until=3 * DAY_S))
    assert lines[0].startswith("Capacity is reserved for 2 x g6.xlarge to the end, and paid whether")
    assert lines[1].startswith("Capacity is reserved for 1 x x until 3 d after the start")


def test_a_plan_without_commitments_has_none() -> None:
    assert told() == []
