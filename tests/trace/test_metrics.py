"""Recorded metrics: whatever way they are written, the same recording; bad cells are said with their lines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import FaultsError, InputError, SimcostError, TraceError
from simcost.plan.autoscaling import policy
from simcost.trace.metrics import PHASES, READINESS, Recording, read_metrics

LONG = """\
timestamp,pod,metric,value,ready,phase,request
2026-03-03T08:00:00Z,a,w,3,true,Running,2
2026-03-03T08:00:00Z,b,w,,false,Pending,2
2026-03-03T08:00:15Z,b,w,4.5,true,Running,
2026-03-03T08:00:15Z,,q,error,,,
2026-03-03T08:00:15Z,a,w,5,,Terminating,
"""
ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("ab "), st.sampled_from("wq"), st.floats(-1e6, 1e6) | st.none()),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[:3],
)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def of(text: str, **options: Any) -> Recording:
        path = tmp_path / "m.csv"
        path.write_text(text, encoding="utf-8")
        return read_metrics(path, **options)[0]

    return of


def same(one: Recording, other: Recording) -> None:
    assert (one.metrics, one.pods, one.said.keys()) == (other.metrics, other.pods, other.said.keys())
    for name in ("time_ns", "pod", "metric", "value", "failed"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "value"), name
    for name, column in one.said.items():
        assert np.array_equal(column, other.said[name], equal_nan=True), name


def test_rows_become_samples(read: Any) -> None:
    found = read(LONG)
    assert found.start_utc_s == 1772524800.0
    assert (found.pods, found.metrics) == (("a", "b"), ("q", "w"))
    assert found.time_ns.tolist() == [0, 0, 15 * 10**9, 15 * 10**9, 15 * 10**9]
    assert found.pod.tolist() == [0, 1, -1, 0, 1]
    assert np.array_equal(found.value, [3, np.nan, np.nan, 5, 4.5], equal_nan=True)
    assert found.failed.tolist() == [False, False, True, False, False]
    assert np.array_equal(found.said["ready"], [1, 0, np.nan, np.nan, 1], equal_nan=True)
    assert np.array_equal(found.said["phase"], [1, 0, np.nan, 4, 1], equal_nan=True)
    assert np.array_equal(found.said["request"], [2, 2, np.nan, np.nan, np.nan], equal_nan=True)


def test_codes_are_those_of_observations() -> None:
    own = [policy.PENDING, policy.RUNNING, policy.SUCCEEDED, policy.FAILED]
    assert [PHASES[code].upper() for code in own] == ["PENDING", "RUNNING", "SUCCEEDED", "FAILED"]
    assert READINESS == {
        "not ready": policy.NOT_READY,
        "ready": policy.READY,
        "unknown": policy.UNKNOWN,
    }


@given(rows=ROWS, seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], seed: Any
) -> None:
    path = tmp_path_factory.mktemp("any") / "m.csv"

    def written(order: list[Any]) -> Recording:
        cells = [(t, pod.strip(), name, "" if value is None else repr(value)) for t, pod, name, value in order]
        lines = [",".join(map(str, row)) for row in cells]
        path.write_text("\n".join(["t,pod,metric,value", "0,a,w,1", "0,b,q,1", *lines, "99,,w,1"]) + "\n")
        return read_metrics(path)[0]

    rows = [row for row in rows if row[:3] not in ((0, "a", "w"), (0, "b", "q"))]
    shuffled = list(rows)
    seed.shuffle(shuffled)
    same(written(rows), written(shuffled))


def test_a_column_per_metric_is_a_row_per_total(read: Any) -> None:
    wide = read("t_s,replicas,w\n0,2,3\n15,2,\n")
    long = read("t,metric,value\n0,w,3\n0,replicas,2\n15,w,\n15,replicas,2\n")
    same(wide, long)


def test_a_column_per_metric_and_a_row_per_pod(read: Any) -> None:
    long = """\
