"""Targets of a plan by the tenant that they are of."""

from types import SimpleNamespace
from typing import Any

from simcost.compare.tenants import checks_by_tenant
from simcost.slo import Check


def test_targets_of_each_tenant_are_those_that_begin_with_its_name() -> None:
    names = ["a: attainment", "a: ttft_s p95", "b: attainment", "a: b: attainment", "attainment", "ab: e2e_s p99"]
    plan: Any = SimpleNamespace(checks=[Check(name=name, measured=1.0, target=1.0, met=True) for name in names])
    found = checks_by_tenant(plan)
    for tenant in ("a", "b", "a: b", "ab", "c"):
        own = [check.name for check in found.get(tenant, ())]
        assert own == [name for name in names if name.startswith(f"{tenant}: ")]
