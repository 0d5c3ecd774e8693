"""Over-provisioning of a plan beside that of its services."""

from typing import Any

from simcost.studies.plans.provisioning_view import NOTE, meaning


def plan(unallocated_h: float, **more: Any) -> dict[str, Any]:
    return {"replica_hours": {"computing": 1.0, "unallocated": unallocated_h}, "services": [], **more}


def test_accelerators_that_no_service_holds_are_told_where_a_plan_pays_for_them() -> None:
    """Else the plan has more over-provisioned hours than its services together, and nothing says why."""
    told = meaning({"plans": [plan(0.0), plan(0.4)]})
    assert told[0] == NOTE
    assert "that none of them holds" in told[1]
    assert meaning({"plans": [plan(0.0)]}) == [NOTE]


def test_one_model_alone_has_no_note_on_services() -> None:
    alone = plan(0.4)
    del alone["services"]
    assert meaning({"plans": [alone]}) == [NOTE]
