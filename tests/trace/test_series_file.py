"""Demand tables: every good one becomes a series, every bad one an error that says the line and the remedy."""

import gzip
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import FaultsError, InputError, TraceError
from simcost.tables.calendar import parse_freq
from simcost.trace.series.reader import read_series
from simcost.trace.series.series import Grid, Series


def table(folder: Path, text: str, name: str = "demand.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def hourly(values: Sequence[object], start: str = "2024-05-12", step_s: int = 3600, zone: str = "Z") -> str:
    times = np.datetime64(start, "s") + step_s * np.arange(len(values))
    rows = [f"{time}{zone},{value}" for time, value in zip(times, values, strict=True)]
    return "\n".join(["timestamp,value", *rows]) + "\n"


def only(path: Path, **options: object) -> Series:
    (series,), _ = read_series(path, **options)  # type: ignore[arg-type]
    return series


def kinds(path: Path, **options: object) -> dict[str, int]:
    _, findings = read_series(path, **options)  # type: ignore[arg-type]
    return {finding["kind"]: finding["count"] for finding in findings}


def lines(caught: pytest.ExceptionInfo[FaultsError]) -> list[int]:
    return [fault.line for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("name", "mean", "low", "peak", "zeros"),
    [
        ("sg_m-large", 705038.17, 210644.00, 1.86, 0.0),
        ("sg_m-mid", 6444208.24, 0.0, 1.83, 2.4),
        ("az24_conv", 161620.27, 76311.95, 1.66, 0.0),
        ("philly_jobs", 44.15, 0.0, 23.35, 0.1),
        ("philly_gpureq", 56.58, 0.0, 18.28, 0.1),
    ],
)
def test_real_demand(shared: Path, name: str, mean: float, low: float, peak: float, zeros: float) -> None:
    found, _ = read_series(shared / "data/demand_hourly.csv.gz")
    series = next(one for one in found if one.name == name)
    assert series.grid.name == "1h"
    assert series.quantity.endswith("_per_hour")
    assert series.values.mean() == pytest.approx(mean, abs=0.005)
    assert series.values.min() == pytest.approx(low, abs=0.005)
    assert series.values.max() / series.values.mean() == pytest.approx(peak, abs=0.005)
    assert 100 * (series.values == 0).mean() == pytest.approx(zeros, abs=0.05)


def test_real_rates_are_averaged(shared: Path) -> None:
    fine, hours = shared / "data/demand_10min.csv.gz", shared / "data/demand_hourly.csv.gz"
    found, findings = read_series(fine, freq="1h")
    want = {series.name + "_10min": series.values for series in read_series(hours)[0]}
    for series in found:
        np.testing.assert_allclose(series.values * 3600, want[series.name], atol=2)
    assert [(f["kind"], f["series"]) for f in findings] == [("clock_unknown", ""), ("frequency", "")]
    assert "averaged" in findings[1]["message"]


def test_a_job_log_is_no_series(shared: Path) -> None:
    jobs = shared / "data/philly_jobs.csv.gz"
    with pytest.raises(InputError, match=r"--map timestamp=submit_time.*duration_s or num_gpus.*trace import"):
        read_series(jobs)
    with pytest.raises(FaultsError, match=r"csv.gz:3: .*irregular times.*log, not a series"):
        read_series(jobs, mapping={"timestamp": "submit_time", "value": "num_gpus"})


@pytest.mark.parametrize("header", ["timestamp,value", "ds,y", "Time,requests", "date,what", "hour,Tokens"])
def test_spellings(tmp_path: Path, header: str) -> None:
    path = table(tmp_path, hourly([1, 2, 3]).replace("timestamp,value", header))
    series = only(path)
    assert series.values.tolist() == [1, 2, 3]
    assert series.name == "demand"
    assert series.quantity == {"ds,y": "value", "timestamp,value": "value"}.get(header, header.split(",")[1].lower())
    assert series.grid == Grid(start_s=1715472000, step_s=3600)
    assert only(path, quantity="jobs").quantity == "jobs"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2024-05-12T01:00:00Z", "2024-05-12T03:00:00+01:00"),
        ("1715475600", "1715479200"),
        ("1715475600000", "1715479200000"),
        ("2024-05-12 01:00", "2024-05-12 02:00:00.000"),
    ],
)
def test_times(tmp_path: Path, first: str, second: str) -> None:
    series = only(table(tmp_path, f"time,requests\n{first},1\n{second},2\n"))
    assert series.grid == Grid(start_s=1715475600, step_s=3600)


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("ms"),
        pa.timestamp("us", "Europe/Berlin"),
        pa.date32(),
        pa.string(),
        pa.large_string(),
    ],
)
def test_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    days = pa.array(np.datetime64("2024-05-12", "s") + 86400 * np.arange(3)).cast(kind)
    names = pa.array(["a", "a", "a"]).dictionary_encode()
    pq.write_table(pa.table({"unique_id": names, "ds": days, "y": [1, None, 3]}), tmp_path / "d.parquet")
    series = only(tmp_path / "d.parquet")
    assert (series.name, series.grid) == ("a", Grid(start_s=1715472000, step_s=86400))
    np.testing.assert_array_equal(series.values, [1, np.nan, 3])


