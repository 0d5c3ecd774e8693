"""Notes on the costs of tenants: what the bill of a plan is of."""

from typing import Any

import pytest

from simcost.studies.plans.tenant_view import notes

PLAN: dict[str, Any] = {"name": "one", "by_tenant": [{"name": "chat"}]}


@pytest.mark.parametrize(
    ("more", "told"),
    [({}, False), ({"jobs": {"submitted": 3}}, True)],
    ids=["requests alone", "beside jobs"],
)
def test_tenants_without_costs_are_explained(more: dict[str, Any], told: bool) -> None:
    """Beside jobs the costs of tenants were empty, and the note said how they are shared."""
    assert ("tenants have shares and no costs" in notes({"plans": [PLAN | more]})) is told
