"""Other files given as a scenario are told by one sentence, and scenarios with faults are not taken for them."""

from pathlib import Path

import pytest
from support.scenarios import SMALL

from simcost.errors import FaultsError
from simcost.scenario.checks.load import load_text

OTHERS = {
    '{"plan": "p", "charges": [], "commitments": [], "verdict": "v", "provenance": {}}': "`simcost bill --json`",
    '{"best": null, "candidates": 3, "excluded": []}': "`simcost optimize --json`",
    '{"plans": [], "baseline": "a", "differences": [], "provenance": {}}': "`simcost run --json`",
    '{"verdict": "v", "provenance": {}, "something": 1}': "an answer of simcost",
    "commitments: []\n": "a purchasing plan",
    '{"status": "success", "data": {"result": []}}': "an answer of Prometheus",
    "purchasing: base\n": "a purchasing plan",
}


@pytest.mark.parametrize("text", OTHERS)
def test_another_document_is_one_fault(text: str, tmp_path: Path) -> None:
    with pytest.raises(FaultsError) as error:
        load_text(text, tmp_path / "x.yaml")
    [fault] = error.value.faults
    assert OTHERS[text] in fault.message
    assert "no scenario; give the YAML of a scenario, or the results folder" in fault.message


def test_a_scenario_with_a_strange_key_stays_a_scenario(tmp_path: Path) -> None:
    with pytest.raises(FaultsError) as error:
        load_text(f"{SMALL}verdict: v\ncommitments: []\n", tmp_path / "x.yaml")
    assert [fault.path for fault in error.value.faults] == ["verdict", "commitments"]