def test_bad_parquet_cells(tmp_path: Path) -> None:
    times = pa.array([0, None, 2**53], pa.timestamp("ms"))
    pq.write_table(pa.table({"ds": times, "y": [1.0, 2.0, float("inf")]}), tmp_path / "d.parquet")
    with pytest.raises(
        FaultsError,
        match=r"(?s)row 2: ds: the cell is empty.*row 3: ds: 'beyond 2262' is not a time.*row 3: y: 'inf'",
    ):
        read_series(tmp_path / "d.parquet")
    pq.write_table(pa.table({"ds": ["2024-01-01"], "y": [[1]]}), tmp_path / "d.parquet")
    with pytest.raises(InputError, match=r"no column holds values|neither text nor numbers"):
        read_series(tmp_path / "d.parquet")


def test_names_units_and_gzip(tmp_path: Path) -> None:
    path = tmp_path / "d.csv.gz"
    text = (
        "tenant,model,ds,value,unit,source\nb,m/1,2024-01-01,1,tokens,x\nb,m/1,2024-01-02,2,tokens,y\n"
        ",n,2024-01-01,5,jobs,x\n,n,2024-01-02,6,jobs,x\n"
    )
    path.write_bytes(gzip.compress(text.encode()))
    found, _ = read_series(path, by=["tenant", "model"])
    assert [(s.name, s.quantity) for s in found] == [("b/m:1", "tokens"), ("(none)/n", "jobs")]


def test_one_column_of_numbers_is_the_value(tmp_path: Path) -> None:
    text = "id,timestamp,region,gpus_busy\na,2024-01-01,eu,1\na,2024-01-02,eu,2\n"
    assert only(table(tmp_path, text)).quantity == "gpus_busy"
    text = 'month,service,Amount\n2024-01,gpu,"40,000.00"\n2024-02,gpu,"41,500.50"\n'
    assert only(table(tmp_path, text)).values.tolist() == [40_000, 41_500.5]
    text = "timestamp,prompt_tokens,output_tokens\n2024-01-01,1,2\n2024-01-02,1,2\n"
    with pytest.raises(InputError, match=r"prompt_tokens or output_tokens; pass --map value=COLUMN.*trace import"):
        read_series(table(tmp_path, text))
    assert only(table(tmp_path, text), mapping={"value": "output_tokens"}).values.tolist() == [2, 2]


def test_gaps_and_empty_cells_are_missing_not_zero(tmp_path: Path) -> None:
    rows = hourly([1, 0, "", 3, 4, 5, "NaN", 7, "NA", 9]).splitlines()
    path = table(tmp_path, "\n".join(rows[:5] + rows[7:]) + "\n\n")
    np.testing.assert_array_equal(only(path).values, [1, 0, np.nan, 3, np.nan, np.nan, np.nan, 7, np.nan, 9])
    assert kinds(path) == {"gap": 2, "missing": 3, "blank": 1}
    assert "from 2024-05-12 04:00 on" in read_series(path)[1][1]["message"]


def test_unsorted_and_doubled(tmp_path: Path) -> None:
    rows = hourly([1, 2, 3, 4]).splitlines()
    path = table(tmp_path, "\n".join([rows[0], rows[3], rows[1], rows[4], rows[2], rows[2]]))
    assert only(path).values.tolist() == [1, 2, 3, 4]
    assert kinds(path) == {"unsorted": 2, "duplicate": 1}


