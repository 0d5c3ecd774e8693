"""A scenario whose demand is forecast: the same futures for every plan, counted, and none simulated twice."""

import gzip
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.scenarios import write

from simcost.errors import FaultsError, InputError
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.inputs.forecast_demand import ForecastDemand
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.scenario.runs.run_keys import run_key
from simcost.scenario.storage.sample_paths import read_paths
from simcost.studies.plans.sections import parts
from simcost.trace.requests.readers import import_trace

DEMAND = """\
scenario: ahead
model: llama-3.2-1b
demand:
  history: hourly.csv
  forecast: {horizon: 6h, paths: 40}
  requests: {gaps: poisson, lengths: {prompt_median: 100, output_median: 20}}
  events: [{kind: launch, name: new, share: 0.5, range: [0.2, 1.0], start: +2h}]
  budget: $900
slo: {ttft: 1s, attainment: 95%}
seeds: 4
plans:
  - name: one
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
  - name: two
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 2}
"""


def home(folder: Path, *changes: tuple[str, str]) -> Path:
    """A scenario and three weeks of hourly counts with a daily shape."""
    rng = np.random.default_rng(5)
    hours = np.arange(21 * 24)
    counts = rng.poisson(400 * (1.2 + np.sin(hours * 2 * np.pi / 24)))
    times = np.datetime64("2026-01-05T00", "h") + hours
    rows = [f"{time}:00:00Z,{count}" for time, count in zip(times, counts, strict=True)]
    (folder / "hourly.csv").write_text("\n".join(["timestamp,requests", *rows]) + "\n", encoding="utf-8")
    return write(folder, *changes, text=DEMAND, name="ahead.yaml")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ahead")
    return folder, run(load(home(folder)), folder / "out", jobs=2)


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.ParquetFile(folder / "out/tables/runs.parquet").read().to_pylist()
    return found


def test_every_plan_meets_the_same_futures(done: tuple[Path, dict[str, Any]]) -> None:
    arrived: dict[str, list[int]] = {}
    for row in rows(done[0]):
        arrived.setdefault(row["plan"], []).append(row["arrived"])
    assert arrived["one"] == arrived["two"]
    assert len(set(arrived["one"])) == 4


def test_what_arrives_is_what_the_paths_say(done: tuple[Path, dict[str, Any]]) -> None:
    folder, document = done
    [paths] = read_paths(folder / "out/paths.parquet")
    assert paths.values.shape == (40, 6)
    chosen = document["demand"]["screening"]["chosen"]
    for row in rows(folder):
        expected = paths.values[chosen[row["replication"]]].sum()
        assert abs(row["arrived"] - expected) < 4.5 * np.sqrt(expected)  # Poisson given its future


def test_the_document_tells_of_the_futures(done: tuple[Path, dict[str, Any]]) -> None:
    folder, document = done
    assert [plan["plan"] for plan in document["futures"]["plans"]] == ["one", "two"]
    two = document["futures"]["plans"][1]
    costs = sorted(row["per_month_usd"] for row in rows(folder) if row["plan"] == "two")
    assert costs[0] <= two["per_month_usd"]["p10"] <= two["per_month_usd"]["p90"] <= costs[-1]
    months = two["total_usd"]["p50"] / two["per_month_usd"]["p50"]
    assert months == pytest.approx(document["plans"][1]["horizon_s"] / 3600 / 730)
    assert two["breach_budget"] == 1.0  # two L4 cost more than 900 USD a month
    assert document["demand"]["screening"]["of"] == 40
    assert document["demand"]["stated"][1]["name"] == "new"
    assert any(name.endswith("hourly.csv") for name in document["provenance"]["inputs"])
    assert any(line.startswith("Screening: 4 of 40 futures") for line in document["assumptions"])


