"""Notes on the costs of tenants: what the bill of a plan is of."""

from typing import Any

import pytest

from simcost.studies.plans.tenant_view import MOST_ROWS, notes, table

PLAN: dict[str, Any] = {"name": "one", "by_tenant": [{"name": "chat"}]}


@pytest.mark.parametrize(
    ("more", "told"),
    [({}, False), ({"jobs": {"submitted": 3}}, True)],
    ids=["requests alone", "beside jobs"],
)
def test_tenants_without_costs_are_explained(more: dict[str, Any], told: bool) -> None:
    """Beside jobs the costs of tenants were empty, and the note said how they are shared."""
    assert ("tenants have shares and no costs" in notes({"plans": [PLAN | more]})) is told


def tenant(number: int, attainment: float | None, *, met: bool) -> dict[str, Any]:
    level = {"met": met, "attainment": attainment, "metrics": {"ttft_s": {"p95": 0.1}}}
    counts = {"requests": {"arrived": 9}, "rate_limited": 0}
    return {"name": f"t{number}", **counts, **level, "cost_usd": {"per_month": float(number)}}


def test_of_many_tenants_those_that_miss_come_first_then_the_dearest() -> None:
    """The terminal printed a row for each of 10,000, in the order of the file."""
    few = [tenant(k, 1.0, met=True) for k in range(MOST_ROWS)]
    assert [row["Tenant"] for row in table({"plans": [PLAN | {"by_tenant": few}]})] == [one["name"] for one in few]
    late = [tenant(100, 0.7, met=False), tenant(101, 0.2, met=False), tenant(102, None, met=False)]
    many = {"plans": [PLAN | {"by_tenant": [*few, *late]}]}
    assert [row["Tenant"] for row in table(many)][:5] == [
        "t101",
        "t100",
        "t102",
        f"t{MOST_ROWS - 1}",
        f"t{MOST_ROWS - 2}",
    ]
    assert "Of so many" in notes(many)
    assert "Of so many" not in notes({"plans": [PLAN | {"by_tenant": few}]})
