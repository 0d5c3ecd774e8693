"""From files to documents and files: what is read, what is written, and whose clock counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simcost.errors import InputError
from simcost.scenario.forecasting import Reading, forecast_file, score_file
from simcost.scenario.outlook import Asked

HORIZON_S = 48 * 3600.0


def table(path: Path, first: int, hours: int) -> Path:
    """Hourly demand from so many hours after 2026-01-05, with a regressor."""
    rows = ["timestamp,value,price"]
    for hour in range(first, first + hours):
        time = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=hour)
        rows.append(f"{time.isoformat()},{10 + hour % 24},{hour % 5}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return table(tmp_path / "demand.csv", 0, 240)


def made(history: Path, **more: Any) -> dict[str, Any]:
    return forecast_file(history, Asked(seed=1, paths=20), horizon_s=HORIZON_S, **more)[0]


def test_a_forecast_is_judged_by_the_days_it_was_issued_with(history: Path, tmp_path: Path) -> None:
    issued = tmp_path / "issued.parquet"
    made(history, out=issued)
    actuals = table(tmp_path / "came.csv", 240, 48)
    own = score_file(issued, actuals)
    other = score_file(issued, actuals, reading=Reading(timezone="Europe/Berlin"))
    assert other["series"] == own["series"]
    assert other["timezone"] == "UTC"


@pytest.mark.parametrize(
    "names",
    [
        {"out": "demand.csv"},
        {"paths_out": "demand.csv"},
        {"page": "demand.csv"},
        {"out": "a.pq", "paths_out": "x/../a.pq"},
        {"paths_out": "a.pq", "page": "a.pq"},
    ],
)
def test_no_file_is_written_over_another(history: Path, names: dict[str, str]) -> None:
    before = history.read_bytes()
    with pytest.raises(InputError, match="name another file"):
        made(history, **{key: history.parent / name for key, name in names.items()})
    assert history.read_bytes() == before


@pytest.mark.parametrize("key", ["out", "paths_out", "page"])
def test_a_folder_is_no_file_to_write(history: Path, key: str) -> None:
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        made(history, **{key: history.parent})
    assert [file.name for file in history.parent.iterdir()] == ["demand.csv"]


def test_what_was_forecast_is_what_is_scored(history: Path, tmp_path: Path) -> None:
    issued = tmp_path / "issued.parquet"
    made(history, out=issued, reading=Reading(quantity="output_tokens"))
    actuals = table(tmp_path / "came.csv", 240, 48)
    with pytest.raises(InputError, match="output_tokens were forecast, the actuals are requests"):
        score_file(issued, actuals, reading=Reading(quantity="requests"))
    assert score_file(issued, actuals)["series"]  # a mere `value` may be anything


def test_an_empty_time_zone_is_none(history: Path) -> None:
    with pytest.raises(InputError, match="unknown time zone ''"):
        made(history, reading=Reading(timezone=""))


def test_regressors_that_no_model_takes_are_named(history: Path) -> None:
    document = made(history, reading=Reading(regressors=("price",)))
    assert [note["kind"] for note in document["series"]["demand"]["findings"]].count("regressors") == 1


def test_lengths_of_what_is_no_token_are_named(history: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.yaml"
    events.write_text("events:\n  - {kind: lengths, name: longer, start: +1d, prompt: 2}\n")
    notes = made(history, events=events)["series"]["demand"]["findings"]
    assert [note["kind"] for note in notes if "longer" in note["message"]] == ["other-quantity"]
