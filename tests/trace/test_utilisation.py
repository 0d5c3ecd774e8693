"""Monitoring exports in the forms that tools write them, and what is wrong with some."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from simcost.errors import FaultsError, SimcostError, TraceError
from simcost.tables import delimited
from simcost.trace.utilization.reader import read_utilisation
from simcost.trace.utilization.samples import MIB


@pytest.fixture
def write(tmp_path: Path):
    def written(text: str) -> Path:
        path = tmp_path / "export.csv"
        path.write_text(text)
        return path

    return written


def kinds(findings: list[dict]) -> set[str]:
    return {said["kind"] for said in findings}


DCGM = """timestamp,Hostname,gpu,pod,DCGM_FI_DEV_GPU_UTIL,DCGM_FI_DEV_FB_USED,DCGM_FI_DEV_FB_FREE
2024-05-01T00:00:00Z,n1,0,train,100,70000,10000
2024-05-01T00:01:00Z,n1,0,train,50,60000,20000
2024-05-01T00:00:00Z,n1,1,,0,0,80000
2024-05-01T00:01:00Z,n1,1,,0,0,80000
"""
LONG = """timestamp,__name__,Hostname,gpu,pod,value
1714521600,DCGM_FI_DEV_GPU_UTIL,n1,0,train,100
1714521600,DCGM_FI_DEV_FB_USED,n1,0,train,70000
1714521600,DCGM_FI_DEV_FB_FREE,n1,0,train,10000
1714521600,DCGM_FI_DEV_SM_CLOCK,n1,0,train,1980
1714521660,DCGM_FI_DEV_GPU_UTIL,n1,0,train,50
1714521660,DCGM_FI_DEV_FB_USED,n1,0,train,60000
1714521660,DCGM_FI_DEV_FB_FREE,n1,0,train,20000
1714521600,DCGM_FI_DEV_GPU_UTIL,n1,1,,0
1714521600,DCGM_FI_DEV_FB_USED,n1,1,,0
1714521600,DCGM_FI_DEV_FB_FREE,n1,1,,80000
1714521660,DCGM_FI_DEV_GPU_UTIL,n1,1,,0
1714521660,DCGM_FI_DEV_FB_USED,n1,1,,0
1714521660,DCGM_FI_DEV_FB_FREE,n1,1,,80000
"""


@pytest.mark.parametrize("text", [DCGM, LONG])
def test_an_export_of_dcgm_has_a_column_per_metric_or_a_row(write, text: str) -> None:
    samples, findings = read_utilisation(write(text))
    assert samples.units == ("n1/0", "n1/1")
    assert samples.duty.tolist() == [1.0, 0.5, 0.0, 0.0]
    assert samples.allocated.tolist() == [1, 1, 0, 0]  # a pod is named on the first
    assert samples.hold_s.tolist() == [60.0] * 4
    assert samples.memory_used_bytes.tolist() == [70000 * MIB, 60000 * MIB, 0, 0]
    assert (samples.memory_total_bytes == 80000 * MIB).all()
    assert samples.start_utc_s == 1714521600
    assert ("other_metrics" in kinds(findings)) == (text is LONG)


def test_a_dashboard_exports_a_column_per_gpu(write) -> None:
    samples, findings = read_utilisation(write("Time,gpu a,gpu b\n0,0.5,1\n10,,0\n20,0.5,0\n"))
    assert samples.units == ("gpu a", "gpu b")
    assert samples.duty.tolist() == [0.5, 0.5, 1.0, 0.0, 0.0]
    assert samples.hold_s.tolist() == [20.0, 10.0, 10.0, 10.0, 10.0]  # a missing value: the last one stands
    assert "duty_unit" in kinds(findings)


def test_nvidia_smi_writes_units_in_the_cells(write) -> None:
    text = (
        "timestamp, index, utilization.gpu [%], memory.used [MiB], memory.total [MiB]\n"
        "2024/05/01 00:00:00.000, 0, 12 %, 1024 MiB, 8192 MiB\n"
        "2024/05/01 00:00:30.000, 0, 1 %, 1024 MiB, 8192 MiB\n"
    )
    samples, findings = read_utilisation(write(text))
    assert samples.duty.tolist() == [0.12, 0.01]  # per cent by the name, though no value shows it
    assert (samples.memory_total_bytes == 8192 * MIB).all()
    assert samples.step_s == 30
    assert kinds(findings) == {"allocated", "no_zone"}


def test_shares_under_a_name_of_per_cents_are_suspected(write) -> None:
    _, findings = read_utilisation(write("t_s,gpu,DCGM_FI_DEV_GPU_UTIL\n0,g,0.4\n10,g,1\n20,g,0\n"))
    assert "call it duty_ratio" in next(said["message"] for said in findings if said["kind"] == "duty_unit")


@pytest.mark.parametrize(
    ("duties", "doubtful"), [("0.4 0.7 0.2 1.02", True), ("0.4 0 35 80 60 90", False), ("40 70 20 1", False)]
)
def test_shares_beside_one_above_1_are_suspected(write, duties: str, doubtful: bool) -> None:
    """One overshoot of a share divided the use of all by a hundred, without a word that the others are shares."""
    rows = "".join(f"{10 * i},g,{duty}\n" for i, duty in enumerate(duties.split()))
    _, findings = read_utilisation(write("t_s,gpu,duty\n" + rows))
    message = next(said["message"] for said in findings if said["kind"] == "duty_unit")
    assert ("3 of the 4 above 0 are below 1" in message) == doubtful
    assert ("by its largest value, 1.02" in message) == doubtful


def test_pools_under_other_names(write) -> None:
    text = "when,team,all,used,idle_gpus,pending_gpus\n0,a,8,5,2,4\n60,a,8,8,0,0\n0,b,4,0,4,0\n60,b,4,0,4,0\n"
    mapping = {"time": "when", "pool": "team", "gpus": "all", "allocated": "used"}
    samples, findings = read_utilisation(write(text), mapping=mapping)
    assert samples.units == samples.pools == ("a", "b")
    assert samples.down.tolist() == [1, 0, 0, 0]
    assert samples.pending.tolist() == [4, 0, 0, 0]
    assert samples.queues
    assert np.isnan(samples.duty).all()
    [said] = findings
    assert said["message"].startswith("when was read as s since an unknown start; ")


def test_pools_of_busy_and_idle_gpus_need_no_total(write) -> None:
    samples, findings = read_utilisation(write("timestamp,pool,busy,idle,pending_gpus\n0,a,6,2,4\n60,a,5,3,0\n"))
    assert samples.gpus.tolist() == [8, 8]
    assert samples.allocated.tolist() == [6, 5]
    assert samples.pending.tolist() == [4, 0]
    assert samples.down.tolist() == [0, 0]
    assert "gpus" in kinds(findings)


def test_a_sample_stands_for_three_steps_at_most(write) -> None:
    rows = "".join(f"{t},g,50\n" for t in (0, 10, 20, 30, 100, 110))
    samples, findings = read_utilisation(write("t_s,gpu,duty\n" + rows))
    assert samples.hold_s.tolist() == [10, 10, 10, 30, 10, 10]
    gaps = next(said for said in findings if said["kind"] == "gaps")
    assert gaps["count"] == 1
    assert "40 s" in gaps["message"]


def test_the_last_of_two_rows_counts_and_blank_ones_do_not(write) -> None:
    samples, findings = read_utilisation(write("t_s,gpu,duty\n0,g,10\n0,g,20\n10,g,\n20,g,30\n30,g,40\n"))
    assert samples.duty.tolist() == [0.2, 0.3, 0.4]
    assert {"duplicate", "blank"} <= kinds(findings)


@pytest.mark.parametrize(("name", "told"), [("gpu", False), ("karte", True)])
def test_rows_of_one_time_tell_of_a_column_that_names_the_gpu(name: str, told: bool, write) -> None:
    """Samples of two GPUs without their names: half of them are dropped."""
    file = write(f"t_s,{name},duty\n0,a,10\n0,b,20\n0,b,25\n10,a,30\n10,b,40\n")
    _, findings = read_utilisation(file)
    (duplicate,) = (found["message"] for found in findings if found["kind"] == "duplicate")
    assert ("pass --map gpu=COLUMN" in duplicate) is told


def test_gpus_of_one_number_tell_of_a_column_that_names_their_node(write) -> None:
    rows = "".join(f"{t},{server},{gpu},{40 * gpu}\n" for t in (0, 60, 120) for server in "ab" for gpu in (0, 1))
    path = write(f"t_s,server,gpu,gpu_util\n{rows}")
    samples, findings = read_utilisation(path)
    (duplicate,) = (found["message"] for found in findings if found["kind"] == "duplicate")
    assert duplicate.startswith("6 samples have the unit and time of a later row")
    assert duplicate.endswith("where they are of several nodes, pass --map node=COLUMN")
    samples, findings = read_utilisation(path, mapping={"node": "server"})
    assert "duplicate" not in kinds(findings)
    assert len(samples.units) == 4


def test_rows_per_metric_of_several_gpus_without_their_names_are_told(write) -> None:
    """Four GPUs of a Prometheus answer without a column for them became one, with the duty of the last."""
    rows = [f"{10 * t},,DCGM_FI_DEV_GPU_UTIL,{20 * g}" for g in range(4) for t in range(3)]
    samples, findings = read_utilisation(write("\n".join(["t_s,pod,metric,value", *rows]) + "\n"))
    assert len(samples) == 3
    (duplicate,) = (found for found in findings if found["kind"] == "duplicate")
    assert duplicate["count"] == 9
    assert "pass --map gpu=COLUMN" in duplicate["message"]


def test_work_on_a_gpu_that_nobody_holds_is_said(write) -> None:
    samples, findings = read_utilisation(write("t_s,gpu,duty,allocated\n0,g,10,false\n10,g,0,true\n20,g,0,no\n"))
    assert samples.allocated.tolist() == [1, 1, 0]
    assert "busy_unallocated" in kinds(findings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t_s,gpu,duty\n0,g,10\n10,g,-5\n", ":3: duty: '-5' is not a number from 0 up"),
        (
            "time,gpu,duty\n2026-01-01T00:00:00Z,g,10\n2026-01-01T00:01:00,g,9\n",
            ":3: time: 2026-01-01T00:01:00 says no zone, but others",
        ),
        (
            "t_s,gpu,duty\n0,g,10\n10,g,101\n",
            ":3: duty: duty 101 exceeds 100; of a row for several GPUs it is their mean, and a column `gpus`",
        ),
        ("t_s,gpu,duty\n0,g,10\nnoon,g,10\n", ":3: t_s: 'noon' is not a time"),
        ("t_s,gpu,duty\n0,g,10\n10,g,full\n", ":3: duty: 'full' is not a number"),
        ("t_s,gpu,duty\n0,g,10\n10,g\n", ":3: 2 values, but the header has 3 columns"),
        ("t_s,pool,gpus,allocated\n0,a,8,4\n60,a,8,9\n", ":3: allocated 9 + down 0 exceed 8 GPUs"),
        (
            "t_s,pool,gpus,allocated,idle_gpus\n0,a,8,4,4\n60,a,8,4,5\n",
            ":3: allocated 4 + idle 5 exceed 8 GPUs",
        ),
    ],
)
def test_faults_are_located(write, text: str, said: str) -> None:
    with pytest.raises(FaultsError) as caught:
        read_utilisation(write(text))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t_s,gpu,duty\n0,g,10\n0,h,10\n", "no unit has two samples"),
        ("t_s,gpu,duty\n0,g,\n10,g,\n", "no sample has a measurement"),
        ("t_s,name\n0,a\n", "--map duty=COLUMN"),
        ("gpu,duty\n0,1\n", "--map time=COLUMN"),
        ("t_s,pool,gpus\n0,a,8\n", "--map allocated=COLUMN"),
        ("t_s,metric,gpu,value\n0,power,g,8\n", "none of its metrics is known"),
        ("t_s,gpu,duty\n", "no rows"),
    ],
)
def test_what_cannot_be_used_is_said_with_a_remedy(write, text: str, said: str) -> None:
    with pytest.raises(TraceError, match=said):
        read_utilisation(write(text))


def test_an_unknown_column_of_ours_is_refused(write) -> None:
    with pytest.raises(TraceError, match="'dutyy' is not a known column; did you mean 'duty'"):
        read_utilisation(write("t_s,x\n0,1\n"), mapping={"dutyy": "x"})


CELLS = st.sampled_from(
    ["", "0", "1", "2", "60", "nan", "0.5", "1", "60", "-1", "x", "2024-05-01", "1e400", "100 %", '"']
)
GOOD = st.sampled_from(["0", "1"])
HEADERS = (
    ["t_s", "gpu", "duty"],
    ["t_s", "pool", "gpus", "allocated"],
    ["time", "metric", "value"],
    ["t_s", "a", "b"],
    ["t_s", "gpu", "pod", "duty", "allocated"],
    ["gpu", "duty"],
)


def drawn(folder: Path, data: st.DataObject, most: int = 8) -> Path:
    """A file of one of the forms, with cells at fault or without."""
    header = data.draw(st.sampled_from(HEADERS))
    cells = data.draw(st.sampled_from([GOOD, GOOD | CELLS]))
    rows = data.draw(st.lists(st.lists(cells, min_size=len(header), max_size=len(header)), max_size=most))
    if data.draw(st.booleans()):
        rows = [[str(10 * i), *row[1:]] for i, row in enumerate(rows)]
    path = folder / "any.csv"
    path.write_text("\n".join(map(",".join, [header, *rows])) + "\n")
    return path


@given(st.data())
def test_block_by_block_is_read_what_is_read_at_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = drawn(tmp_path_factory.mktemp("any"), data, most=30)

    def read() -> object:
        try:
            samples, findings = read_utilisation(path)
        except SimcostError as error:
            return str(error)
        fields = {name: getattr(samples, name) for name in samples.__slots__}
        values = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in fields.items()}
        return repr((values, findings))

    with pytest.MonkeyPatch.context() as patch:
        at_once = read()
        patch.setattr(delimited, "BLOCK_BYTES", 16)
        event("refused" if str(path) in str(at_once) else "read")
        assert read() == at_once


@given(st.data())
def test_any_table_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = drawn(tmp_path_factory.mktemp("any"), data)
    try:
        samples, _ = read_utilisation(path)
        said = str(path)
    except SimcostError as error:
        event("refused")
        said = str(error)
    else:
        event("read")
        assert (samples.hold_s > 0).all()
        assert (samples.allocated + samples.down <= samples.gpus).all()
        assert ((samples.duty >= 0) & (samples.duty <= 1) | np.isnan(samples.duty)).all()
    assert str(path) in said


def _both_metrics(as_rows: bool) -> str:
    """GPU a says DCGM_FI_DEV_GPU_UTIL and the other metric, GPU b, as one with MIG, the other alone."""
    cells = [(minute, gpu, share) for minute in (0, 5) for gpu, share in (("a", 0.25), ("b", 0.75))]
    if not as_rows:
        lines = [f"{60 * minute},{gpu},{25 if gpu == 'a' else ''},{share}" for minute, gpu, share in cells]
        return "\n".join(["t_s,uuid,DCGM_FI_DEV_GPU_UTIL,DCGM_FI_PROF_GR_ENGINE_ACTIVE", *lines])
    lines = [f"DCGM_FI_PROF_GR_ENGINE_ACTIVE,{60 * minute},{gpu},{share}" for minute, gpu, share in cells]
    lines += [f"DCGM_FI_DEV_GPU_UTIL,{60 * minute},a,25" for minute in (0, 5)]
    return "\n".join(["__name__,t_s,uuid,value", *lines])


@pytest.mark.parametrize("as_rows", [False, True])
def test_gpus_that_have_only_the_other_metric_of_duty_are_read_by_it(tmp_path: Path, as_rows: bool) -> None:
    file = tmp_path / "dcgm.csv"
    file.write_text(_both_metrics(as_rows) + "\n")
    samples, findings = read_utilisation(file)
    assert samples.units == ("a", "b")
    assert samples.duty.tolist() == [0.25, 0.25, 0.75, 0.75]
    [told] = [one["message"] for one in findings if one["kind"] == "engine_active"]
    expected = "2 samples have no DCGM_FI_DEV_GPU_UTIL; DCGM_FI_PROF_GR_ENGINE_ACTIVE was read in its place"
    assert told == expected


def test_the_other_metric_of_duty_is_a_share(tmp_path: Path) -> None:
    file = tmp_path / "dcgm.csv"
    file.write_text(_both_metrics(as_rows=False).replace("0.75", "75") + "\n")
    with pytest.raises(FaultsError, match="ENGINE_ACTIVE: duty 75 exceeds 1"):
        read_utilisation(file)
