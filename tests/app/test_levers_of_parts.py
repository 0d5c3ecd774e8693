"""Levers of a plan of several services or pools: one whose value no part takes from the plan would do nothing."""

from typing import Any

import pytest

from views.levers import is_taken, parts_of

SERVICES = [{"name": "chat"}, {"name": "expert"}]
ALL = {"scaling": {"replicas": 2}, "replica": {"accelerator": "l4"}, "buy": {"offer": "aws/g6.xlarge"}}
SOME = {"scaling": {"replicas": 3}}


@pytest.mark.parametrize(
    ("plan", "services", "taken"),
    [
        ({}, None, True),
        ({"services": {"chat": ALL, "expert": ALL}}, SERVICES, False),
        ({"services": {"chat": ALL}}, SERVICES, True),
        ({"services": {"chat": ALL, "expert": SOME}}, SERVICES, None),
        ({"pools": [ALL, {**ALL, "scaling": {"kind": "fixed"}}]}, None, False),
        ({"pools": [ALL, {}]}, None, True),
    ],
)
def test_a_lever_is_there_where_a_part_takes_its_value(plan: dict[str, Any], services: Any, taken: bool | None) -> None:
    parts = parts_of(plan, services)
    assert is_taken(parts, "replica", "accelerator") is (taken is not False)
    assert is_taken(parts, "buy", "price") is (taken is not False)
    assert is_taken(parts, "scaling", "replicas") is (taken is True)
