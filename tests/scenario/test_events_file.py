"""Files of events: read with their places, every fault located."""

from pathlib import Path

import numpy as np
import pytest

from simcost.errors import FaultsError
from simcost.forecast.events.apply import Base, apply
from simcost.forecast.events.schema import Growth, Launch, Migration
from simcost.studies.forecasting.study import load_events
from simcost.trace.series.series import Grid, Series

SOUND = """timezone: Europe/Berlin
events:
  - kind: growth
    name: organic
    factor: 1.08
    range: [1.02, 1.15]
  - {kind: launch, name: assistant, level: 5/s, range: [3/s, 8], start: +7d, ramp: 14d}
  - {kind: migration, name: smaller, series: large, to: small, share: 40%, start: 2026-04-01T08:00}
"""


def faults(folder: Path, text: str) -> list[str]:
    path = folder / "events.yaml"
    path.write_text(text)
    with pytest.raises(FaultsError) as caught:
        load_events(path)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_a_sound_file(tmp_path: Path) -> None:
    path = tmp_path / "events.yaml"
    path.write_text(SOUND)
    stated = load_events(path)
    growth, launch, move = stated.events
    assert isinstance(growth, Growth)
    assert isinstance(launch, Launch)
    assert isinstance(move, Migration)
    assert (growth.range, launch.level, launch.ramp, move.share) == ((1.02, 1.15), 5.0, 14 * 86400.0, 0.4)
    assert stated.timezone == "Europe/Berlin"
    assert stated.places["assistant"].line == 7


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("growth", "grwth", "3:11: events.0.kind: 'grwth' is not a kind known here; one of growth"),
        ("factor: 1.08", "factr: 1.08", "5:5: events.0.factr: unknown key 'factr'; did you mean 'factor'"),
        ("factor: 1.08", "factor: -1", "5:13: events.0.factor: -1 must be above 0"),
        ("factor: 1.08", "factor: 2", "3:5: events.0: range 1.02 to 1.15 does not hold the factor 2"),
        ("[1.02, 1.15]", "[1.02]", "6:12: events.0.range: has 1 items; needs at least 2"),
        ("[1.02, 1.15]", "[1.02, 1.15, 2]", "6:12: events.0.range: has too many items; takes at most 2"),
        ("+7d", "7d", "7:5: events.1: '7d' is not a time; write a date or a time"),
        ("ramp: 14d", "ramp: -1", "7:84: events.1.ramp: -1 must be at least 0"),
        ("share: 40%", "share: 140%", "8:71: events.2.share: '140%' must be at most 1"),
        (
            "name: smaller",
            "name: organic",
            "8:29: events.2.name: 'organic' is the name of the event in line 4",
        ),
        ("Europe/Berlin", "Europe/Berln", "1:11: timezone: unknown time zone 'Europe/Berln'; did you mean"),
        (
            "timezone: Europe/Berlin\nevents:",
            "timezone: UTC\nevent:",
            "2:1: event: unknown key 'event'; did you mean",
        ),
    ],
)
def test_a_fault_is_located(tmp_path: Path, old: str, new: str, fault: str) -> None:
    found = faults(tmp_path, SOUND.replace(old, new, 1))
    assert any(one.startswith(f"events.yaml:{fault}") for one in found), found


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    assert len(faults(tmp_path, SOUND.replace("5/s", "5/parsec").replace("large", "").replace("1.08", "one"))) == 3
    assert faults(tmp_path, "[1, 2]")
    assert faults(tmp_path, "")
    with pytest.raises(FaultsError, match="cannot be read"):
        load_events(tmp_path / "none.yaml")


def test_what_does_not_suit_the_series_is_located(tmp_path: Path) -> None:
    path = tmp_path / "events.yaml"
    path.write_text(SOUND)
    stated = load_events(path)
    history = Series(name="large", quantity="requests", grid=Grid(start_s=0, step_s=3600), values=np.ones(240))
    with pytest.raises(FaultsError) as caught:
        stated.check([history])
    assert str(caught.value).startswith(f"{path}:8:5: event 'smaller': no series 'small'")
    one = Base(history=history, point=np.ones(24), paths=np.ones((2, 24)))
    findings = apply(stated.events[1:2], one, zone="UTC", seed=1).findings
    [found] = stated.located(findings)
    assert found["message"].startswith(f"{path}:7:5: event 'assistant' (from +7d) changes nothing")
    assert stated.located([{"kind": "other", "message": "kept"}]) == [{"kind": "other", "message": "kept"}]