@pytest.mark.slow
def test_what_is_odd_about_the_forecast_stands_in_the_result(tmp_path: Path) -> None:
    """A week that ends on a weekend was forecast a fifth too low; `simcost forecast` said so, `simcost run` did not."""
    rows = ["timestamp,requests"]
    for hour in range(7 * 24):
        weekend = 0.6 if hour >= 5 * 24 else 1.0
        rows += [] if hour in (50, 51) else [f"2026-01-{5 + hour // 24:02}T{hour % 24:02}:00:00Z,{400 * weekend:.0f}"]
    file = home(tmp_path, ("horizon: 6h", "horizon: 7d"), ("seeds: 4", "seeds: 1"))
    (tmp_path / "hourly.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    told = run(load(file), tmp_path / "out", jobs=1)["assumptions"]
    assert any("does not tell weekdays from weekends" in line for line in told), told
    assert "hourly.csv: steps that cleaning changed before the fit: 2 (outage); `simcost forecast` lists them." in told


def test_money_and_risk_simulate_nothing_again(tmp_path: Path) -> None:
    keys = []
    for changes in ((), (("budget: $900", "budget: $1\n  risk: 50%"),), (("share: 0.5", "share: 0.6"),)):
        question = settle(load(home(tmp_path, *changes)), seed=None, seeds=None)
        keys.append([run_key(question, plan.pool, 0) for plan in question.plans])
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_all_futures_are_simulated_where_seeds_allow_it(tmp_path: Path) -> None:
    question = settle(load(home(tmp_path)), seed=None, seeds=100)
    assert question.seeds == 40
    source = question.source
    assert isinstance(source, ForecastDemand)
    assert sorted(source.screening.chosen) == list(range(40))
    told = "Screening: of the 100 futures to simulate only 40 were drawn, and each is simulated once"
    assert any(line.startswith(told) for line in source.caveats(question.seeds))
    fewer = settle(load(home(tmp_path)), seed=None, seeds=40).source
    assert isinstance(fewer, ForecastDemand)
    assert not any("Screening" in line for line in fewer.caveats(40))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("demand:", "horizon: 1h\ndemand:"), "3:10: horizon: cannot be combined with a demand"),
        (("slo:", "workload: {kind: synthetic, rate: 1}\nslo:"), "4:3: demand: cannot be combined with a workload"),
        (("hourly.csv", "other.csv"), "no file 'other.csv'"),
        (
            ("history:", "timezone: Europe/Berln\n  history:"),
            "unknown time zone 'Europe/Berln'; did you mean",
        ),
        (("horizon: 6h", "horizon: 6h, freq: 7h"), "'7h'"),
        (("horizon: 6h", "horizon: -6h"), "must be above 0"),
        (("kind: launch", "kind: lunch"), "'lunch' is not a kind known here"),
        (("[0.2, 1.0]", "[0.6, 1.0]"), "does not hold the share 0.5"),
        (
            ("events: [", "events: [{kind: growth, name: new, factor: 2, per: year}, "),
            "'new' is the name of the event in line 7 too",
        ),
        (("paths: 40}", "paths: 40, growth: stated}"), "stated, but no event of kind growth is in demand.events"),
        (("start: +2h", "start: soon"), "soon"),
        (("name: new,", "name: new, series: chat,"), "7:12: demand.events.0: event 'new': no series 'chat'"),
        (
            ("events: [", "events: [{kind: holiday, name: off, calendar: XX, like: sunday}, "),
            "7:12: demand.events.0: event 'off': ",
        ),
        (("gaps: poisson", "gaps: {kind: bootstrap, trace: none.parquet}"), "no file 'none.parquet'"),
    ],
)
def test_a_fault_is_located(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = [str(fault) for fault in find_faults(home(tmp_path, change))]
    assert len(found) == 1, found
    assert fault in found[0]


def test_growth_counted_twice_is_a_fault_of_the_file(tmp_path: Path) -> None:
    """`simcost check` found nothing, and the run refused it."""
    changes = (
        ("paths: 40}", "paths: 40, growth: measured}"),
        ("events: [", "events: [{kind: growth, name: plan, factor: 2}, "),
    )
    [found] = map(str, find_faults(home(tmp_path, *changes)))
    assert "5:46: demand.forecast.growth: measured, and event 'plan' states growth, which would count twice" in found


def test_neither_workload_nor_demand(tmp_path: Path) -> None:
    start, end = DEMAND.index("demand:"), DEMAND.index("slo:")
    file = write(tmp_path, text=DEMAND[:start] + DEMAND[end:], name="ahead.yaml")
    with pytest.raises(FaultsError, match="workload: is missing"):
        load(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("  history:", "  series: chat\n  history:")], "no series 'chat'"),
        ([("gaps: poisson, lengths: {prompt_median: 100, output_median: 20}", "")], "say in demand.requests"),
        ([("horizon: 6h", "horizon: 200000h")], "200,000 steps"),
    ],
)
def test_a_demand_that_cannot_be_forecast(tmp_path: Path, changes: list[tuple[str, str]], message: str) -> None:
    file = home(tmp_path, *changes)
    text = file.read_text(encoding="utf-8").replace("  requests: {}\n", "")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        settle(load(file), seed=None, seeds=None)