def test_all_faults_at_once(tmp_path: Path) -> None:
    text = (
        "series,timestamp,value\na,2024-01-01,1\na,yesterday,2\na,2024-01-03,-3\na,2024-01-04,many\n\n"
        "a,2024-01-05,inf\n,2024-01-06,6\na,2024-01-07\na,,8\n"
    )
    with pytest.raises(FaultsError) as caught:
        read_series(table(tmp_path, text))
    assert sorted(lines(caught)) == [3, 4, 5, 7, 8, 9, 10]
    wanted = [
        "'yesterday' is not a time",
        "'-3' is not a number from 0 to 1e+100",
        "'many' is not a number",
        "'inf' is not a number",
        "series: the cell is empty",
        "2 values, but the header",
        "timestamp: the cell is empty",
    ]
    assert [words for words in wanted if words not in str(caught.value)] == []


def test_many_faults_are_counted(tmp_path: Path) -> None:
    with pytest.raises(FaultsError) as caught:
        read_series(table(tmp_path, hourly(["x"] * 200_000)))
    assert len(caught.value.faults) == 11
    assert caught.value.faults[0].line == 2
    assert str(caught.value).endswith("and 199,990 more")


def test_contradicting_doubles(tmp_path: Path) -> None:
    text = hourly(range(30)) + "2024-05-12T03:00:00Z,7\n"
    with pytest.raises(FaultsError, match=r":32: .*03:00 has 7 here, but 3 in row 4 \(line 5\).*--by COLUMN"):
        read_series(table(tmp_path, text))


def test_off_grid(tmp_path: Path) -> None:
    text = hourly(range(30)).replace("T07:00:00", "T07:10:00")
    with pytest.raises(FaultsError, match=r"csv:9: .*07:10 is not on its grid, which has a step of 1h"):
        read_series(table(tmp_path, text))


