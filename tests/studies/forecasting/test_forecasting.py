"""From files to documents and files: what is read, what is written, and whose clock counts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from simcost.cli.main import main
from simcost.errors import InputError
from simcost.forecast.project import ProjectionOptions
from simcost.studies.forecasting.forecast_file import KEY
from simcost.studies.forecasting.study import SeriesOptions, forecast_file, score_file

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
    return forecast_file(history, ProjectionOptions(seed=1, paths=20), horizon_s=HORIZON_S, **more)[0]


def test_a_forecast_is_judged_by_the_days_it_was_issued_with(history: Path, tmp_path: Path) -> None:
    issued = tmp_path / "issued.parquet"
    made(history, out=issued)
    actuals = table(tmp_path / "came.csv", 240, 48)
    own = score_file(issued, actuals)
    other = score_file(issued, actuals, reading=SeriesOptions(timezone="Europe/Berlin"))
    assert other["series"] == own["series"]
    assert other["timezone"] == "UTC"


def test_the_end_of_a_name_says_what_is_written(history: Path, tmp_path: Path) -> None:
    """`-o x.csv` was Parquet."""
    told = made(history, out=tmp_path / "rows.csv")["series"]["demand"]
    read = pyarrow.csv.read_csv(tmp_path / "rows.csv")
    assert read.column_names[:3] == ["series", "timestamp_utc", "mean"]
    assert read["mean"].to_pylist() == pytest.approx(told["mean"], rel=1e-5)
    assert read["timestamp_utc"][0].as_py().isoformat() == "2026-01-15T00:00:00+00:00"
    with pytest.raises(InputError, match=r"write one with `simcost forecast FILE -o rows.parquet`"):
        score_file(tmp_path / "rows.csv", history)
    for names in ({"out": tmp_path / "rows.json"}, {"paths_out": tmp_path / "paths.csv"}):
        with pytest.raises(InputError, match=r"is written by the end of its name; end it in .parquet"):
            made(history, **names)
        assert not next(iter(names.values())).exists()


def test_a_bill_is_the_total_at_its_unit_cost(history: Path) -> None:
    entry = made(history, unit_usd=0.5)["series"]["demand"]
    total, bill = entry["total"], entry["bill_usd"]
    assert [bill[key] for key in ("mean", "p10", "p90")] == [0.5 * total[key] for key in ("mean", "p10", "p90")]
    assert made(history)["series"]["demand"]["bill_usd"] is None
    with pytest.raises(InputError, match="gpus_busy does not add up over time"):
        made(history, unit_usd=0.5, reading=SeriesOptions(quantity="gpus_busy"))


def test_the_bill_of_several_series_is_that_of_each_future(tmp_path: Path) -> None:
    """P90 of the sum is less than the sum of P90s; a parent is in it once, by its parts."""
    start, rng = datetime(2026, 1, 5, tzinfo=UTC), np.random.default_rng(4)
    rows = [
        f"{name},{(start + timedelta(hours=hour)).isoformat()},{rng.integers(20, 200)}"
        for name in ("chat/a", "chat/b")
        for hour in range(24 * 14)
    ]
    path = tmp_path / "two.csv"
    path.write_text("series,timestamp,requests\n" + "\n".join(rows) + "\n")

    def bills(**more: Any) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
        asked = ProjectionOptions(seed=1, paths=50, **more)
        found = forecast_file(path, asked, horizon_s=HORIZON_S, unit_usd=0.5)[0]
        parts = [entry["bill_usd"] for name, entry in found["series"].items() if name.startswith("chat/")]
        return found["bill_usd"], parts, found["verdict"]

    for more in ({}, {"reconciliation": "bottom-up"}):
        whole, parts, said = bills(**more)
        assert whole["series"] == len(parts) == 2
        assert whole["mean"] == pytest.approx(sum(part["mean"] for part in parts), rel=1e-4)
        assert sum(part["p10"] for part in parts) < whole["p10"] < whole["p90"] < sum(part["p90"] for part in parts)
        assert "; bill of 2 together: $" in said


def test_tokens_are_priced_by_the_million(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`$0.60/1M`, as price lists have it, was an unknown unit, and `$6e-07 each` stood in the answer."""
    assert main(["forecast", str(history), "--horizon", "2d", "--unit-cost", "$0.60/1M", "--quiet"]) == 0
    assert " at $0.60 a million, 80 % between $" in " ".join(capsys.readouterr().out.split())
    assert made(history, unit_usd=0.6e-6)["series"]["demand"]["bill_usd"]["unit"] == 0.6e-6


