"""The verdict of a plan on spot says where none of its nodes is ever taken back."""

from math import exp
from pathlib import Path

import pytest
from support.commands import call, scenario
from support.scenarios import SERVICES, SMALL

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]

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
    assert "At the stated rate" not in said.document()["verdict"]


def test_a_search_says_how_many_runs_have_an_interruption(tmp_path: Path) -> None:
    """It only said that interruptions are not in the SLO, whether one run in a million has one or every tenth."""
    rate = "\n    interruptions: {spot: {kind: hazard, per_node_h: 0.01}}"
    vary = SMALL.replace(ON_DEMAND, SPOT + rate) + "vary: [{path: scaling.replicas, values: [2]}]\n"
    changes = (("attainment: 95%", "attainment: 1%"),)
    said = call("optimize", scenario(tmp_path, *changes, text=vary), "--out", tmp_path / "r", "--quiet", "--json")
    document = said.document()
    share = 100 * (1 - exp(-0.01 * 2 / 6))
    assert f"At the stated rate {share:.3g} % of runs as long as these have an interruption" in document["verdict"]


@pytest.mark.parametrize("per_node_h", [None, 1e-9, 20])
def test_a_sweep_says_it_too(tmp_path: Path, per_node_h: float | None) -> None:
    """Of the best plan, whether interruptions are not stated or merely so rare that none comes."""
    rate = "" if per_node_h is None else f"\n    interruptions: {{spot: {{kind: hazard, per_node_h: {per_node_h}}}}}"
    swept = scenario(
        tmp_path,
        (ON_DEMAND, SPOT + rate),
        ("attainment: 95%", "attainment: 1%"),
        text=SMALL + "sweep: {matrix: {scaling.replicas: [1, 2]}}\n",
    )
    said = call("sweep", swept, "-o", tmp_path / "s", "--quiet", "--json").document()
    assert said["best"]["base"] == "two"
    assert said["best"]["spot_node_h"] > 0
    assert (said["best"]["interruptions"] > 0) is (per_node_h == 20)
    assert ("None of its spot nodes is taken back" in said["verdict"]) is (per_node_h != 20)


CHAT = "chat: {buy: {offer: aws/g6.xlarge}}"
SPOT_CHAT = "chat: {buy: {kind: spot, offer: aws/g6.xlarge, price: $0.1/h}}"
APART = SERVICES.replace(CHAT, SPOT_CHAT) + "vary: [{path: services.chat.scaling.replicas, values: [1, 2]}]\n"
TOGETHER = APART.replace("$0.1/h}}", "$0.1/h}, cascade: {to: search, escalate: 10%}}") + "engine_sigma: 0.1\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (APART, "No spot node of chat is taken back in these runs"),
        (TOGETHER, "None of its spot nodes is taken back in these runs"),
    ],
)
def test_a_search_of_services_says_of_which(tmp_path: Path, text: str, sentence: str) -> None:
    said = call("optimize", scenario(tmp_path, text=text), "--out", tmp_path / "r", "--quiet", "--json").document()
    assert said["best"]
    assert sentence in said["verdict"]
