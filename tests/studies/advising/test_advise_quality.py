"""No action and no searched plan has a model that is worse than asked for, and a plan that has one is not in order."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import call
from support.scenarios import write
from support.undivided import CLOSED

pytestmark = pytest.mark.slow

STATED = "    quality: {{metric: mmlu, value: {}}}\n"
ASKED = CLOSED.replace("plans:\n", "quality: {metric: mmlu, at_least: 60}\nplans:\n").replace("seeds: 3", "seeds: 2")
OPEN = ASKED.replace(
    "  kind: closed\n  clients: 40\n  think: {kind: exponential, mean: 2s}\n", "  kind: synthetic\n  rate: 4/s\n"
)


def advised(folder: Path, text: str) -> dict[str, Any]:
    said = call("advise", write(folder, text=text), "--json", "--quiet", "--out", folder / "out")
    assert said.code == 0, said.err
    return said.document()


@pytest.mark.parametrize("text", [ASKED, OPEN], ids=["whole plan", "one pool"])
def test_a_plan_whose_model_is_worse_than_asked_for_is_mended_or_said_to_be_so(tmp_path: Path, text: str) -> None:
    """Half of the replicas would do, but with no number of replicas is the model better."""
    poor = advised(tmp_path, text + STATED.format(59))
    assert (poor["slo_met"], poor["good_enough"], poor["actions"]) == (True, False, [])
    assert "meets the SLO, but its model is not as good as asked for" in poor["verdict"]
    outcomes = {one["kind"]: one["outcome"] for one in poor["tried"]}
    assert outcomes["number of replicas"] == "the model is not as good as asked for, or not known to be"
    good = advised(tmp_path, text + STATED.format(60))
    assert good["good_enough"]
    assert good["actions"]
    for action in good["actions"]:
        assert action["kind"] not in ("smaller model", "precision"), "of which nobody stated or published a quality"
        assert action["after"]["plan"]["quality"] == {"metric": "mmlu", "value": 60}


def test_a_search_of_whole_plans_finds_the_cheapest_that_is_good_enough(tmp_path: Path) -> None:
    """As `run` says of the same plans: fewer replicas with the poor model would cost less."""
    good, poor = (
        f"{{scaling: {{replicas: {n}}}, quality: {{metric: mmlu, value: {q}}}}}" for n, q in ((4, 60), (3, 59))
    )
    file = write(tmp_path, text=ASKED + f"vary:\n  - [{good}, {poor}]\n")
    found = call("optimize", file, "--json", "--quiet", "--out", tmp_path / "out").document()
    assert found["best"]["plan"]["scaling"]["replicas"] == 4
    assert {"count": 1, "reason": "mmlu 59 of llama-3.2-1b is less than the 60 asked for"} in found["excluded"]