def test_bills_of_different_times_have_no_sum(tmp_path: Path) -> None:
    """Of a series that ended ten days before the other, two days long gone stood in the bill of the next two days."""
    path, start = tmp_path / "ends.csv", datetime(2026, 1, 5, tzinfo=UTC)
    rows = [
        f"{name},{(start + timedelta(hours=hour)).isoformat()},{20 + hour % 24}"
        for name, hours in (("a", 480), ("b", 240))
        for hour in range(hours)
    ]
    path.write_text("series,timestamp,requests\n" + "\n".join(rows) + "\n")
    found = made(path, unit_usd=0.5)
    assert found["bill_usd"] is None
    assert found["verdict"].endswith("2 series; no bill of all together, for their forecasts are not of the same time")
    assert all(entry["bill_usd"] for entry in found["series"].values())


def test_the_bill_of_several_series_leaves_out_a_series_of_totals(tmp_path: Path) -> None:
    """The rows of an export that hold the total of all models doubled the bill."""
    path, start = tmp_path / "models.csv", datetime(2026, 1, 5, tzinfo=UTC)
    rows = [
        f"{name},{(start + timedelta(hours=hour)).isoformat()},{times * (20 + hour % 24)}"
        for name, times in (("a", 1), ("b", 2), ("All", 3))
        for hour in range(240)
    ]
    path.write_text("series,timestamp,requests\n" + "\n".join(rows) + "\n")
    found = made(path, unit_usd=0.5)
    parts = [found["series"][name]["bill_usd"]["mean"] for name in ("a", "b")]
    assert found["bill_usd"]["series"] == 2
    assert found["bill_usd"]["mean"] == pytest.approx(sum(parts), rel=1e-4)
    assert ["total_of_others" in {note["kind"] for note in one["findings"]} for one in found["series"].values()] == [
        False,
        False,
        True,
    ]


def test_events_of_another_clock_than_the_days_are_refused(history: Path, tmp_path: Path) -> None:
    """Their time zone was passed over: a promotion began six hours late."""
    events = tmp_path / "events.yaml"
    sale = "  - {kind: promotion, name: sale, start: 2026-01-16, end: 2026-01-17, factor: 2}\n"
    events.write_text(f"timezone: Europe/Berlin\nevents:\n{sale}")
    with pytest.raises(InputError, match=r"events\.yaml: timezone Europe/Berlin is .* America/New_York was asked for"):
        made(history, events=events, reading=SeriesOptions(timezone="America/New_York"))
    for zone in (None, "Europe/Berlin"):
        found = made(history, events=events, reading=SeriesOptions(timezone=zone))
        first = np.flatnonzero(found["series"]["demand"]["stated"][1]["effect"])[0]
        assert found["series"]["demand"]["timestamps"][first] == "2026-01-15T23:00:00Z"


def test_measured_growth_is_in_the_document_where_the_model_tells_it(history: Path) -> None:
    assert made(history)["series"]["demand"]["growth"] is None
    asked = ProjectionOptions(seed=1, paths=20, growth="none")
    [entry] = forecast_file(history, asked, horizon_s=40 * 86400.0)[0]["series"].values()
    assert entry["model"] == "planning"
    assert (entry["growth"]["kept"], entry["growth"]["total"]) == (0, 0)
    assert entry["growth"]["lo"] < entry["growth"]["per_month"] < entry["growth"]["hi"]


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
    made(history, out=issued, reading=SeriesOptions(quantity="output_tokens"))
    actuals = table(tmp_path / "came.csv", 240, 48)
    with pytest.raises(InputError, match="output_tokens were forecast, the actuals are requests"):
        score_file(issued, actuals, reading=SeriesOptions(quantity="requests"))
    assert score_file(issued, actuals)["series"]  # a mere `value` may be anything


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"seed": 1', b'"seed": NaN', "NaN is not a finite number"),
        (b'"seed": 1', b'"seed": 1e400', "1e400 is not a finite number"),
        (b'"scale": ', b'"scale": 0, "was": ', "0 is not above 0"),
    ],
)
def test_numbers_that_no_forecast_has_are_damage(
    history: Path, tmp_path: Path, old: bytes, new: bytes, why: str
) -> None:
    """Also where they are only handed on: what was said of the origin stands in the document."""
    issued = tmp_path / "issued.parquet"
    made(history, out=issued)
    stored = pq.read_table(issued)
    about = stored.schema.metadata[KEY]
    assert old in about
    pq.write_table(stored.replace_schema_metadata({KEY: about.replace(old, new)}), issued)
    with pytest.raises(InputError, match=rf"issued\.parquet: no forecast, or a damaged one \({why}\)"):
        score_file(issued, table(tmp_path / "came.csv", 240, 48))