def of_days(folder: Path, *changes: tuple[str, str]) -> Path:
    """The scenario with a history of the same demand in days."""
    file = home(folder, ("hourly.csv", "daily.csv"), ("horizon: 6h", "horizon: 3d"), *changes)
    counts = np.loadtxt(folder / "hourly.csv", delimiter=",", skiprows=1, usecols=1).reshape(-1, 24).sum(axis=1)
    rows = [f"{np.datetime64('2026-01-05') + np.timedelta64(day, 'D')},{count:.0f}" for day, count in enumerate(counts)]
    (folder / "daily.csv").write_text("\n".join(["timestamp,requests", *rows]), encoding="utf-8")
    return file


def test_days_to_come_take_the_hours_of_recorded_ones(tmp_path: Path) -> None:
    settled = settle(load(of_days(tmp_path, ("  events", "  hours: hourly.csv\n  events"))), seed=None, seeds=None)
    found: Any = settled.source
    assert (found.paths.grid.step_s, found.futures.shape, found.horizon_s) == (3600, (40, 72), 259_200)
    np.testing.assert_allclose(found.futures.reshape(40, 3, 24).sum(axis=2), found.outlook.futures.values)
    assert found.futures.reshape(120, 24).argmax(axis=1).mean() == pytest.approx(6, abs=1)  # as recorded
    assert set(found.inputs) == {"daily.csv", "hourly.csv"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("  events", "  events"), "4:12: demand.history: daily.csv: has steps of a day"),
        (("  events", "  hours: none.csv\n  events"), "no file 'none.csv'"),
        (("  events", "  hours: daily.csv\n  events"), "has steps of 1d; demand.hours takes hours or less"),
        (("  events", "  daily: [1, 2]\n  events"), "daily"),
        (("history: daily.csv", "history: hourly.csv\n  hours: hourly.csv"), "leave out demand.hours"),
    ],
)
def test_a_day_without_hours_is_a_fault(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found = [str(fault) for fault in find_faults(of_days(tmp_path, change))]
    assert len(found) == 1, found
    assert fault in found[0]


@pytest.mark.slow
def test_real_conversations_along_a_public_week(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    (tmp_path / "traces").mkdir()
    log = data / "traces/AzureLLMInferenceTrace_conv.csv"
    import_trace(log, "azure-llm", tmp_path / "traces/azure-conv-2023.parquet")
    with gzip.open(data / "demand_hourly.csv.gz", "rt") as file:
        hours = [line.split(",")[1:3] for line in file if line.startswith("az24_conv")]
    text = "\n".join(["timestamp,requests", *(",".join(hour) for hour in hours)])
    (tmp_path / "traces/azure-conv-2024-hourly.csv").write_text(text, encoding="utf-8")
    scenarios = Path(__file__).parents[2] / "scenarios"
    shutil.copy(scenarios / "azure-forecast.yaml", tmp_path)
    scenario = tmp_path / "azure-forecast.yaml"
    short = scenario.read_text(encoding="utf-8").replace("horizon: 28d", "horizon: 3h, paths: 20")
    for old, new in (
        ("history: .*", "history: traces/azure-conv-2024-hourly.csv"),
        ("requests: .*", "requests: {gaps: {kind: bootstrap, trace: traces/azure-conv-2023.parquet}}"),
    ):
        short, changed = re.subn(f"(?m)^  {old}$", f"  {new}", short)
        assert changed == 1
    scenario.write_text(short.replace("start: +10d", "start: +0d"), encoding="utf-8")
    document = run(load(scenario), tmp_path / "out", seeds=2, jobs=2)
    assert document["futures"]["plans"][2]["plan"] == "scaled"
    arrived = document["plans"][0]["requests"]["arrived"]
    [paths] = read_paths(tmp_path / "out/paths.parquet")
    expected = paths.values[document["demand"]["screening"]["chosen"][0]].sum()
    assert arrived == pytest.approx(expected, rel=0.05)  # blocks of real requests are burstier than Poisson


@pytest.mark.parametrize(
    ("name", "factor"),
    [("value", 1.0), ("requests", 1.0), ("requests_per_second", 3600.0), ("requests_per_min", 60.0)],
)
def test_a_history_of_rates_is_counted(tmp_path: Path, name: str, factor: float) -> None:
    file = home(tmp_path)
    counts = np.loadtxt(tmp_path / "hourly.csv", delimiter=",", skiprows=1, usecols=1)
    rewritten(tmp_path / "hourly.csv", name)
    settled = settle(load(file), seed=None, seeds=None).source
    assert settled.outlook.forecast.series.quantity == "requests"  # type: ignore[union-attr]
    np.testing.assert_allclose(settled.outlook.forecast.series.values, factor * counts)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["requests_in_flight", "gpu_hours", "output_tokens"])
def test_what_are_no_requests_is_refused(tmp_path: Path, name: str) -> None:
    file = home(tmp_path)
    rewritten(tmp_path / "hourly.csv", name)
    with pytest.raises(InputError, match=f"counts {name}; requests are needed"):
        settle(load(file), seed=None, seeds=None)


def rewritten(file: Path, name: str) -> None:
    """The same rows under another name of the value."""
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("timestamp,requests", f"timestamp,{name}"), encoding="utf-8")


