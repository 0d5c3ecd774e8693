"""The verdict of a plan on spot says where none of its nodes is ever taken back."""

from pathlib import Path

import pytest
from support.commands import call, scenario
from support.scenarios import SMALL

pytestmark = pytest.mark.slow

ON_DEMAND = "buy: {offer: aws/g6.xlarge}\n    scaling: {kind: fixed, replicas: 2}"
SPOT = "buy: {kind: spot, offer: aws/g6.xlarge, price: $0.1/h}\n    scaling: {kind: fixed, replicas: 2}"
TAKEN_BACK = "\n    interruptions: {spot: {kind: hazard, per_node_h: 20}, notice: 2min}"


@pytest.mark.parametrize(("buy", "told"), [(ON_DEMAND, False), (SPOT, True), (SPOT + TAKEN_BACK, False)])
def test_the_verdict_says_that_spot_nodes_are_kept(tmp_path: Path, buy: str, told: bool) -> None:
    """Spot that nobody takes back is on demand at a third of its price: nothing is cheaper, and nothing is proved."""
    file = scenario(tmp_path, (ON_DEMAND, buy), ("attainment: 95%", "attainment: 1%"), text=SMALL)
    said = call("run", file, "--out", tmp_path / "r", "--quiet", "--json").document()
    assert said["best"] == ("one" if buy == ON_DEMAND else "two")
    assert ("None of its spot nodes is taken back" in said["verdict"]) is told


def test_a_search_says_it_too(tmp_path: Path) -> None:
    vary = SMALL + "vary: [{path: scaling.replicas, values: [1, 2]}]\n"
    changes = (("{offer: aws/g6.xlarge}", "{kind: spot, offer: aws/g6.xlarge, price: $0.1/h}"), ("95%", "1%"))
    said = call("optimize", scenario(tmp_path, *changes, text=vary), "--out", tmp_path / "r", "--quiet", "--json")
    assert "None of its spot nodes is taken back" in said.document()["verdict"]