def test_an_empty_time_zone_is_none(history: Path) -> None:
    with pytest.raises(InputError, match="unknown time zone ''"):
        made(history, reading=SeriesOptions(timezone=""))


def test_regressors_that_no_model_takes_are_named(history: Path) -> None:
    document = made(history, reading=SeriesOptions(regressors=("price",)))
    assert [note["kind"] for note in document["series"]["demand"]["findings"]].count("regressors") == 1


def test_lengths_of_what_is_no_token_are_named(history: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.yaml"
    events.write_text("events:\n  - {kind: lengths, name: longer, start: +1d, prompt: 2}\n")
    notes = made(history, events=events)["series"]["demand"]["findings"]
    assert [note["kind"] for note in notes if "longer" in note["message"]] == ["other-quantity"]


def test_events_over_all_of_the_history_leave_nothing_to_fit(history: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.yaml"
    sale = "events:\n  - {{kind: promotion, name: sale, start: 2026-01-01, end: {}, factor: 2}}\n"
    events.write_text(sale.format("2026-02-01"))
    with pytest.raises(InputError, match="all that was recorded lies in stated events"):
        made(history, events=events)
    events.write_text(sale.format("2026-01-10"))
    assert made(history, events=events)["series"]["demand"]["total"]["mean"] > 0


def test_horizons_and_futures_have_limits(history: Path) -> None:
    with pytest.raises(InputError, match="a horizon of 28 s is shorter than a step of 1h"):
        forecast_file(history, ProjectionOptions(seed=1), horizon_s=28.0)
    with pytest.raises(InputError, match=r"is 1,000,000 steps of 1h; give at most 100,000"):
        forecast_file(history, ProjectionOptions(seed=1), horizon_s=3.6e9)
    with pytest.raises(InputError, match=r"too many to hold; give at most 4,166,666 paths"):
        forecast_file(history, ProjectionOptions(seed=1, paths=10**9), horizon_s=HORIZON_S)


def test_the_hour_that_a_clock_skips_is_not_missing(tmp_path: Path) -> None:
    rows = [f"{datetime(2026, 3, 15, tzinfo=UTC) + timedelta(hours=hour):%Y-%m-%dT%H:%MZ},5" for hour in range(480)]
    file = tmp_path / "spring.csv"
    file.write_text("\n".join(["timestamp,value", *rows]))
    assert made(file, reading=SeriesOptions(timezone="Europe/Berlin"))["series"]["spring"]["cleaning"] == []


@pytest.mark.parametrize("method", ["bottom-up", "top-down"])
def test_what_was_made_to_add_up_says_so(tmp_path: Path, method: Any) -> None:
    rows = [
        f"{name},{datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=hour):%Y-%m-%dT%H:%MZ},{size * (1 + hour % 24)}"
        for name, size in (("a/x", 1), ("a/y", 2), ("b/x", 5))
        for hour in range(240)
    ]
    file = tmp_path / "tree.csv"
    file.write_text("\n".join(["series,timestamp,value", *rows]))
    asked = ProjectionOptions(seed=1, paths=20, reconciliation=method, adapt_days=2)
    document, outlooks = forecast_file(file, asked, horizon_s=HORIZON_S)
    told = {name for name, one in document["series"].items() if "reconciled" in {f["kind"] for f in one["findings"]}}
    leaves = {"a/x", "a/y", "b/x"}
    assert told == ({"a", "b", "total"} if method == "bottom-up" else leaves | {"a", "b"})
    for outlook in outlooks:  # levels stay adapted, as the findings say
        lo, hi = outlook.forecast.levels[80]
        again = outlook.forecast.bands(outlook.forecast.paths)[80]
        assert outlook.forecast.factors
        assert ((lo == again[0]) & (hi == again[1])).all()
