"""The quickstart's own plans are right-sized: "and with fewer replicas?" has its answer."""

from pathlib import Path

import pytest

from simcost.scenario.checks.load import load
from simcost.scenario.runs.run import run

pytestmark = pytest.mark.slow

QUICKSTART = Path(__file__).parents[2] / "scenarios/quickstart.yaml"
SIZES = {"L40S bf16, fixed": 4, "L40S fp8, fixed": 2, "H100 fp8, fixed": 1}


def test_every_fixed_plan_is_the_smallest_that_keeps_the_slo(tmp_path: Path) -> None:
    text = QUICKSTART.read_text(encoding="utf-8")
    head, _, listed = text.partition("\nplans:")
    plans = [f"  - name: {part}" for part in listed.split("  - name: ")[1:]]
    fixed = [plan for plan in plans if "kind: fixed" in plan]
    assert {
        plan.split(": ", 1)[1].split("\n")[0]: int(plan.split("replicas: ")[1].split("}")[0]) for plan in fixed
    } == SIZES
    smaller = [
        plan.replace("- name: ", "- name: fewer ").replace(f"replicas: {count}", f"replicas: {count - 1}")
        for plan, count in zip(fixed, SIZES.values(), strict=True)
        if count > 1
    ]
    (tmp_path / "sizes.yaml").write_text(f"{head}\nplans:\n{''.join([*fixed, *smaller])}", encoding="utf-8")
    document = run(load(tmp_path / "sizes.yaml"), tmp_path / "out", jobs=2)
    met = {plan["name"]: plan["slo"]["met"] for plan in document["plans"]}
    assert met == dict.fromkeys(SIZES, True) | {f"fewer {name}": False for name in list(SIZES)[:2]}
