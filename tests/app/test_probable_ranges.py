"""Ranges that the page of sensitivity begins with: of what the scenario has."""

from pathlib import Path

import pytest

from simcost.scenario.files.edit import values
from views.improve import _probable_ranges

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("images", ["demand", "engine", "discount.aws/g6.xlarge", "discount.aws/g6e.xlarge"]),
        ("philly-queue", ["discount.aws/p4d.24xlarge"]),
        ("cascade", ["demand", "engine", "discount.aws/p5.48xlarge", "discount.aws/g6e.xlarge"]),
    ],
)
def test_ranges_are_of_what_the_scenario_has(name: str, paths: list[str]) -> None:
    found = values((SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert [path for path, _, _ in _probable_ranges(found)] == paths
