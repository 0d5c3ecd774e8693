"""Over-provisioning of a plan beside that of its services."""

from typing import Any

from simcost.studies.plans.provisioning_view import MEANING, NOTE, fixed, legend, meaning


def plan(unallocated_h: float, **more: Any) -> dict[str, Any]:
    result = {"replica_hours": {"computing": 1.0, "unallocated": unallocated_h}, "services": []}
    return result | {"cost_usd": {"per_month_by_part": {"computing": 1.0}}, **more}


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


def test_nodes_that_are_owned_and_not_used_are_told_beside_what_is_over_provisioned() -> None:
    """A plan with one of three owned nodes in use read `$0.00 (0.0 %)`, as one that pays for one node."""
    rented, used, unused = (
        plan(0.0, name=name, cost_usd={"per_month_by_part": {"computing": 1.0, **more}})
        for name, more in (
            ("rented", {}),
            ("used", {"unused_commitment": 0.0}),
            ("unused", {"unused_commitment": 436.32}),
        )
    )
    told = [meaning({"plans": plans})[1:] for plans in ([rented, used], [rented, used, unused])]
    assert told[0] == []
    assert told[1][0].endswith("owned nodes and commitments that nothing used, a month: unused $436.32")
    assert legend({"plans": [rented, used]}) == MEANING
    assert legend({"plans": [unused]}).endswith("without owned nodes and commitments that nothing used")
    assert fixed({"plans": [rented]}) == []
    assert fixed({"plans": [rented, used, unused]})[0].startswith("used, unused: owned nodes and commitments are paid")
