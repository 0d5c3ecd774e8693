"""A search that leaves the hardware as it is says so."""

from pathlib import Path

from simcost.scenario.checks.load import load
from simcost.studies.optimizing.dimensions import note_on_dimensions

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"


def test_times_that_are_known_on_one_accelerator_alone_are_told() -> None:
    [note] = note_on_dimensions(load(SCENARIOS / "images.yaml").scenario)
    assert note.startswith("Only the size of L4 varies")
    assert note_on_dimensions(load(SCENARIOS / "quickstart.yaml").scenario) == []