def test_mixed_frequencies(tmp_path: Path) -> None:
    text = hourly([8] * 24) + hourly([2] * 96, "2024-05-13", 900).partition("\n")[2]
    path = table(tmp_path, text)
    with pytest.raises(FaultsError, match=r"csv:26: .*1h and 15min; pass --freq 1h"):
        read_series(path)
    assert only(path, freq="1h").values.tolist() == [8] * 48
    assert kinds(path, freq="1h")["mixed_frequency"] == 2
    assert only(path, freq="1h", quantity="gpus_per_hour").values.tolist() == [8] * 24 + [2] * 24


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("timestamp,value\n", "no rows"),
        ("timestamp,value\n2024-01-01,1\n", "only row"),
        ("a|b\n1|2\n", "CSV with commas"),
        ('{"ds":1,"y":2}\n', "CSV with commas"),
        ("timestamp,who\n2024-01-01,x\n", "no column holds values"),
        ('month,spend\n2024-01,"$40,000.00"\n', "numbers without a currency or marks between thousands"),
        ("timestamp,value,value\n2024-01-01,1,1\n", "there twice"),
        (hourly(["", ""]), "none of its rows has a value"),
        (hourly([1, 2, 3], step_s=420), "7min apart; steps must divide a day"),
        ("timestamp,value\n2024-01-01T00:00:00.5Z,1\n2024-01-01T01:00:00.5Z,1\n", "between whole seconds"),
        ("series,timestamp,value,unit\na,2024-01-01,1,x\na,2024-01-02,1,y\n", "two units"),
        (
            "timestamp,value\n2024-01-01,1\n1900-01-01T00:00:01Z,2\n1900-01-01T00:00:02Z,2\n",
            "is the time right",
        ),
        ("timestamp,value\n2024-01-01,1\n2024-04-01,2\n2024-07-01,2\n", "3 months apart"),
    ],
)
def test_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_series(table(tmp_path, text))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_series(tmp_path / "x.csv")
    with pytest.raises(InputError, match="is not a file"):
        read_series(tmp_path)
    whole = tmp_path / "d.parquet"
    pq.write_table(pa.table({"ds": ["2024-01-01"], "y": [1]}), whole)
    whole.write_bytes(whole.read_bytes()[:-10])
    with pytest.raises(InputError, match="cannot be read as parquet"):
        read_series(whole)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timezone": "Europe/Berln"}, "did you mean 'Europe/Berlin'"),
        ({"timezone": "utc"}, "did you mean 'UTC'"),
        ({"mapping": {"valu": "x"}}, "did you mean 'value'"),
        ({"by": ["tenants"]}, "no column 'tenants'"),
        ({"freq": "1x"}, "not a frequency"),
        ({"freq": "7h"}, "divide a day"),
        ({"freq": "15min"}, "cannot be split"),
        ({"freq": "1w"}, "no whole step"),
        ({"regressors": ["price"]}, "no column 'price'"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        only(table(tmp_path, hourly(range(48))), **options)


def test_regressors_go_on_into_the_future(tmp_path: Path) -> None:
    rows = [f"2024-01-{day:02},{day if day < 8 else ''},{day % 2},{-day}" for day in range(1, 11)]
    path = table(tmp_path, "\n".join(["ds,y,promo,price", *rows]))
    series = only(path, regressors=["price", "promo"])
    assert len(series) == 7
    assert series.regressors is not None
    assert series.regressors.tolist() == [[-day, day % 2] for day in range(1, 11)]
    weeks = only(path, regressors=["price"], freq="1w")
    assert (weeks.values.tolist(), weeks.regressors.tolist()) == ([28], [[-4]])  # type: ignore[union-attr]
    text = path.read_text()
    with pytest.raises(FaultsError, match=r"csv:4: .*no row for the step after this one"):
        read_series(table(tmp_path, text.replace(rows[3] + "\n", "")), regressors=["price"])
    with pytest.raises(FaultsError, match=r"csv:5: price: the cell is empty"):
        read_series(table(tmp_path, text.replace("-4", "")), regressors=["price"])


def test_coarser_steps(tmp_path: Path) -> None:
    values = [*range(10), *["" if 14 <= hour < 20 or 30 <= hour < 55 else 1 for hour in range(10, 82)]]
    path = table(tmp_path, hourly(values, "2024-05-12T22:00:00"))
    series = only(path, freq="1d")
    assert series.grid == Grid(start_s=1715558400, step_s=86400)
    np.testing.assert_allclose(series.values, [(sum(range(2, 10)) + 10) * 24 / 18, np.nan, 24])
    assert kinds(path, freq="1d") == {"missing": 31, "frequency": 1, "partial_step": 10, "scaled": 2}


def test_months(tmp_path: Path) -> None:
    months = np.arange("2023-01", "2024-03", dtype="datetime64[M]")
    day, month = np.timedelta64(1, "D"), np.timedelta64(1, "M")
    first, last = months.astype("datetime64[D]"), (months + month).astype("datetime64[D]") - day
    for days, found in (
        (months, {}),
        (first, {}),
        (last, {"month_ends": 1}),
    ):
        path = table(tmp_path, "\n".join(["month,jobs", *(f"{day},5" for day in days)]))
        assert only(path).grid == Grid(start_s=1672531200, step_s=0)
        assert len(only(path)) == 14
        assert kinds(path) == found
    daily = table(tmp_path, hourly([1] * 100, "2023-01-15", 86400))
    assert only(daily, freq="1mo").values.tolist() == [28, 31]
    assert only(daily, freq="1mo").grid.times(1)[0] == np.datetime64("2023-02-01")
    assert only(daily, freq="1w").grid.times(1)[0] == np.datetime64("2023-01-15")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(("timestamp,value\n" + text).encode("utf-8", "surrogatepass"))
    try:
        found, _ = read_series(path)
    except InputError:
        return
    assert all(np.isfinite(series.values).any() for series in found)


@given(st.text(max_size=6) | st.from_regex(r"\d{1,3}(s|min|h|d|w|mo)", fullmatch=True))
def test_any_frequency_is_read_or_refused(text: str) -> None:
    try:
        step_s = parse_freq(text)
    except InputError:
        return
    assert step_s == 0 or 86400 % step_s == 0 or step_s % 86400 == 0
    assert parse_freq(Grid(start_s=0, step_s=step_s).name) == step_s


def test_names_that_are_no_utf8_are_not_mixed_up(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    text = "series,timestamp,value\n" + "".join(
        f"M{letter}ller,2024-01-0{day},1\n" for day in (1, 2) for letter in "\xfc\xf6"
    )
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FaultsError, match=r"csv:2: series: .* is not UTF-8; if 'Müller' is meant, it is Latin-1"):
        read_series(path)
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(InputError, match="looks like UTF-16"):
        read_series(path)
    path.write_text(text, encoding="utf-8")
    assert [series.name for series in read_series(path)[0]] == ["M\xfcller", "M\xf6ller"]


def test_what_no_demand_can_be(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match=r"csv:3: value: '1e\+300' is not a number from 0 to 1e\+100"):
        read_series(table(tmp_path, hourly([1, 1e300, 2])))


def test_times_that_scatter_around_a_grid(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    offsets = 3600 * np.arange(100) + rng.integers(-200, 200, 100)
    times = np.datetime64("2024-05-12", "s") + offsets.astype("timedelta64[s]")
    rows = [f"{time}Z,{value}" for value, time in enumerate(times)]
    path = table(tmp_path, "\n".join(["timestamp,value", *rows]) + "\n")
    series = only(path)
    assert (series.grid, series.values.tolist()) == (Grid(start_s=1715472000, step_s=3600), [*range(100)])
    assert kinds(path)["jitter"] == 100
    late = table(tmp_path, "\n".join(["timestamp,value", *rows[:50], *rows[53:]]) + "\n", "late.csv")
    assert np.isnan(only(late).values).sum() == 3
    phase = table(
        tmp_path,
        "\n".join(["timestamp,value", *(f"{t + np.timedelta64(1300, 's')}Z,1" for t in times)]) + "\n",
        "half.csv",
    )
    assert 1715472000 + 1250 < only(phase).grid.start_s < 1715472000 + 1350
    assert only(phase, freq="2h").grid.step_s == 7200
    twice = [*rows[:50], f"{times[49] + np.timedelta64(60, 's')}Z,1", *rows[50:]]
    with pytest.raises(FaultsError, match="steps must divide a day"):
        read_series(table(tmp_path, "\n".join(["timestamp,value", *twice]) + "\n", "twice.csv"))


def test_an_end_without_values_is_told(tmp_path: Path) -> None:
    _, (found,) = read_series(table(tmp_path, hourly([1, "", 3, 4, "", ""])))
    assert found["message"].endswith(
        "have a row without a value, the last 2 steps among them: the forecast begins after these"
    )
    assert kinds(table(tmp_path, hourly([1, "", 3]))) == {"missing": 1}


def test_labels_of_one_column_keep_their_names(tmp_path: Path) -> None:
    """`aws/p5.48xlarge` stays the SKU that other commands know; of several columns `/` parts the labels."""
    text = "timestamp,sku,team,value\n" + "".join(
        f"2024-05-12T{h:02d}:00:00Z,{sku},a/b,{h}\n" for h in range(3) for sku in ("aws/p5.48xlarge", "/v1/chat")
    )
    path = table(tmp_path, text)
    assert sorted(one.name for one in read_series(path, by=["sku"])[0]) == [":v1:chat", "aws/p5.48xlarge"]
    assert sorted(one.name for one in read_series(path, by=["team", "sku"])[0]) == [
        "a:b/:v1:chat",
        "a:b/aws:p5.48xlarge",
    ]


@pytest.mark.parametrize(
    ("written", "iso", "read_as"),
    [
        ("%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M", "%d.%m.%Y %H:%M, the day first"),
        ("%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M", "%m/%d/%Y %I:%M %p, the month first"),
        ("%d %b %Y %H:%M", "%Y-%m-%dT%H:%M", "%d %b %Y %H:%M"),
        ("%b %d, %Y %H:%M:%S", "%Y-%m-%dT%H:%M", "%b %d, %Y %H:%M:%S"),
    ],
)
def test_times_of_people_are_read_and_told(tmp_path: Path, written: str, iso: str, read_as: str) -> None:
    times = [datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(24 * 20)]
    both = []
    for pattern in (written, iso):
        file = tmp_path / "x.csv"
        file.write_text(
            "\n".join(["timestamp;requests", *(f"{time.strftime(pattern)};{time.hour},5" for time in times)])
        )
        both.append(read_series(file))
    [ours], notes = both[0]
    [plain], _ = both[1]
    assert ours.grid == plain.grid
    assert ours.values.tolist() == plain.values.tolist() == [time.hour + 0.5 for time in times]
    assert f"timestamp was read as {read_as}; if" in notes[0]["message"]
    assert [note["kind"] for note in notes] == ["time_format", "no_zone"]


@pytest.mark.parametrize("written", ["%b %Y", "%B %Y", "%b-%y", "%m/%Y", "%Y%m", "%Y-%m"])
def test_months_are_read_by_their_names_and_numbers(tmp_path: Path, written: str) -> None:
    months = [date(2024 + month // 12, 1 + month % 12, 1) for month in range(18)]
    (tmp_path / "x.csv").write_text(
        "\n".join(["month,requests", *(f"{m.strftime(written)},{m.month}" for m in months)])
    )
    [series], _ = read_series(tmp_path / "x.csv")
    assert (series.grid.name, str(series.grid.times(1)[0])[:10], len(series)) == ("1mo", "2024-01-01", 18)


def test_weeks_of_iso_are_their_mondays(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("week,requests\n2025-W52,5\n2026-W01,6\n2026-W02,7\n")
    [series], notes = read_series(tmp_path / "x.csv")
    assert (series.grid.name, str(series.grid.times(1)[0])[:10], notes) == ("1w", "2025-12-22", [])
    (tmp_path / "x.csv").write_text("week,requests\n2026-W01,5\n2026-W54,6\n2026-W02,7\n")
    with pytest.raises(FaultsError, match="'2026-W54' is not a time"):
        read_series(tmp_path / "x.csv")


def test_a_total_below_dates_is_the_only_fault(tmp_path: Path) -> None:
    rows = [f"{day:02d}.09.2026;5" for day in range(1, 21)]
    (tmp_path / "x.csv").write_text("\n".join(["date;requests", *rows, "Total;100"]))
    with pytest.raises(FaultsError, match=r"x.csv:22: date: 'Total' is not a time; .* or pass --time-format") as error:
        read_series(tmp_path / "x.csv")
    assert len(error.value.faults) == 1


def test_days_and_months_that_nothing_tells_apart_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("\n".join(["date,requests", *(f"0{n}/09/2026,{n}" for n in range(1, 8))]))
    with pytest.raises(TraceError, match="order of day and month is ambiguous; pass --time-format '%d/%m/%Y'"):
        read_series(tmp_path / "x.csv")
    [series], notes = read_series(tmp_path / "x.csv", time_format="%d/%m/%Y")
    assert (series.grid.name, len(series), notes) == ("1d", 7, [])


def test_dates_without_a_clock_have_no_zone_to_tell(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("date,requests\n2026-09-01,5\n2026-09-02,6\n2026-09-03,7\n")
    assert read_series(tmp_path / "x.csv")[1] == []


def test_a_counter_is_told_from_demand(tmp_path: Path) -> None:
    """Each value of `requests_total` holds all before it, until the process starts again."""
    came = 100 + 80 * np.sin(np.arange(240) / 24 * 2 * np.pi)
    total = np.cumsum(came)
    total[150:] -= total[149]
    notes = read_series(table(tmp_path, hourly(total.round(1).tolist())))[1]
    assert [note["kind"] for note in notes] == ["running_total"]
    assert "rise at every step but for 1 reset, as those of a counter" in notes[0]["message"]
    assert kinds(table(tmp_path, hourly(came.round(1).tolist()))) == {}
    assert kinds(table(tmp_path, hourly([5] * 240))) == {}


def test_a_series_that_ends_before_the_others_is_told(tmp_path: Path) -> None:
    """Forecasts of others begin days later: their sums are of different days."""
    hours = np.datetime64("2026-09-01", "h") + np.arange(240)
    rows = [f"{name},{hour}:00Z,5" for name, last in (("a", 240), ("b", 120), ("c", 239)) for hour in hours[:last]]
    series, notes = read_series(table(tmp_path, "\n".join(["series,timestamp,value", *rows])))
    [told] = [note for note in notes if note["kind"] == "ends_early"]
    assert (len(series), told["series"]) == (3, "b")
    assert told["message"].startswith("ends at 2026-09-06, others at 2026-09-11: its forecast begins where it ends")


def test_series_that_are_wanted_do_not_depend_on_others(tmp_path: Path) -> None:
    """A tenant of one row, or of other steps, kept all others of its file from being read, also those named."""
    hours = [f"a,2026-01-05T{hour:02}:00Z,{hour}" for hour in range(24)]
    days = [f"days,2026-01-{day:02},9" for day in range(5, 9)]
    path = table(tmp_path, "\n".join(["series,timestamp,value", "one,2026-01-05T03:00Z,7", *hours, "none,2026-01-05,"]))
    (series,), _ = read_series(path, only=["a"])
    assert (series.name, series.values.tolist()) == ("a", list(range(24)))
    with pytest.raises(FaultsError, match="leave out the rows of this one, or name those wanted") as caught:
        read_series(path)
    assert lines(caught) == [2, 27, 0]
    with pytest.raises(FaultsError, match=r"^\S*:2: series 'one': is its only row; give at least two[^;]*$"):
        read_series(path, only=["one"])
    path = table(tmp_path, "\n".join(["series,timestamp,value", *hours, *days]))
    assert [one.name for one in read_series(path, freq="1h", only=["a"])[0]] == ["a"]
    with pytest.raises(InputError, match="cannot be split into 1h"):
        read_series(path, freq="1h")


def test_a_series_of_totals_is_told(tmp_path: Path) -> None:
    """A bill of all series together counted everything twice."""
    days = np.datetime64("2026-09-01") + np.arange(30)

    def read(*named: tuple[str, int]) -> list[str]:
        rows = [f"{name},{day},{times * (i + 10)}" for i, day in enumerate(days) for name, times in named]
        notes = read_series(table(tmp_path, "\n".join(["series,timestamp,value", *rows])))[1]
        return [note["series"] for note in notes if note["kind"] == "total_of_others"]

    assert read(("a", 1), ("b", 2), ("All", 3)) == ["All"]
    assert read(("a", 1), ("b", 2), ("c", 4)) == []
    assert read(("a", 1), ("b", 1)) == []
    assert read(("a", 1), ("b", 0), ("c", 1)) == []


def test_days_of_another_clock_are_told(tmp_path: Path) -> None:
    """Midnights of Berlin are the evenings before of UTC: each day had the date and the holidays of the day before."""
    days = np.datetime64("2026-06-01") + np.arange(200)
    summer = table(tmp_path, "\n".join(["timestamp,requests", *(f"{day}T00:00:00+02:00,5" for day in days[:60])]))
    series, notes = read_series(summer)
    [told] = [note["message"] for note in notes if note["kind"] == "day_starts"]
    assert told.startswith("its days begin at 22:00 by the clock of UTC")
    assert str(series[0].grid.times(1)[0]) == "2026-05-31T22:00:00"
    assert kinds(summer, timezone="Europe/Berlin") == {}
    offset = np.where(days < np.datetime64("2026-10-26"), "+02:00", "+01:00")
    year = [f"{day}T00:00:00{shift},5" for day, shift in zip(days, offset, strict=True)]
    both = table(tmp_path, "\n".join(["timestamp,requests", *year]))
    with pytest.raises(FaultsError, match=r"if its days are those of a local clock, pass --timezone"):
        read_series(both)
    assert kinds(both, timezone="Europe/Berlin") == {}


def test_numbers_with_something_around_say_to_write_digits(tmp_path: Path) -> None:
    for cell in ('"60,908"', "$7.50", "1.5k"):
        file = table(tmp_path, hourly([cell, 5, 6]))
        with pytest.raises(FaultsError, match=r"is not a number .*write the number in digits alone, without a unit"):
            read_series(file)
    with pytest.raises(FaultsError, match=r"'-5' is not a number .*leave the cell empty if it is unknown"):
        read_series(table(tmp_path, hourly([-5, 5, 6])))


def test_dates_with_the_day_first_are_no_values(tmp_path: Path) -> None:
    rows = [f"{day:02}.09.2026;{day}" for day in range(1, 30)]
    with pytest.raises(TraceError, match=r"did you mean --map timestamp=Datum\?; its columns are"):
        read_series(table(tmp_path, "\n".join(["Datum;Anfragen", *rows])))


def test_dates_that_a_spreadsheet_writes_as_numbers_are_told(tmp_path: Path) -> None:
    days = table(tmp_path, "\n".join(["date,requests", *(f"{45901 + day},5" for day in range(30))]))
    assert kinds(days) == {"serial_dates": 1}
    assert read_series(days)[0][0].grid.start_s == 1_756_684_800  # 2025-09-01
    seconds = table(tmp_path, "\n".join(["t_s,requests", *(f"{3600 * hour},5" for hour in range(30))]))
    assert kinds(seconds) == {"clock_unknown": 1}


def test_a_pattern_that_is_not_one_is_quoted_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,value\n2026-01-01,1\n2026-01-02,2\n")
    with pytest.raises(TraceError, match="--time-format '%Q': %Q is unknown"):
        read_series(tmp_path / "x.csv", time_format="%Q")