def test_a_horizon_of_months_is_that_of_the_calendar(tmp_path: Path) -> None:
    """`3mo`, which `simcost forecast` takes, was refused: the next quarter had to be counted in days."""
    zone = ("  budget: $900", "  budget: $900\n  timezone: Europe/Berlin")
    question = settle(load(home(tmp_path, ("horizon: 6h", "horizon: 3mo"), zone)), seed=None, seeds=None)
    assert question.source.horizon_s == (90 * 24 - 1) * 3600  # of February to April; the clocks go forward
    with pytest.raises(FaultsError, match=r"'3mt' has the unknown unit 'mt'; .* e.g. 28d or 3mo"):
        load(home(tmp_path, ("horizon: 6h", "horizon: 3mt")))


def test_the_bill_of_the_horizon_says_what_is_invoiced_of_payments_in_advance(tmp_path: Path) -> None:
    """A year paid at once stood with its share of six hours alone, as if no more fell due."""
    year = "{kind: reserved-instances, sku: g6.xlarge, count: 1, years: 1, upfront: all, discount: 40 %}"
    offer = "buy: {offer: aws/g6.xlarge}\n    scaling: {kind: fixed, replicas: 2}"
    bought = offer.replace("g6.xlarge}", f"g6.xlarge, commitments: [{year}]}}")
    document = run(load(home(tmp_path, (offer, bought))), tmp_path / "out", jobs=1)
    [bills] = [part for part in parts(document) if part.title.startswith("Bill of the next")]
    hour = 0.8048
    due = hour * 0.6 * 8760 + hour * 6
    [said] = bills.said
    assert said.endswith(f"invoiced in this time, in the mean: two ${due:,.0f}")
