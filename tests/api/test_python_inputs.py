"""What a notebook passes: numbers of NumPy, frames, paths, wrong types; each is taken or named, never a traceback."""

import json
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import simcost as sc
from simcost.api.changes import put
from simcost.api.values import pairs_of
from simcost.cli.main import main
from simcost.errors import InputError, TraceError

SCENARIO = {
    "scenario": "small",
    "model": "llama-3.1-8b",
    "horizon": timedelta(minutes=20),
    "seeds": np.int64(1),
    "workload": {"kind": "synthetic", "rate": np.float64(2)},
    "slo": {"ttft": "2s", "attainment": "95%"},
    "plans": (
        {
            "name": "one",
            "replica": {"accelerator": "l40s", "precision": "fp8"},
            "buy": {"offer": "aws/g6e.xlarge"},
            "scaling": {"kind": "fixed", "replicas": 1},
        },
    ),
}
PURCHASING = "purchasing: pp\ncommitments: [{kind: reserved-instances, sku: g6e.xlarge, count: 1, discount: 30 %}]\n"
USAGE = pd.DataFrame(
    {
        "provider": ["aws", "aws"],
        "sku": ["g6e.xlarge", "g6e.xlarge"],
        "region": ["us-east-1", "us-east-1"],
        "start": pd.to_datetime(["2026-01-01T00:00", "2026-01-01T10:00"], utc=True),
        "end": pd.to_datetime(["2026-01-01T10:00", "2026-01-01T20:00"], utc=True),
        "quantity": [2, 1],
    }
)
LOG = pd.DataFrame(
    {
        "arrival": pd.date_range("2026-01-01", periods=6, freq="2s"),
        "prompt_tokens": range(10, 16),
        "output_tokens": [20] * 6,
        "priority": [1, 2] * 3,
    }
)


@pytest.fixture
def series(tmp_path: Path) -> pd.DataFrame:
    hours = pd.date_range("2026-01-01", periods=240, freq="h", tz="UTC")
    frame = pd.DataFrame({"timestamp": hours, "value": [100 + 10 * (hour % 24) for hour in range(240)]})
    frame.to_csv(tmp_path / "series.csv", index=False)
    return frame


def test_numbers_of_numpy_times_and_tuples_make_a_scenario() -> None:
    scenario = sc.load(SCENARIO)
    assert scenario.loaded.first.scenario.horizon == 1200.0
    changed = scenario.with_changes({"plans.0.scaling.replicas": np.int64(3), "workload.rate": np.float64(3)})
    assert changed.loaded.first.scenario.plans[0].scaling.replicas == 3
    of_numpy = scenario.with_changes({"horizon": np.timedelta64(10, "m"), "workload.rate": Decimal("1.5")})
    assert of_numpy.loaded.first.scenario.horizon == 600.0
    of_numpy = scenario.with_changes({"horizon": np.array(10, "timedelta64[m]")})
    assert of_numpy.loaded.first.scenario.horizon == 600.0
    with pytest.raises(InputError, match="YAML has no form for"):
        scenario.with_changes({"horizon": object()})


@pytest.mark.parametrize("source", [None, 3, [1]])
def test_what_is_no_scenario_is_named(source: object) -> None:
    with pytest.raises(InputError, match=f"not {type(source).__name__}"):
        sc.load(source)  # type: ignore[arg-type]


def test_a_change_reaches_an_item_by_its_number_or_name_and_removes_it() -> None:
    root = {"workload": [{"rate": 1}], "plans": [{"name": "a b", "seeds": 1}, {"name": "c"}]}
    put(root, "workload.rate", 2)
    put(root, "plans.a b.seeds", 2)
    put(root, "plans.1", None)
    put(root, "none.there", None)
    assert root == {"workload": [{"rate": 2}], "plans": [{"name": "a b", "seeds": 2}]}
    with pytest.raises(InputError, match="a list of 2; write the number of an item, from 0, or its name"):
        put({"plans": [[1, 2]]}, "plans.0.nine", 1)


