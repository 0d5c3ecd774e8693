"""Ranges that the page of sensitivity begins with: of what the scenario has."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simcost.scenario.files.edit import values
from views import improve
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


def test_edited_ranges_come_back_with_the_page_and_go_with_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit keeps the state of a table while it is shown; a page without it forgets it."""
    state: dict[str, Any] = {}
    edit: dict[str, float] = {}

    def table(rows: list[dict[str, Any]], *, key: str, **_: Any) -> list[dict[str, Any]]:
        state[key] = True
        return [{**row, "high": edit.get(row["value"], row["high"])} for row in rows]

    monkeypatch.setattr(improve, "st", SimpleNamespace(session_state=state, data_editor=table))
    demand = [("demand", 0.8, 1.2)]
    assert improve._edited_ranges("r", demand) == [{"value": "demand", "low": 0.8, "high": 1.2}]
    edit["demand"] = 1.5
    assert improve._edited_ranges("r", demand)[0]["high"] == 1.5
    del state["r"]  # another page was shown
    edit.clear()
    assert improve._edited_ranges("r", demand)[0]["high"] == 1.5
    assert improve._edited_ranges("r", [("demand", 0.5, 2.0)])[0]["high"] == 2.0
