"""A search that leaves the hardware as it is says so."""

from pathlib import Path

import pytest
from support.scenarios import SMALL

from simcost.scenario.checks.load import load, load_text
from simcost.studies.optimizing.dimensions import note_on_dimensions

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"


def test_times_that_are_known_on_one_accelerator_alone_are_told() -> None:
    [note] = note_on_dimensions(load(SCENARIOS / "images.yaml"))
    assert note.startswith("Only the size of L4 varies")
    assert note_on_dimensions(load(SCENARIOS / "quickstart.yaml")) == []


def test_choices_are_told(tmp_path: Path) -> None:
    choices = 'choices: {offers: ["aws/*", "gcp/*"], regions: "us-*"}\n'
    [note] = note_on_dimensions(load_text(SMALL + choices, tmp_path / "s.yaml"))
    assert "that `choices` names: offers aws/*, gcp/*; regions us-*." in note


@pytest.mark.parametrize(("regions", "told"), [('"eu*"', True), ('["eu*", any]', False), ('"*"', False)])
def test_offers_of_no_known_place_that_regions_leave_out_are_told(tmp_path: Path, regions: str, told: bool) -> None:
    """A price that holds everywhere has no region to match, however cheap it is and wherever it is sold."""
    vary = f'vary: [{{offers: "*", regions: {regions}, accelerators: h100-sxm}}]\n'
    notes = note_on_dimensions(load_text(SMALL + vary, tmp_path / "s.yaml"))
    assert len(notes) == told
    assert all("region any" in note and "add `any`" in note for note in notes)