def test_a_plan_is_a_mapping(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a plan is a mapping of its fields or the answer of optimize, not int"):
        sc.load(SCENARIO).with_plan(3)  # type: ignore[arg-type]


@pytest.mark.slow
def test_counts_of_numpy_run_and_a_result_stands_for_its_folder(tmp_path: Path) -> None:
    result = sc.run(SCENARIO, tmp_path / "out", seeds=np.int64(1), seed=np.int64(7), time_limit="10min")
    assert result.document["provenance"]["seed"] == 7
    (tmp_path / "plan.yaml").write_text(PURCHASING)
    assert sc.bill(result, tmp_path / "plan.yaml").rows
    assert len(sc.results(result).rows) == 1
    with pytest.raises(InputError, match="paper: 'a3' is not known; one of a4, letter"):
        result.review(tmp_path / "a.html", paper="a3")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no chart 3; there are"):
        result.chart(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "spark"}, "engine 'spark' is not known; one of local, dask, ray"),
        ({"address": "tcp://a:1"}, "tcp://a:1 is that of a cluster; name it with engine dask or ray"),
        ({"time_limit": "soon"}, "time_limit: 'soon' is not a quantity"),
        ({"time_limit": 0}, "time_limit: 0 is not a duration above 0"),
    ],
)
def test_an_engine_that_cannot_be_is_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    scenario = sc.load(SCENARIO)
    for call in (scenario.run, scenario.optimize, scenario.advise, scenario.sweep):
        with pytest.raises(InputError, match=message):
            call(out=tmp_path / "out", **options)
    with pytest.raises(InputError, match=message):
        scenario.sensitivity({"demand": (0.8, 1.2)}, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("ends", [3, (1,), (0.8, "x"), (0.8, True)])
def test_a_range_is_a_pair_of_numbers(tmp_path: Path, ends: object) -> None:
    with pytest.raises(InputError, match=r"vary demand: .* is not a range; write its two ends"):
        sc.sensitivity(SCENARIO, {"demand": ends}, tmp_path / "out")  # type: ignore[dict-item]


def test_what_is_missing_or_of_another_type_is_named(tmp_path: Path) -> None:
    for call, message in (
        (lambda: sc.calibrate(), "observed: names no file"),
        (lambda: sc.command(), "names no command"),
        (lambda: sc.bill(USAGE, ["x"]), "plan is a path, not list"),
        (lambda: sc.bill(USAGE, {"prices": {1, 2}}), "plan: Object of type set is not JSON serializable; give"),
        (lambda: sc.bill(USAGE, {"catalog": "facts"}), "plan: its `catalog` lies beside a file"),
        (lambda: sc.bill(USAGE, {"prices": {"x": -1}}), "the plan:3:8: prices.x: -1 must be at least 0"),
        (lambda: sc.results(tmp_path, where=3), "where: 3 is not a condition"),
        (lambda: sc.sensitivity(SCENARIO, [("demand", 1)], tmp_path), "vary: .* is not a mapping"),
        (lambda: sc.optimize(SCENARIO, tmp_path, step_factor="x"), "step_factor: 'x' is not a number"),
        (lambda: sc.read("s3://bucket/run"), "s3://bucket/run: a result is read from a folder here"),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_a_frame_is_forecast_as_its_file(tmp_path: Path, series: pd.DataFrame) -> None:
    asked = {"horizon": np.int64(86400), "paths": np.int64(20)}
    expected = sc.forecast(tmp_path / "series.csv", **asked)
    for frame in (series, pa.Table.from_pandas(series), series.set_index("timestamp")["value"].rename_axis(None)):
        found = sc.forecast(frame, **asked)
        assert [row["mean"] for row in found.rows] == [row["mean"] for row in expected.rows]
        assert found.document["file"] == "the frame"
        assert list(found.document["provenance"]["inputs"]) == ["the frame"]
        assert list(found.document["series"]) == ["frame"]
    with pytest.raises(InputError, match="file is a path or a frame, not ndarray"):
        sc.forecast(np.arange(9.0))


def test_periods_are_the_times_at_which_they_begin() -> None:
    months = pd.Series(range(1, 25), index=pd.period_range("2024-01", periods=24, freq="M"))
    found = sc.forecast(months, horizon="3mo", paths=40).document["series"]["frame"]
    assert (found["history"]["start"], found["history"]["step"], len(found["mean"])) == (
        "2024-01-01T00:00:00Z",
        "1mo",
        3,
    )


def test_dates_of_a_frame_may_be_text(tmp_path: Path) -> None:
    days = [f"{day:02d}/09/2026" for day in range(1, 12)]
    frame = pd.DataFrame({"date": days, "requests": range(1, 12)})
    with pytest.raises(InputError, match="order of day and month is ambiguous"):
        sc.forecast(frame)
    found = sc.forecast(frame, time_format="%d/%m/%Y", paths=40).document["series"]["frame"]
    assert (found["history"]["start"], found["history"]["steps"]) == ("2026-09-01T00:00:00Z", 11)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("horizon", "abc", "horizon: 'abc' is not a quantity"),
        ("horizon", float("nan"), "horizon: nan is not a duration"),
        ("levels", [0.8], r"levels: \[0.8\] are not per cents"),
        ("levels", 80, "levels: 80 are not per cents"),
        ("paths", 0, "paths: 0 is not a whole number"),
        ("growth", "some", "growth: 'some' is not known; one of measured, none, stated"),
        ("model", "etss", "did you mean 'ets'"),
        ("columns", ["x"], r"columns: \['x'\] is not a mapping"),
        ("unit_cost", "$1", r"unit_cost: '\$1' is not a number from 0 up"),
        ("out", "s3://bucket/f.parquet", "s3://bucket/f.parquet: this writes here alone"),
    ],
)
def test_an_option_of_a_forecast_that_cannot_be_is_named(
    series: pd.DataFrame, option: str, value: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        sc.forecast(series, **{option: value})  # type: ignore[arg-type]


def test_a_forecast_has_the_options_of_the_command(
    tmp_path: Path, series: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "series.csv")
    words = ["--horizon", "2d", "--model", "profile", "--width", "1.5", "--timezone", "Europe/Berlin"]
    assert main(["forecast", file, *words, "--unit-cost", "$0.01", "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    zone = {"timezone": "Europe/Berlin", "unit_cost": 0.01}
    assert sc.forecast(file, horizon="2d", model="profile", width=1.5, **zone).document == printed


def test_a_plan_may_be_a_mapping(tmp_path: Path) -> None:
    plan = {"purchasing": "less", "prices": {"p5.48xlarge": "$40/h"}}
    (tmp_path / "plan.yaml").write_text("purchasing: less\nprices: {p5.48xlarge: $40/h}\n")
    given, filed = sc.bill(USAGE, plan).document, sc.bill(USAGE, tmp_path / "plan.yaml").document
    assert "the plan" in given["provenance"]["inputs"]
    assert {key: given[key] for key in given if key != "provenance"} == {
        key: filed[key] for key in filed if key != "provenance"
    }


def test_a_plan_of_numpy_is_that_of_its_numbers() -> None:
    """A count that a quantile gave was not JSON serializable."""
    reserved = {"kind": "reserved-instances", "sku": "g6e.xlarge", "upfront": "none", "discount": Decimal("0.3")}
    counted = {"commitments": [{**reserved, "count": np.int64(1), "since": timedelta(hours=-10)}]}
    plain = {"commitments": ({**reserved, "count": 1, "discount": 0.3, "since": "-10h"},)}
    assert sc.bill(USAGE, counted).document["charges"] == sc.bill(USAGE, plain).document["charges"]


def test_a_frame_is_billed_as_its_file_and_as_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, file = tmp_path / "plan.yaml", tmp_path / "usage.csv"
    plan.write_text(PURCHASING)
    USAGE.to_csv(file, index=False)
    assert main(["bill", str(file), "--plan", str(plan), "--json", "--quiet"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert sc.bill(file, plan).document == printed, "with its provenance, which was missing"
    of_frame = sc.bill(USAGE, plan).document
    assert of_frame["charges"] == printed["charges"]
    assert "the frame" in of_frame["provenance"]["inputs"]
    with pytest.raises(InputError, match="plan_of_run belongs to a results folder"):
        sc.bill(file, plan, plan_of_run="one")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_error": "ignore"}, "on_error: 'ignore' is not known; one of stop, skip"),
        ({"time_unit": "h"}, "time_unit: 'h' is not known"),
        ({"block_tokens": 0}, "block_tokens: 0 is not a whole number"),
        ({"columns": ["arrival"]}, "columns: .* is not a mapping of names"),
        ({"where": "priority=1"}, "where: .* is not a mapping of columns"),
        ({"out": "s3://bucket/x.parquet"}, "s3://bucket/x.parquet: this writes here alone"),
    ],
)
def test_an_option_of_an_import_that_cannot_be_is_named(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        sc.import_log(LOG, **{"out": tmp_path / "t.parquet", **options})  # type: ignore[arg-type]


def test_frames_that_no_table_can_be_are_named(tmp_path: Path) -> None:
    twice = pd.concat([LOG, LOG], axis=1)
    mixed = LOG.assign(prompt_tokens=[1, "a"] * 3)
    for frame in (twice, mixed):
        with pytest.raises(
            InputError, match=r"the frame: .*each column holds values of one type, under a name of its own"
        ):
            sc.import_log(frame, tmp_path / "t.parquet")
    with pytest.raises(InputError, match="a path, several paths or a frame, not Series"):
        sc.import_log(LOG["arrival"], tmp_path / "t.parquet")
    missing = LOG.assign(arrival=[pd.NaT, *LOG["arrival"][1:]])
    with pytest.raises(TraceError, match="row 1: arrival: the value is missing"):
        sc.import_log(missing, tmp_path / "t.parquet")


def test_a_column_of_all_tokens_is_not_proposed_as_the_output(tmp_path: Path) -> None:
    """It was, so that each prompt would have counted twice."""
    totals = LOG.rename(columns={"output_tokens": "total_tokens"})
    with pytest.raises(TraceError, match=r"output_tokens.*'total_tokens' counts prompt and output together"):
        sc.import_log(totals, tmp_path / "t.parquet")
    line = LOG.rename(columns={"arrival": f"at the time {'x' * 60}"})
    with pytest.raises(TraceError, match=r"arrival: no column 'arrival'; pass columns=\{\"arrival\": \"COLUMN\"\}"):
        sc.import_log(line, tmp_path / "t.parquet")


def test_numbers_select_rows_and_name_columns(tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    assert sc.import_log(LOG, out, where={"priority": 1}).document["rows"] == 3
    assert sc.import_log(LOG, out, where={"priority": np.array([1, 2])}).document["rows"] == 6
    numbered = LOG.set_axis(range(4), axis=1)
    names = {"arrival": 0, "prompt_tokens": 1, "output_tokens": 2}
    assert sc.import_log(numbered, out, columns=names).document["rows"] == 6  # type: ignore[arg-type]


def test_findings_name_the_start_and_the_rows_to_select(tmp_path: Path) -> None:
    seconds = LOG.assign(arrival=np.arange(6.0), model=["a b", "c"] * 3)
    found = sc.import_log(seconds, tmp_path / "t.parquet", start="2026-01-01T00:00:00Z").document["findings"]
    told = "\n".join(one["message"] for one in found)
    assert "arrival was read as s since 2026-01-01T00:00:00Z; if that is wrong" in told
    assert 'select it by where={"model": "a b"}' in told


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda one, _: one.with_changes([("horizon", "1h")]),
            "is not a mapping of paths to values",
        ),
        (lambda one, _: one.run(3), "out: 3 is not a path"),
        (lambda one, _: one.run(""), "out: '' is not a path"),
        (lambda one, out: one.run(out, progress=3), "progress: 3 is not a function"),
        (lambda one, out: one.optimize(out, objectives=3), "objectives: 3 are not names"),
        (lambda one, out: one.optimize(out, quota=3), "quota: 3 is not a mapping of names to numbers"),
        (lambda one, out: one.optimize(out, options=3), "options: 3 is not a path"),
        (lambda one, out: one.sensitivity({"demand": (0.8, 1.2)}, out, grids="ab"), "grids: 'ab' are not pairs"),
        (lambda one, out: one.advise(3, out), "plan: 3 is not a text"),
        (lambda _, out: sc.load(SCENARIO, folder=3), "folder: 3 is not a path"),
        (lambda _, out: sc.read(None), "folder: None is not a path"),
        (lambda _, out: sc.results(None), "place: None is not a path"),
        (lambda _, out: sc.diff({"plans": []}, out), "before: {'plans': []} is not a path"),
        (lambda _, out: sc.import_log(LOG, None), "out: None is not a path"),
        (lambda _, out: sc.import_log(LOG, out, time_format=3), "time_format: 3 is not a text"),
        (lambda _, out: sc.forecast(LOG, timezone=3), "timezone: 3 is not a text"),
        (lambda _, out: sc.forecast(LOG, model=None), "model: 'None' is not known; one of auto"),
        (lambda _, out: sc.bill(USAGE, {}, plan_of_run=3), "plan_of_run belongs to a results folder"),
        (lambda _, out: sc.new_scenario(None, model="llama-3.1-8b"), "file: None is not a path"),
        (lambda _, out: sc.new_scenario(out, model=3), "model: 3 is not a text"),
        (lambda _, out: sc.new_scenario(out, model="llama-3.1-8b", provider=None), "provider: None is not a text"),
        (lambda _, out: sc.new_scenario(out, model="llama-3.1-8b", accelerators=3), "accelerators: 3 are not names"),
        (lambda _, out: sc.new_scenario(out, model="llama-3.1-8b", provider="aw"), "see provider"),
    ],
)
def test_an_argument_of_another_type_is_named(tmp_path: Path, call: Any, message: str) -> None:
    """Most of these ended in a TypeError of a library; an empty `out` wrote a result into the working directory."""
    with pytest.raises(InputError) as told:
        call(sc.load(SCENARIO), tmp_path / "out")
    assert message in str(told.value)


@pytest.mark.parametrize("one", [{"l40s"}, {"l40s": 1}.keys(), pd.Series(["l40s", "l40s"]).unique(), iter(["l40s"])])
def test_names_are_taken_from_all_that_holds_them(tmp_path: Path, one: Any) -> None:
    """A set and a generator were names before arguments were checked."""
    made = sc.new_scenario(tmp_path / "new.yaml", model="llama-3.1-8b", accelerators=one)
    assert made.text.count("accelerator: l40s") == 2
    assert pairs_of("grids", combinations(["demand", "engine"], 2)) == (("demand", "engine"),)


@pytest.mark.parametrize("start", ["2026-03-01", np.datetime64("2026-03-01"), np.datetime64("2026-03-01", "ns")])
def test_times_and_counts_of_numpy_are_taken(tmp_path: Path, start: Any) -> None:
    """A time of NumPy ended in a TypeError, and a count of it was "not a number above 0"."""
    relative = LOG.assign(arrival=np.arange(6) * 2.0)
    found = sc.import_log(relative, tmp_path / "log.parquet", start=start).document
    assert found["start_utc"].startswith("2026-03-01T00:00:00")
    counts = {"rate_per_s": np.int64(3), "prompt_tokens": np.int32(50)}
    assert "rate: 3" in sc.new_scenario(tmp_path / "new.yaml", model="llama-3.1-8b", **counts).text


def test_targets_of_a_new_scenario_may_be_numbers(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    made = sc.new_scenario(path, model="llama-3.1-8b", ttft=0.5, tpot=timedelta(milliseconds=50), attainment=0.95)
    assert [line.split("#")[0].strip() for line in made.text.splitlines() if line.startswith("  ttft")] == ["ttft: 0.5"]
    assert "tpot: 0.05" in made.text
    assert "attainment: 0.95" in made.text