t,pod,metric,value,ready
0,a,q,1,true
0,a,w,3,true
0,b,q,,false
0,b,w,4,false
15,,q,9,
15,,w,error,
"""
    same(read("t,pod,q,w,ready\n0,a,1,3,true\n0,b,,4,false\n15,,9,error,\n"), read(long))


def test_ready_of_a_whole_pool_is_a_number(read: Any) -> None:
    found = read("t,ready,q\n0,3,1\n15,4,2\n")
    assert found.metrics == ("ready", "q")
    assert found.value[found.metric == 0].tolist() == [3, 4]


def test_arrays_are_the_same_as_a_file(read: Any) -> None:
    text = "t,pod,metric,value,ready\n0,pod-0,w,3,1\n0,pod-1,w,,0\n15,pod-0,w,4,1\n15,pod-1,w,6,1\n15,,q,7,\n"
    table = Recording.table([0, 15], {"w": [[3, np.nan], [4, 6]], "q": [np.nan, 7]}, said={"ready": [[1, 0], [1, 1]]})
    found = read(text)
    kept = ~np.isnan(table.value) | (table.pod >= 0)
    assert np.array_equal(found.value[found.pod >= 0], table.value[table.pod >= 0], equal_nan=True)
    assert np.array_equal(found.said["ready"][found.pod >= 0], table.said["ready"][table.pod >= 0])
    assert sorted(found.value[found.pod < 0]) == sorted(table.value[kept & (table.pod < 0)])


@pytest.mark.parametrize(
    ("time_s", "metrics", "said"),
    [
        ([0, 0], {"w": [1, 2]}, {}),
        ([0, 1], {}, {}),
        ([0, 1], {"w": [1]}, {}),
        ([0, 1], {"w": [[1, 2], [1, 2]], "q": [[1], [2]]}, {}),
        ([0, 1], {"w": [[1, 2], [1, 2]]}, {"redy": [[1, 1], [1, 1]]}),
    ],
)
def test_arrays_that_do_not_fit(time_s: Any, metrics: Any, said: Any) -> None:
    with pytest.raises(ValueError, match=r"needs|known are"):
        Recording.table(time_s, metrics, said=said)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",3,true", ",three,true", ":2: value: 'three' is not a number"),
        ("2026-03-03T08:00:15Z,b", "noon,b", ":4: timestamp: 'noon' is not a time"),
        (",b,w,4.5", ",b,,4.5", ":4: metric: the cell is empty"),
        (",false,", ",maybe,", ":3: ready: 'maybe' is not one of true"),
        ("Pending", "Waiting", ":3: phase: 'Waiting' is not one of pending"),
        ("Running,2\n", "Running,-2\n", ":2: request: '-2' is not a number from 0 up"),
        ("error,,,", "error,,,,", ":5: 8 values, but the header has 7 columns"),
        ("pod,metric", "pod,pod", "column 'pod' is there twice"),
        (",value,", ",val,", "no value column found; pass --map value=COLUMN"),
        ("timestamp,", "when,", "no timestamp column found"),
    ],
)
def test_bad_cells_are_said_with_their_lines(read: Any, old: str, new: str, message: str) -> None:
    assert old in LONG
    with pytest.raises((FaultsError, TraceError), match=message):
        read(LONG.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "\n", "t\n", "t,metric,value\n", "t,metric,value\n\n\n"])
def test_files_without_rows(read: Any, text: str) -> None:
    with pytest.raises(TraceError):
        read(text)


def test_what_was_assumed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("time,metric,value\n2026-03-03 08:00,w,1\n2026-03-03 08:00,w,2\n2026-03-03 08:01,w,3\n")
    recording, findings = read_metrics(path)
    assert recording.value.tolist() == [2, 3]
    assert {said["kind"]: said["count"] for said in findings} == {"no_zone": 3, "duplicate": 1}


@given(st.text(alphabet='t,podmetricvalue01.5-e"\n\tZ:é', max_size=120))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "m.csv"
    path.write_text(f"t,pod,metric,value\n{text}", encoding="utf-8")
    try:
        found = read_metrics(path)[0]
    except SimcostError:
        return
    assert len(found) == len(found.value) == len(found.failed)
    assert (np.diff(found.time_ns) >= 0).all()


def test_columns_named_as_series_are_of_their_pods(read: Any) -> None:
    """As Grafana exports them; the pod of a series is there where it has a value."""
    found = read(
        't,"w{pod=""a"", job=""x""}","w{pod=""b""}","kube_deployment_spec_replicas{instance=""k:80""}",'
        '"lag{q=""1""}","lag{q=""2""}"\n'
        "0,3,,1,7,8\n15,5,4.5,2,,9\n"
    )
    assert found.pods == ("a", "b")
    assert found.metrics == ("w", "kube_deployment_spec_replicas", 'lag{q="1"}', 'lag{q="2"}')
    of_pods = found.pod >= 0
    assert list(zip(found.time_ns[of_pods] // 10**9, found.pod[of_pods], found.value[of_pods], strict=True)) == [
        (0, 0, 3),
        (15, 0, 5),
        (15, 1, 4.5),
    ]
    assert found.value[found.metric == 1].tolist() == [1, 2]


def test_times_without_a_zone_are_of_the_one_that_is_passed(tmp_path: Path) -> None:
    """Of the hour that the clocks show twice the first rows of a series are the earlier ones."""
    path = tmp_path / "m.csv"
    rows = [f"2026-10-25 {clock},{pod},w,1\n" for clock in ("01:30", "02:30", "02:30", "03:30") for pod in "ab"]
    path.write_text("time,pod,metric,value\n" + "".join(rows))
    recording, findings = read_metrics(path, timezone="Europe/Berlin")
    assert np.unique(recording.time_ns // 10**9).tolist() == [0, 3600, 7200, 10800]
    assert recording.start_utc_s == 1792884600  # 2026-10-24T23:30:00Z
    assert findings == []
    path.write_text("time,metric,value\n2026-03-29 01:30,w,1\n2026-03-29 02:30,w,1\n2026-03-29 04:00,w,1\n")
    recording, [said] = read_metrics(path, timezone="Europe/Berlin")
    assert (recording.time_ns // 10**9).tolist() == [0, 3600, 5400]
    assert said["message"] == "1 row has a time that the clocks of Europe/Berlin skipped; taken as an hour later"
    with pytest.raises(InputError, match="Berlin"):
        read_metrics(path, timezone="Berlin")
