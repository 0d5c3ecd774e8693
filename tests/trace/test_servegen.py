"""Series of the clients of ServeGen: made-up ones, and six as published."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.tables.digests import sha256_of
from simcost.trace.series.reader import is_counted, read_series
from simcost.trace.series.series import Grid
from simcost.trace.synthesis.servegen import synthesize_clients

WINDOWS = ["0,0.5,1.2,Gamma,0.7,2.9", "600,0,0,,0,0", "1200,1.5,8.6,Weibull,0.375,0.397"]
LENGTHS = {
    "0": {"input_tokens": "{100: 0.25, 300: 0.75}", "output_tokens": "{10: 1.0}"},
    "600": {"input_tokens": "{}", "output_tokens": "{}"},
    "1200": {"input_tokens": "{1000: 1}", "output_tokens": "{20: 0.5, 40: 0.5}"},
}


def client(folder: Path, number: int, windows: list[str] = WINDOWS, lengths: object = LENGTHS) -> Path:
    path = folder / f"chunk-{number}-trace.csv"
    path.write_text("\n".join(windows) + "\n")
    path.with_name(f"chunk-{number}-dataset.json").write_text(json.dumps(lengths))
    return path


def test_requests_are_the_rate_times_the_window(tmp_path: Path) -> None:
    (series,), findings = read_series(client(tmp_path, 7))
    assert (series.quantity, series.grid) == ("requests", Grid(start_s=0, step_s=600))
    assert series.values.tolist() == [300, 0, 900]
    assert [finding["kind"] for finding in findings] == ["clock_unknown"]


def test_tokens_are_requests_times_the_mean_of_their_time(tmp_path: Path) -> None:
    path = client(tmp_path, 7)
    assert read_series(path, quantity="prompt_tokens")[0][0].values.tolist() == [300 * 250, 0, 900 * 1000]
    assert read_series(path, quantity="output_tokens")[0][0].values.tolist() == [300 * 10, 0, 900 * 30]


def test_a_folder_is_the_sum_of_its_clients_which_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9):
        client(tmp_path, number)
    each, _ = read_series(tmp_path, by=["client"], freq="30min")
    (total,), _ = read_series(tmp_path, freq="30min")
    assert is_counted(tmp_path)
    assert [series.name for series in each] == ["client-9", "client-10"]
    assert total.values.tolist() == [2400] == sum(series.values for series in each).tolist()


def test_the_hash_of_a_folder_changes_with_any_of_its_files(tmp_path: Path) -> None:
    client(tmp_path, 1)
    before = sha256_of(tmp_path)
    client(tmp_path, 1, lengths={})
    assert sha256_of(tmp_path) != before


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1800,1", "has 2 cells instead of 6"),
        ("1800,-1,0,,0,0", "requests a second: '-1' is not a number from 0 up"),
        ("1800,nan,0,,0,0", "requests a second: 'nan'"),
        ("1.5,1,0,,0,0", "start of the window: '1.5'"),
        ("1800,1,0,Pareto,0,0", "law of the gaps: 'Pareto'"),
        ("2400,1,0,,0,0", "starts 1200 s after the one before, those above 600 s"),
        ("1200,1,0,,0,0", "starts 0 s after the one before"),
    ],
)
def test_a_bad_line_is_located(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(InputError, match=r"chunk-7-trace\.csv:4\b") as error:
        read_series(client(tmp_path, 7, [*WINDOWS, line]))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("law", "says"),
    [
        ("{}", "no input_tokens for the requests of this window"),
        ("{1: 0.5}", "with a sum of 1"),
        ("{-1: 1}", "with a sum of 1"),
        ("print(1)", "with a sum of 1"),
        (None, "with a sum of 1"),
    ],
)
def test_bad_lengths_are_located(tmp_path: Path, law: object, says: str) -> None:
    path = client(tmp_path, 7, lengths=LENGTHS | {"1200": {"input_tokens": law}})
    with pytest.raises(InputError, match=r"chunk-7-dataset\.json.*1200") as error:
        read_series(path, quantity="prompt_tokens")
    assert says in str(error.value)


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = client(tmp_path, 1)
    with pytest.raises(InputError, match="cannot group by 'tenant'; this trace has client"):
        read_series(path, by=["tenant"])
    with pytest.raises(InputError, match="at least two are needed"):
        read_series(client(tmp_path, 3, WINDOWS[:1]))
    client(tmp_path, 3, WINDOWS[:2])
    with pytest.raises(InputError, match=r"chunk-3-trace\.csv: its windows are not those of chunk-1-trace\.csv"):
        read_series(tmp_path)
    path.with_name("chunk-1-dataset.json").unlink()
    with pytest.raises(InputError, match=r"chunk-1-dataset\.json: is missing"):
        read_series(path, quantity="output_tokens")


@given(
    text=st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(["0", "600", ",", "\n", "Gamma", '"', "-", "1e999"])).map("".join),
    )
)
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "chunk-0-trace.csv"
    path.write_text(text, encoding="utf-8")
    try:
        (series,), _ = read_series(path)
    except InputError as error:
        message = str(error)
    else:
        assert np.isfinite(series.values).all()
        return
    assert str(path) in message


@pytest.mark.slow
def test_six_published_clients(shared: Path, tmp_path: Path) -> None:
    with tarfile.open(shared / "data/servegen_m-large_original_6clients.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    each, _ = read_series(tmp_path / "m-large", by=["client"])
    assert [series.name for series in each] == [f"client-{number}" for number in (1, 2, 3, 5, 8, 13)]
    for series in each:
        assert (len(series), series.grid.step_s) == (2016, 600)
        assert series.values == pytest.approx(np.rint(series.values), abs=1e-6)  # they were counted: whole requests
    for quantity in ("requests", "prompt_tokens", "output_tokens"):
        (total,), _ = read_series(tmp_path / "m-large", quantity=quantity)
        parts, _ = read_series(tmp_path / "m-large", quantity=quantity, by=["client"])
        assert total.values == pytest.approx(np.sum([series.values for series in parts], axis=0))


def test_a_shape_that_is_no_shape_is_located(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"chunk-7-trace\.csv:4: shape of the gaps: '0'"):
        read_series(client(tmp_path, 7, [*WINDOWS, "1800,1,0,Gamma,0,0"]))


def test_drawn_requests_hold_the_rate_of_each_window_and_the_lengths_of_its_time(tmp_path: Path) -> None:
    for number in (1, 2):
        client(tmp_path, number)
    out = tmp_path / "load.parquet"
    document = synthesize_clients(tmp_path, out, seed=1, horizon_s=1800)
    rows = pq.read_table(out).to_pylist()
    for name in ("client-1", "client-2"):
        mine = [row for row in rows if row["tenant"] == name]
        early = [row for row in mine if row["arrival_ns"] < 600e9]
        late = [row for row in mine if 1200e9 <= row["arrival_ns"] < 1800e9]
        assert (len(early), len(late), len(mine)) == (300, 900, 1200)
        assert {row["prompt_tokens"] for row in early} == {100, 300}
        assert {(row["prompt_tokens"], row["output_tokens"]) for row in late} == {(1000, 20), (1000, 40)}
    assert document["rows"] == len(rows) == 2400
    again = tmp_path / "again.parquet"
    synthesize_clients(tmp_path, again, seed=1, horizon_s=1800)
    assert pq.read_table(again).equals(pq.read_table(out))
    synthesize_clients(tmp_path, again, seed=1, horizon_s=900)
    assert pq.read_table(again).num_rows == 600
    with pytest.raises(InputError, match="give a --horizon up to that"):
        synthesize_clients(tmp_path, again, seed=1, horizon_s=1801)


@pytest.mark.parametrize(("law", "shape", "cv"), [("Gamma", 0.25, 2.0), ("Weibull", 0.5, 5**0.5), ("", 0, 1.0)])
def test_drawn_gaps_have_the_spread_of_their_law(tmp_path: Path, law: str, shape: float, cv: float) -> None:
    out = tmp_path / "load.parquet"
    path = client(tmp_path, 1, [f"0,100,0,{law},{shape},1", "600,0,0,,0,0"])
    synthesize_clients(path, out, seed=1, horizon_s=600)
    gaps = np.diff(pq.read_table(out)["arrival_ns"].to_numpy())
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05)
