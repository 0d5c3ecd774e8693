"""Logs of jobs: good rows arrive exactly, bad ones are counted, located and kept out."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcost.errors import InputError, SimcostError, TraceError
from simcost.trace.jobs.jobs import NONE, STATUS, Jobs
from simcost.trace.jobs.nodes import read_nodes
from simcost.trace.jobs.reader import read_jobs

HEADER = "job_id,submit_s,duration_s,gpus\n"


def log(folder: Path, text: str, name: str = "jobs.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def counts(findings: list[dict[str, Any]]) -> dict[str, int]:
    found = Counter[str]()
    for said in findings:
        found[said["kind"]] += said["count"] if said.get("dropped") else 0
    return dict(+found)


@pytest.mark.parametrize(
    ("pool", "window_s", "jobs", "start"),
    [
        (None, 1_209_600, 24_134, "00:00:45"),
        (None, 5_270_340, 68_503, "00:00:45"),
        ("103959", 1_209_600, 256, "07:16:28"),
        ("7f04ca", 1_209_600, 101, "13:41:42"),
    ],
)
def test_time_zero_is_the_first_job_kept(shared: Path, pool: str | None, window_s: int, jobs: int, start: str) -> None:
    """Reference 9.1: pools are chosen first, then times are counted from the first job left."""
    nodes = read_nodes(shared / "data/philly_vc_nodes.csv")
    got, findings = read_jobs(
        shared / "data/philly_jobs.csv.gz",
        pools=nodes.pool_gpus,
        pool=pool,
        since="2017-10-01",
        window_s=window_s,
    )
    assert (len(got), got.submit_s[0]) == (jobs, 0)
    assert got.start_utc == f"2017-10-01T{start}.000000000Z"
    assert got.pools == nodes.pools
    others = {} if pool or window_s == 1_209_600 else {"pool": counts(findings)["pool"]}
    assert counts(findings) == others, "jobs of other pools come after the first two weeks"


def test_real_philly(shared: Path) -> None:
    """Reference 13."""
    jobs, findings = read_jobs(shared / "data/philly_jobs.csv.gz")
    assert (len(jobs), int(jobs.gpus.max()), len(jobs.pools)) == (82_247, 128, 15)
    assert np.median(jobs.duration_s) == 1144
    assert round(jobs.duration_s.mean()) == 13_136
    assert np.quantile(jobs.duration_s, 0.75) == 2932
    assert (jobs.gpus == 1).mean() == pytest.approx(0.932, abs=5e-4)
    assert jobs.gpu_seconds / 3600 == pytest.approx(978_078, abs=1)
    assert {said["kind"] for said in findings} == {"no_zone", "limit_assumed"}


def test_real_slice_is_the_same_jobs(shared: Path) -> None:
    two_weeks, _ = read_jobs(shared / "data/philly_2weeks_24134jobs.csv.gz")
    assert two_weeks.gpu_seconds / 3600 == pytest.approx(174_470.635, abs=1e-3)
    assert two_weeks.start_utc is None
    nodes = read_nodes(shared / "data/philly_vc_nodes.csv")
    cut, _ = read_jobs(
        shared / "data/philly_jobs.csv.gz", pools=nodes.pool_gpus, since="2017-10-01", window_s=1_209_600
    )
    assert (cut.submit_s == two_weeks.submit_s).all()
    assert (cut.duration_s == two_weeks.duration_s).all()
    assert (cut.gpus == two_weeks.gpus).all()


def test_real_openb(shared: Path) -> None:
    jobs, findings = read_jobs(shared / "data/openb_pod_list_default.csv")
    assert jobs.recorded_wait_s is not None
    started = jobs.recorded_wait_s != NONE
    wait = jobs.recorded_wait_s[started]
    assert (len(jobs), int((~started).sum())) == (8152, 897)
    assert (np.median(wait), round(np.quantile(wait, 0.99)), wait.max()) == (2, 890, 14_330)
    assert np.median(jobs.duration_s[started]) == 616
    assert ((jobs.gpu_milli < 1000)[jobs.gpus == 1]).mean() == pytest.approx(0.440, abs=5e-4)
    assert np.bincount(jobs.status).tolist() == [192, 1870, 0, 6090]
    assert counts(findings) == {}


def test_bad_rows_are_kept_out_with_their_place(tmp_path: Path) -> None:
    text = (
        "job_id,submit_s,start_s,end_s,gpus,min_gpus,max_gpus,limit_s,deadline_s\n"
        "good,10.5,11,20.2,2,1,4,10,40\n"
        ",10,11,20,1,,,,\n"  # 3: no id
        "good,10,11,20,1,,,,\n"  # 4: id there above
        "a,-1,11,20,1,,,,\n"  # 5: negative time
        "b,nan,11,20,1,,,,\n"  # 6: no time
        "c,10,11,11,1,,,,\n"  # 7: zero length
        "d,10,11,9,1,,,,\n"  # 8: ended before it started
        "e,10,9,20,1,,,,\n"  # 9: started before it was submitted
        "f,10,11,20,,,,,\n"  # 10: no size
        "g,10,11,20,-2,,,,\n"  # 11: negative size
        "h,10,11,20,2,3,,,\n"  # 12: min above
        "i,10,11,20,2,,1,,\n"  # 13: max below
        "j,10,11,20,2,,,5,\n"  # 14: limit too short
        "k,10,11,20,2,,,,9\n"  # 15: deadline passed
        "l,10,,20,2,,,,\n"  # 16: never started
        "m,10,11,,2,,,,\n"  # 17: runs still
        "n,10,11,20\n"  # 18: cells missing
        "last,9,9,30,0,,,,\n"
    )
    jobs, findings = read_jobs(log(tmp_path, text))
    assert jobs.job_id.tolist() == ["last", "good"]
    assert (jobs.submit_s.tolist(), jobs.duration_s.tolist()) == ([0, 1], [21, 10])
    assert jobs.limit_s.tolist() == [21, 10]
    assert jobs.deadline_s.tolist() == [NONE, 31]
    assert (jobs.min_gpus.tolist(), jobs.max_gpus.tolist()) == ([0, 1], [0, 4])
    assert jobs.recorded_wait_s is not None
    assert jobs.recorded_wait_s.tolist() == [0, 1]
    places: dict[str, list[str]] = {}
    for said in findings:
        if said.get("dropped"):
            places[said["kind"]] = places.get(said["kind"], []) + said["places"]
    assert places == {
        "malformed": ["row 17 (line 18)"],
        "job_id": ["row 2 (line 3)"],
        "duplicate": ["row 3 (line 4)"],
        "time": ["row 4 (line 5)"],
        "submit": ["row 5 (line 6)"],
        "order": ["row 8 (line 9)", "row 7 (line 8)"],
        "zero_length": ["row 6 (line 7)"],
        "gpus": ["row 9 (line 10)", "row 10 (line 11)"],
        "min_gpus": ["row 11 (line 12)"],
        "max_gpus": ["row 12 (line 13)"],
        "limit": ["row 13 (line 14)"],
        "deadline": ["row 14 (line 15)"],
        "never_started": ["row 15 (line 16)"],
        "running": ["row 16 (line 17)"],
    }
    assert sum(counts(findings).values()) + len(jobs) == jobs.extra["rows_read"] == 18


def test_nothing_left(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"no job is left: 1 job was kept out: it ran for 0 seconds; first: row 1"):
        read_jobs(log(tmp_path, HEADER + "a,0,0,1\n"))
    with pytest.raises(TraceError, match="it has no rows"):
        read_jobs(log(tmp_path, HEADER))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEADER + "a,1700000000000,5,1\n",
            r"milliseconds\? call the column submit_ms, .*--map submit_s=submit_ms",
        ),
        (HEADER.replace(",", "|") + "a|0|5|1\n", r"cells separated by '\|'\? write commas"),
        ("\0\1" * 90 + "\n", r"its columns are: '\\x00\\x01(?:\\x00\\x01)*\.\.\.'$"),
        ("[5]", "not a list of Kubernetes objects"),
        (
            '[{"type": "SUBMISSION", "submission_id": "a", "start_time": 1, "end_time": 2, "entrypoint_num_gpus": 4}]',
            "not a list of Kubernetes objects, but of type, submission_id, .*; write other logs of jobs as CSV or",
        ),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_the_file_may_be_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(TraceError, match=said):
        read_jobs(log(tmp_path, text))


def test_blank_rows_are_said_to_be_blank(tmp_path: Path) -> None:
    jobs, findings = read_jobs(log(tmp_path, HEADER + "a,0,5,1\n\nb,1,5,1\n\n"))
    assert jobs.job_id.tolist() == ["a", "b"]
    assert counts(findings) == {"blank": 2}
    assert next(said["places"] for said in findings if said["kind"] == "blank") == [
        "row 2 (line 3)",
        "row 4 (line 5)",
    ]


def test_parquet_of_integers_beyond_floats_and_of_lists(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    good = {"job_id": ["a", "b"], "submit_s": [0, 1], "gpus": [1, 1]}
    pq.write_table(pa.table(good | {"duration_s": [10**18, 5]}), path)
    jobs, findings = read_jobs(path)
    assert (jobs.job_id.tolist(), counts(findings)) == (["b"], {"duration_s": 1})
    pq.write_table(pa.table(good | {"duration_s": [[3], [5]]}), path)
    with pytest.raises(TraceError, match=r"column 'duration_s' holds neither text .* but list<"):
        read_jobs(path)


def test_findings_are_of_the_window(tmp_path: Path) -> None:
    """Jobs that the cluster cannot run, and repairs, were counted in the whole log: 7 jobs left out of 3."""
    rows = "".join(f"{60 * i},{-1 if i == 9 else 5},{(1, 0, 4)[i % 3]},b\n" for i in range(30))
    path = log(tmp_path, "submit_s,duration_s,gpus,pool\n" + rows)
    _, findings = read_jobs(path, pools={"b": 2}, cpus=False, window_s=200)
    assert counts(findings) == {"duration_s": 1, "too_wide": 1, "no_gpu": 1}
    wholly = [
        said["kind"]
        for said in findings
        if said["message"].endswith("(in the whole log of 29 jobs; 2 of them are taken)")
    ]
    assert wholly == ["duration_s", "limit_assumed"]


def test_pools_and_windows(tmp_path: Path) -> None:
    text = "submit_s,duration_s,gpus,pool\n0,5,1,a\n7,5,1,b\n9,5,16,b\n20,5,2,b\n28,5,2,b\n30,5,1,c\n"
    path = log(tmp_path, text)
    got, findings = read_jobs(path, pools={"b": 8, "c": 4}, window_s=21)
    assert (got.submit_s.tolist(), got.pools, got.pool.tolist()) == ([0, 13, 21], ("b", "c"), [0, 0, 0])
    assert counts(findings) == {"pool": 1, "too_wide": 1}
    assert next(said["message"] for said in findings if said["kind"] == "too_wide").endswith("job 3: 16 GPUs")
    assert counts(read_jobs(path, pools={"b": 8, "c": 1}, window_s=20)[1]) == {"pool": 1, "too_wide": 1}
    assert read_jobs(path, pool="b", since="10")[0].submit_s.tolist() == [0, 8]
    with pytest.raises(InputError, match="no pool 'B'"):
        read_jobs(path, pool="B")
    with pytest.raises(TraceError, match="no job is left after the choice of pools and times: widen it"):
        read_jobs(path, since="2d")
    with pytest.raises(InputError, match="has no dates"):
        read_jobs(path, since="2017-10-01")


def test_zones(tmp_path: Path) -> None:
    local = "submit,duration_s,gpus\n2024-03-31 01:30:00,60,1\n2024-03-31 02:30:00,60,1\n2024-03-31 03:30:00,60,1\n"
    jobs, findings = read_jobs(log(tmp_path, local), timezone="Europe/Berlin")
    assert (jobs.submit_s.tolist(), counts(findings)) == ([0, 3600], {"clock": 1})
    assert jobs.start_utc == "2024-03-31T00:30:00.000000000Z"
    mixed = local + "2024-03-31T03:30:00Z,60,1\n2024-03-31T03:30:00+02:00,60,1\n"
    jobs, findings = read_jobs(log(tmp_path, mixed))
    assert (jobs.job_id.tolist(), counts(findings)) == (["5", "4"], {"zone": 3})
    assert jobs.submit_s.tolist() == [0, 7200]
    with pytest.raises(TraceError, match="two kinds: submit dates, start dates, end_s seconds from a start"):
        read_jobs(log(tmp_path, "submit,start,end_s,gpus\n2024-03-31 01:30:00,2024-03-31 01:30:00,9,1\n"))


def test_an_hour_that_comes_twice_is_the_one_in_which_a_job_can_have_run(tmp_path: Path) -> None:
    """Berlin, 2025-10-26: 02:00 to 03:00 in summer time (UTC+2), then again in winter time (UTC+1). Jobs whose times
    are in order only across the two were kept out, as if they had ended before they started."""
    rows = [
        "before,01:59,02:10,02:05",  # 23:59, 00:10 and, an hour after it, 01:05 UTC: 55 min
        "between,02:50,02:10,03:05",  # 00:50, 01:10 and 02:05 UTC: 55 min
        "either,02:10,02:20,02:30",  # in order in both: the first, 10 min
        "never,03:50,03:10,03:20",  # no hour that comes twice: not possible
    ]
    lines = [",".join([one.split(",")[0], *(f"2025-10-26 {clock}:00" for clock in one.split(",")[1:])]) for one in rows]
    text = "job_id,submit_time,start_time,end_time,gpus\n" + "".join(f"{line},1\n" for line in lines)
    jobs, findings = read_jobs(log(tmp_path, text), timezone="Europe/Berlin")
    assert jobs.job_id.tolist() == ["before", "either", "between"]
    assert jobs.duration_s.tolist() == [55 * 60, 10 * 60, 55 * 60]
    assert jobs.recorded_wait_s is not None
    assert jobs.recorded_wait_s.tolist() == [11 * 60, 10 * 60, 20 * 60]
    assert jobs.start_utc == "2025-10-25T23:59:00.000000000Z"
    assert counts(findings)["order"] == 1
    assert "the second where" in next(each["message"] for each in findings if each["kind"] == "clock_twice")


def test_helios_and_sia(tmp_path: Path) -> None:
    helios = (
        "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue\n"
        "7,u1,vcA,8,32,1,NODE_FAIL,2020-05-01 00:00:10,2020-05-01 00:01:00,2020-05-01 01:01:00,3600,50\n"
        "9,u2,vcB,0,4,1,COMPLETED,2020-05-01 00:00:00,2020-05-01 00:00:00,2020-05-01 00:00:09,9,0\n"
        "8,u1,vcA,1,4,1,CANCELLED,2020-05-01 00:00:20,2020-05-01 00:00:20,2020-05-01 00:00:29,9,0\n"
    )
    jobs, _ = read_jobs(log(tmp_path, helios))
    assert jobs.job_id.tolist() == ["9", "7", "8"]
    assert jobs.recorded_wait_s is not None
    assert jobs.recorded_wait_s.tolist() == [0, 50, 0]
    assert [STATUS[code] for code in jobs.status] == ["passed", "failed", "killed"]
    assert jobs.cpu_milli.tolist() == [4000, 32_000, 4000]
    assert ([jobs.users[code] for code in jobs.user], jobs.users_known) == (["u2", "u1", "u1"], True)
    assert [jobs.pools[code] for code in jobs.pool] == ["vcB", "vcA", "vcA"]
    sia = "timestamp,duration,num_gpus,gpu_time,cluster\n5,10.2,2,20.4,x\n"
    assert read_jobs(log(tmp_path, sia))[0].duration_s.tolist() == [11]


SACCT = """JobID|User|Account|Partition|Submit|Start|End|Elapsed|AllocTRES|ReqTRES|Timelimit|State|Priority|
100|ann|lab|gpu|2024-05-01T08:00:00|2024-05-01T08:10:00|2024-05-02T09:10:30|1-01:00:30|billing=8,cpu=8,gres/gpu:a100=4,gres/gpu=4,mem=64G,node=1|cpu=8|1-00:00:00|TIMEOUT|4500|
100.batch||lab||2024-05-01T08:10:00|2024-05-01T08:10:00|2024-05-02T09:10:30|1-01:00:30|cpu=8|||COMPLETED||
100.0||lab||2024-05-01T08:10:00|2024-05-01T08:10:00|2024-05-02T09:10:30|1-01:00:30|cpu=8|||COMPLETED||
101_1|bob|lab|gpu|2024-05-01T08:01:00|2024-05-01T08:01:00|2024-05-01T08:03:05|02:05|cpu=2,gres/gpu:h100=1,gres/gpu:a100=1|cpu=2|UNLIMITED|CANCELLED by 1001|10|
101_2|bob|lab|gpu|2024-05-01T08:01:00|2024-05-01T08:05:00|2024-05-01T08:06:00|00:01:00|cpu=2,mem=512M|cpu=2|00:10:00|COMPLETED|10|
102|bob|lab|gpu|2024-05-01T08:02:00|None|2024-05-01T09:02:00|00:00:00||cpu=2,gres/gpu=2|00:10:00|CANCELLED by 0|10|
103|bob|lab|gpu|2024-05-01T08:02:00|2024-05-01T08:02:00|Unknown|3-00:00:00|gres/gpu=2|cpu=2|00:10:00|RUNNING|10|
104_[3-9]|bob|lab|gpu|2024-05-01T08:02:00|Unknown|Unknown|00:00:00||gres/gpu=2|00:10:00|PENDING|10|
105|bob|lab|gpu|2024-05-01T08:02:00|2024-05-01T08:02:00|2024-05-01T08:03:00|soon|gres/gpu=2|cpu=2|00:10:00|FAILED|10|
106|bob|a|b|lab
"""  # noqa: E501  # as sacct prints it


def test_sacct(tmp_path: Path) -> None:
    jobs, findings = read_jobs(log(tmp_path, SACCT, "export.txt"))
    assert jobs.job_id.tolist() == ["100", "101_1", "101_2"]
    assert jobs.submit_s.tolist() == [0, 60, 60]
    assert jobs.duration_s.tolist() == [90_030, 125, 60]
    assert jobs.limit_s.tolist() == [90_030, 125, 600]
    assert jobs.gpus.tolist() == [4, 2, 0]
    assert (jobs.cpu_milli.tolist(), jobs.memory_mib.tolist()) == ([8000, 2000, 2000], [65_536, 0, 512])
    assert [jobs.gpu_types[code] for code in jobs.gpu_type] == ["a100", "a100|h100", ""]
    assert [STATUS[code] for code in jobs.status] == ["failed", "killed", "passed"]
    assert (jobs.users, jobs.pools, jobs.priority.tolist()) == (("ann", "bob"), ("gpu",), [4500, 10, 10])
    assert jobs.recorded_wait_s is not None
    assert jobs.recorded_wait_s.tolist() == [600, 0, 240]
    assert counts(findings) == {"malformed": 1, "never_started": 2, "running": 1, "duration_s": 1}
    places = {said["kind"]: said["places"] for said in findings if "places" in said}
    assert places["duration_s"] == ["row 9 (line 10)"]
    assert places["malformed"] == ["row 10 (line 11)"]
    assert {"steps": 2, "limit_raised": 1}.items() <= {said["kind"]: said["count"] for said in findings}.items()
    with pytest.raises(TraceError, match="no field AllocTRES or ReqTRES; export with `sacct"):
        read_jobs(log(tmp_path, "JobID|Submit|Elapsed|State\n1|2024-05-01T08:00:00|1:00|FAILED\n"))


@pytest.mark.parametrize(
    ("duration", "hint"),
    [(60, " (in minutes?)"), (3_600_000, " (in milliseconds?)"), (1, " (in hours?)"), (9000, "")],
)
def test_a_duration_that_is_not_the_time_from_start_to_end_is_said(tmp_path: Path, duration: int, hint: str) -> None:
    head = "job_id,submit_s,start_s,end_s,gpus,duration\n"
    jobs, findings = read_jobs(
        log(tmp_path, f"{head}a,0,60,3660,4,{duration}\nb,0,60,3660,4,3601\nc,0,60,3660,4,2000\n")
    )
    assert jobs.duration_s.tolist() == [duration, 3601, 2000]
    [said] = [said for said in findings if said["kind"] == "duration_differs"]
    assert said["message"] == (
        f"1 job has a duration that is not the time from start to end{hint}; the duration was taken; first: row 1 "
        f"(line 2): duration is '{duration}'"
    )


def test_a_number_of_gpus_below_one_is_a_part_of_a_gpu(tmp_path: Path) -> None:
    """As traces of Alibaba write it; beside a column of parts, or above one, it is refused."""
    jobs, _ = read_jobs(
        log(tmp_path, "job_id,submit_s,duration_s,num_gpu\na,0,10,0.5\nb,0,10,2\nc,0,10,0\nd,0,10,0.0001\n")
    )
    assert (jobs.gpus.tolist(), jobs.gpu_milli.tolist()) == ([1, 2, 0, 1], [500, 1000, 1000, 1])
    table = pa.table({"submit_s": [0, 1], "duration_s": [10, 10], "gpus": [0.25, 4.0]})
    pq.write_table(table, tmp_path / "jobs.parquet")
    jobs, _ = read_jobs(tmp_path / "jobs.parquet")
    assert (jobs.gpus.tolist(), jobs.gpu_milli.tolist()) == ([1, 4], [250, 1000])
    for text in ("gpus,gpu_milli\n0.5,500\n1,1000\n", "gpus,note\n1.5,\n1,\n"):
        head, *rows = text.splitlines()
        lines = [f"submit_s,duration_s,{head}", *(f"0,10,{row}" for row in rows)]
        jobs, findings = read_jobs(log(tmp_path, "\n".join(lines) + "\n"))
        assert (len(jobs), counts(findings)) == (1, {"gpus": 1})


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    """A count of instances multiplies the GPUs; what is not read must not look as if it were."""
    _, findings = read_jobs(log(tmp_path, "job_id,submit_s,duration_s,gpus,num_inst,note\na,0,10,2,4,x\n"))
    [said] = [said for said in findings if said["kind"] == "not_read"]
    assert (said["count"], said["message"]) == (2, "2 columns were not read: num_inst, note")
    _, findings = read_jobs(log(tmp_path, "job_id,submit_s,duration_s,gpus\na,0,10,2\n"))
    assert "not_read" not in {said["kind"] for said in findings}


def test_runs_of_a_requeued_job_are_jobs_of_their_own(tmp_path: Path) -> None:
    """`sacct -D` has a row for each run of a job that was requeued: all of them held GPUs."""
    head = "JobID|Submit|Start|End|ElapsedRaw|AllocTRES|State\n"
    rows = (
        "7|2026-03-01T08:00:00|2026-03-01T08:00:00|2026-03-01T09:00:00|3600|gres/gpu=8|REQUEUED\n"
        "7|2026-03-01T09:00:02|2026-03-01T10:00:00|2026-03-01T12:00:00|7200|gres/gpu=8|COMPLETED\n"
        "8|2026-03-01T08:00:00|2026-03-01T08:00:00|2026-03-01T08:30:00|1800|gres/gpu=2|NODE_FAIL\n"
        "8|2026-03-01T08:30:02|2026-03-01T09:00:00|2026-03-01T09:10:00|600|gres/gpu=2|PREEMPTED\n"
        "8|2026-03-01T09:10:02|2026-03-01T10:00:00|Unknown|900|gres/gpu=2|RUNNING\n"
    )
    jobs, findings = read_jobs(log(tmp_path, head + rows, "export.txt"))
    assert dict(zip(jobs.job_id.tolist(), jobs.duration_s.tolist(), strict=True)) == {
        "7": 3600,
        "7 run 2": 7200,
        "8": 1800,
        "8 run 2": 600,
    }
    assert [STATUS[code] for code in jobs.status] == ["killed", "failed", "killed", "passed"]
    assert jobs.gpu_seconds == 8 * 10_800 + 2 * 2400
    assert {said["kind"]: said["count"] for said in findings}.items() >= {"requeued": 3, "running": 1}.items()


def test_waits_of_slurm_count_from_when_a_job_could_run(tmp_path: Path) -> None:
    """A job held by a dependency, one whose Eligible is unknown, and one that could run at once."""
    head = "JobID|Submit|Eligible|Start|End|ElapsedRaw|AllocTRES|State\n"
    rows = (
        "1|2026-03-01T08:00:00|2026-03-01T08:00:00|2026-03-01T08:00:30|2026-03-01T09:00:30|3600|gres/gpu=8|COMPLETED\n"
        "2|2026-03-01T08:00:00|2026-03-01T09:00:30|2026-03-01T09:01:30|2026-03-01T10:01:30|3600|gres/gpu=8|COMPLETED\n"
        "3|2026-03-01T08:00:00|Unknown|2026-03-01T09:01:30|2026-03-01T10:01:30|3600|gres/gpu=8|COMPLETED\n"
    )
    jobs, findings = read_jobs(log(tmp_path, head + rows, "export.txt"))
    assert jobs.recorded_wait_s is not None
    waits = dict(zip(jobs.job_id.tolist(), jobs.recorded_wait_s.tolist(), strict=True))
    assert waits == {"1": 30, "2": 60, "3": 3690}
    assert {"eligible": 1}.items() <= {said["kind"]: said["count"] for said in findings}.items()


def test_exports_that_overlap_have_each_job_once(tmp_path: Path) -> None:
    """A job that waits or runs in one export and has ended in the next, and one that is in both."""
    head = "JobID|Submit|Start|End|ElapsedRaw|AllocTRES|ReqTRES|State\n"
    rows = (
        "1|2026-03-01T08:00:00|2026-03-01T08:00:00|2026-03-01T09:00:00|3600|gres/gpu=8|gres/gpu=8|COMPLETED\n"
        "2|2026-03-01T08:00:00|2026-03-01T08:30:00|Unknown|1800|gres/gpu=8|gres/gpu=8|RUNNING\n"
        "3|2026-03-01T08:00:00|Unknown|Unknown|0||gres/gpu=8|PENDING\n"
        "1|2026-03-01T08:00:00|2026-03-01T08:00:00|2026-03-01T09:00:00|3600|gres/gpu=8|gres/gpu=8|COMPLETED\n"
        "2|2026-03-01T08:00:00|2026-03-01T08:30:00|2026-03-01T10:30:00|7200|gres/gpu=8|gres/gpu=8|COMPLETED\n"
        "3|2026-03-01T08:00:00|2026-03-01T11:00:00|2026-03-01T12:00:00|3600|gres/gpu=8|gres/gpu=8|COMPLETED\n"
    )
    for running in (False, True):
        jobs, findings = read_jobs(log(tmp_path, head + rows, "export.txt"), running=running)
        assert dict(zip(jobs.job_id.tolist(), jobs.duration_s.tolist(), strict=True)) == {
            "1": 3600,
            "2": 7200,
            "3": 3600,
        }
        assert counts(findings) == {"duplicate": 1}
        assert {"ended_later": 2}.items() <= {said["kind"]: said["count"] for said in findings}.items()


def test_gpus_of_sacct_that_cannot_be_counted(tmp_path: Path) -> None:
    """Whole GPUs named twice count once; MIG slices and what is not a number are kept out, not taken for 0."""
    tres = (
        "gres/gpu:a100=2,gres/gpu=2",
        "gres/gpu:a100=1,gres/gpu:h100=3",
        "cpu=4",
        "gres/gpu=NaN",
        "gres/gpu:a100_1g.5gb=2,gres/gpu=2",
        "cpu=4,gres/shard=2",
    )
    rows = "".join(f"{i}|2024-05-01T08:00:00|1:00|{said}|COMPLETED\n" for i, said in enumerate(tres))
    jobs, findings = read_jobs(log(tmp_path, "JobID|Submit|Elapsed|AllocTRES|State\n" + rows))
    assert (jobs.job_id.tolist(), jobs.gpus.tolist()) == (["0", "1", "2"], [2, 4, 0])
    assert counts(findings) == {"gpus": 3}
    assert "AllocTRES is 'gres/gpu=NaN'" in str(findings)
    _, findings = read_jobs(log(tmp_path, "JobID|Submit|Elapsed|AllocTRES|State\n" + rows.replace("=NaN", "=1")))
    assert "AllocTRES is 'gres/gpu:a100_1g.5gb=2'" in str(findings)


def pods(gpus: int | str, **more: object) -> dict[str, Any]:
    resources = {"limits": {"nvidia.com/gpu": str(gpus)}, "requests": {"cpu": "500m", "memory": "2Gi"}}
    return {"containers": [{"name": "a", "resources": resources}, {"name": "b"}], **more}


def item(kind: str, name: str, api: str, spec: object, status: object, **meta: object) -> dict[str, Any]:
    said = {
        "name": name,
        "namespace": "team",
        "uid": name,
        "creationTimestamp": "2024-05-01T08:00:00Z",
        **meta,
    }
    return {"kind": kind, "apiVersion": api, "metadata": said, "spec": spec, "status": status}


def at(minute: int) -> str:
    return f"2024-05-01T08:{minute:02}:00Z"


def test_kubernetes(tmp_path: Path) -> None:
    ended = {"containerStatuses": [{"state": {"terminated": {"finishedAt": at(9)}}}]}
    running = {"phase": "Running", "startTime": at(1), "containerStatuses": [{"state": {"running": {}}}]}
    finished = {"type": "Finished", "status": "True", "reason": "Succeeded", "lastTransitionTime": at(25)}
    conditions = [{"type": "Admitted", "status": "True", "lastTransitionTime": at(5)}, finished]
    items = [
        item(
            "Pod",
            "pod",
            "v1",
            pods(2, nodeSelector={"nvidia.com/gpu.product": "H100"}),
            {"phase": "Failed", "startTime": at(1), **ended},
        ),
        item("Pod", "alive", "v1", pods(2), running),
        item("Pod", "part", "v1", pods(2), running, ownerReferences=[{"uid": "job"}]),
        item(
            "Job",
            "job",
            "batch/v1",
            {"parallelism": 4, "activeDeadlineSeconds": 60, "template": {"spec": pods(8)}},
            {"startTime": at(2), "completionTime": at(4)},
            labels={"kueue.x-k8s.io/queue-name": "q"},
        ),
        item(
            "Job",
            "vc",
            "batch.volcano.sh/v1alpha1",
            {
                "queue": "v",
                "tasks": [{"replicas": 3, "template": {"spec": pods(1)}}, {"template": {"spec": pods(0)}}],
            },
            {
                "state": {"phase": "Aborted", "lastTransitionTime": at(7)},
                "conditions": [{"status": "Running", "lastTransitionTime": at(3)}],
            },
        ),
        item(
            "Workload",
            "wl",
            "kueue.x-k8s.io/v1beta1",
            {
                "queueName": "q",
                "priority": 7,
                "podSets": [{"count": 4, "minCount": 2, "template": {"spec": pods(8)}}],
            },
            {"conditions": conditions},
        ),
        item("Service", "svc", "v1", {}, {}),
        item("Pod", "odd", "v1", pods("many"), running),
    ]
    path = tmp_path / "list.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"kind": "List", "items": items}, indent=1).encode()))
    jobs, findings = read_jobs(path)
    assert jobs.job_id.tolist() == ["pod", "job", "vc", "wl"]
    assert (jobs.gpus.tolist(), jobs.min_gpus.tolist()) == ([2, 32, 3, 32], [2, 32, 3, 16])
    assert jobs.duration_s.tolist() == [480, 120, 240, 1200]
    assert jobs.limit_s.tolist() == [480, 120, 240, 1200]
    assert [jobs.pools[code] for code in jobs.pool] == ["", "q", "v", "q"]
    assert [STATUS[code] for code in jobs.status] == ["failed", "passed", "killed", "passed"]
    assert (jobs.cpu_milli.tolist(), jobs.memory_mib.tolist()) == (
        [500, 2000, 2000, 2000],
        [2048, 8192, 8192, 8192],
    )
    assert (jobs.gpu_types[jobs.gpu_type[0]], jobs.priority.tolist()) == ("H100", [0, 0, 0, 7])
    assert jobs.recorded_wait_s is not None
    assert jobs.recorded_wait_s.tolist() == [60, 120, 180, 300]
    assert counts(findings) == {"malformed": 2, "running": 1}
    assert "kind Service is not a job; first: item 7 (Service team/svc)" in str(findings)
    with pytest.raises(TraceError, match="no JSON"):
        read_jobs(log(tmp_path, "{broken"))


def test_what_sacct_prints_otherwise_names_the_export(tmp_path: Path) -> None:
    wide = "JobID           JobName  Partition      State\n------------ ---------- ---------- ----------\n"
    for text, name in ((wide, "sacct.txt"), ('{"meta": {}, "jobs": [{"job_id": 1}]}', "sacct.json")):
        with pytest.raises(TraceError, match=r"export .*sacct -a -X -P"):
            read_jobs(log(tmp_path, text, name))


def test_durations_as_clocks(tmp_path: Path) -> None:
    """Of two numbers nothing says whether they are hours or minutes."""
    rows = "a,0,00:01:30,1,02:00:00\nb,1,1-00:00:01.5,1,2-00:00:00\nc,2,90,1,7200\nd,3,01:30,1,7200\n"
    jobs, findings = read_jobs(log(tmp_path, f"job_id,submit_s,duration_s,gpus,time_limit\n{rows}"))
    assert (jobs.job_id.tolist(), jobs.duration_s.tolist()) == (["a", "b", "c"], [90, 86_401, 90])
    assert jobs.limit_s.tolist() == [7200, 172_800, 7200]
    assert "duration_s is '01:30'" in str(findings)


def replicas(count: int) -> dict[str, Any]:
    return {"replicas": count, "template": {"spec": pods(8)}}


def test_kubeflow_and_ray_jobs(tmp_path: Path) -> None:
    """The pods of a kind that is not read count by themselves; they went with it."""
    torch = {"pytorchReplicaSpecs": {"Master": replicas(1), "Worker": replicas(3)}}
    mpi = {"mpiReplicaSpecs": {"Worker": replicas(2)}, "runPolicy": {"activeDeadlineSeconds": 3600}}
    ray = {"rayClusterSpec": {"headGroupSpec": {"template": {"spec": pods(0)}}, "workerGroupSpecs": [replicas(2)]}}
    failed = [{"type": "Failed", "status": "True", "lastTransitionTime": at(9)}]
    done = {"startTime": at(1), "completionTime": at(5), "conditions": [{**failed[0], "type": "Succeeded"}]}
    job = {"parallelism": 2, "template": {"spec": pods(4)}}
    items = [
        item("PyTorchJob", "torch", "kubeflow.org/v1", torch, done),
        item("MPIJob", "mpi", "kubeflow.org/v2beta1", mpi, {"startTime": at(2), "conditions": failed}),
        item("RayJob", "ray", "ray.io/v1", ray, {"startTime": at(3), "endTime": at(4), "jobStatus": "STOPPED"}),
        item("JobSet", "set", "jobset.x-k8s.io/v1alpha2", {"replicatedJobs": []}, {}),
        item(
            "Job",
            "of",
            "batch/v1",
            job,
            {"startTime": at(2), "completionTime": at(4)},
            ownerReferences=[{"uid": "set"}],
        ),
    ]
    path = log(tmp_path, json.dumps({"kind": "List", "items": items}), "list.json")
    jobs, findings = read_jobs(path)
    assert (jobs.job_id.tolist(), jobs.gpus.tolist()) == (["torch", "mpi", "ray", "of"], [32, 16, 16, 8])
    assert (jobs.duration_s.tolist(), jobs.limit_s[1]) == ([240, 420, 60, 120], 3600)
    assert [STATUS[code] for code in jobs.status] == ["passed", "failed", "killed", "passed"]
    assert "kind JobSet is not a job: list its jobs too" in str(findings)


def test_parts_and_first_containers_of_pods(tmp_path: Path) -> None:
    """Shares of a GPU have no count, and were taken for jobs without one; what runs before the others runs alone."""
    ended = {"startTime": at(1), "completionTime": at(5)}
    first = {"initContainers": pods(6)["containers"]}
    shared = {"containers": [{"name": "a", "resources": {"limits": {"nvidia.com/gpu.shared": "2", "a/b": "1E"}}}]}
    items = [
        item("Job", name, "batch/v1", {"parallelism": 2, "template": {"spec": spec}}, ended)
        for name, spec in (("first", pods(4, **first)), ("shared", shared))
    ]
    jobs, findings = read_jobs(log(tmp_path, json.dumps({"kind": "List", "items": items}), "list.json"))
    assert (jobs.job_id.tolist(), jobs.gpus.tolist()) == (["first"], [12])
    assert "gpus is 'nvidia.com/gpu.shared=2'" in str(findings)


def test_accelerators_of_other_makers_are_counted(tmp_path: Path) -> None:
    """Jobs on TPUs, Trainium or Gaudi were said to ask for no GPU, and kept out."""
    ended = {"startTime": at(1), "completionTime": at(5)}
    names = ("google.com/tpu", "aws.amazon.com/neuron", "habana.ai/gaudi", "amd.com/gpu")
    items = [
        item(
            "Job",
            name[:3],
            "batch/v1",
            {"template": {"spec": {"containers": [{"resources": {"limits": {name: 4}}}]}}},
            ended,
        )
        for name in names
    ]
    jobs, _ = read_jobs(log(tmp_path, json.dumps({"kind": "List", "items": items}), "list.json"))
    assert jobs.gpus.tolist() == [4, 4, 4, 4]


def test_own_columns(tmp_path: Path) -> None:
    path = log(tmp_path, "who;x\n")
    with pytest.raises(TraceError, match="no column says when jobs were submitted"):
        read_jobs(path)
    text = "Id,Born,Took,Cards,Share,Soft,Spot\nx,5,3,1,250,no,yes\ny,4,2,2,,,\n"
    mapping = {
        "job_id": "Id",
        "submit_s": "Born",
        "duration_s": "Took",
        "gpus": "Cards",
        "gpu_milli": "Share",
        "preemptible": "Soft",
        "spot_ok": "Spot",
    }
    jobs, _ = read_jobs(log(tmp_path, text), mapping=mapping, limit_error=0.5)
    assert (jobs.job_id.tolist(), jobs.submit_s.tolist(), jobs.limit_s.tolist()) == (
        ["y", "x"],
        [0, 1],
        [3, 5],
    )
    assert (jobs.gpu_milli.tolist(), jobs.preemptible.tolist()) == ([1000, 250], [True, False])
    assert jobs.spot_ok.tolist() == [False, True]
    assert jobs.gpu_seconds == 4 + 0.75
    with pytest.raises(
        TraceError, match=r"'gpuu' is not a known column; did you mean 'gpus'.*no column 'Card'; did you"
    ):
        read_jobs(path.with_name("jobs.csv"), mapping={"gpuu": "Cards", "gpus": "Card"})
    with pytest.raises(InputError, match="limit error nan: give a number from 0"):
        read_jobs(path, limit_error=float("nan"))
    with pytest.raises(InputError, match="unknown format 'phily'; did you mean 'philly'"):
        read_jobs(path, format="phily")


def test_parquet_with_types(tmp_path: Path) -> None:
    minutes = [np.datetime64(f"2024-05-01T00:{minute:02}", "us") for minute in (3, 1, 2)]
    columns: dict[str, Any] = {
        "job_id": [7, 8, 9],
        "submit_time": minutes,
        "duration": [1.5, 2.0, np.nan],
        "gpus": pa.array([1, 2, 3], pa.uint8()),
        "vc": pa.array(["a", "b", "a"]).dictionary_encode(),
        "preemptible": [False, True, True],
    }
    pq.write_table(pa.table(columns), tmp_path / "jobs.parquet")
    jobs, findings = read_jobs(tmp_path / "jobs.parquet")
    assert (jobs.job_id.tolist(), jobs.duration_s.tolist(), jobs.gpus.tolist()) == (
        ["8", "7"],
        [2, 2],
        [2, 1],
    )
    assert (jobs.preemptible.tolist(), jobs.pools) == ([True, False], ("b", "a"))
    assert counts(findings) == {"duration": 1}
    pq.write_table(pa.table(columns | {"gpus": [[1], [2], [3]]}), tmp_path / "jobs.parquet")
    with pytest.raises(TraceError, match="holds neither text nor numbers"):
        read_jobs(tmp_path / "jobs.parquet")


CELL = st.one_of(st.integers(-3, 30).map(str), st.sampled_from(["", "nan", "1e2", "2.5", "x", "inf", "9" * 25]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=6, max_size=7), max_size=12))
def test_every_row_is_kept_or_counted(tmp_path: Path, rows: list[list[str]]) -> None:
    text = "job_id,submit_s,duration_s,gpus,limit_s,min_gpus\n" + "".join(",".join(row) + "\n" for row in rows)
    try:
        jobs, findings = read_jobs(log(tmp_path, text))
    except TraceError as error:
        assert "no job is left" in str(error)  # noqa: PT017  # either outcome is good
        return
    assert len(jobs) + sum(counts(findings).values()) == len(rows)
    check(jobs)
    kept = {row[0]: row for row in reversed([row for row in rows if len(row) == 6])}
    for name, gpus in zip(jobs.job_id, jobs.gpus, strict=True):
        assert float(kept[name][3]) == gpus


def check(jobs: Jobs) -> None:
    """What holds of every trace."""
    assert jobs.submit_s[0] == 0
    assert (np.diff(jobs.submit_s) >= 0).all()
    assert (jobs.duration_s >= 1).all()
    assert (jobs.limit_s >= jobs.duration_s).all()
    assert ((jobs.min_gpus <= jobs.gpus) & (jobs.gpus <= jobs.max_gpus) & (jobs.min_gpus >= 0)).all()
    assert len(set(jobs.job_id)) == len(jobs)


GARBAGE = st.one_of(st.text(max_size=80), st.text('{}[]":,|\n 0a-', max_size=40)).map(str.encode)
HEADS = st.sampled_from([b"", HEADER.encode(), SACCT[:90].encode(), b'{"items":[', b"\x1f\x8b", b"PAR1"])
WORDS = (
    "kind",
    "metadata",
    "spec",
    "status",
    "template",
    "containers",
    "podSets",
    "tasks",
    "count",
    "uid",
    "Pod",
    "Job",
    "Workload",
    "conditions",
    "resources",
    "limits",
    "nvidia.com/gpu",
    "creationTimestamp",
    "2024-05-01T08:03:00Z",
)
LEAF = st.one_of(st.none(), st.sampled_from(WORDS), st.integers(), st.floats())
TREE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["Pod", "Job", "Workload"]),
    tree=st.dictionaries(st.sampled_from(WORDS), TREE, max_size=6),
)
def test_odd_objects_are_counted(tmp_path: Path, kind: str, tree: dict[str, Any]) -> None:
    path = log(tmp_path, json.dumps({"items": [{"kind": kind, **tree}]}), "odd.json")
    with pytest.raises(TraceError, match="no job is left"):
        read_jobs(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=GARBAGE, head=HEADS)
def test_garbage_is_refused_in_words(tmp_path: Path, head: bytes, data: bytes) -> None:
    path = tmp_path / "garbage"
    path.write_bytes(head + data)
    try:
        check(read_jobs(path)[0])
    except SimcostError as error:
        assert str(path) in str(error)  # noqa: PT017  # either outcome is good


def test_a_listing_that_unpacks_to_more_than_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcost.trace.jobs.kubernetes._MOST_BYTES", 1_000)
    path = tmp_path / "jobs.json.gz"
    path.write_bytes(gzip.compress(b'{"items": [\n' + b" \n" * 500_000 + b"]}"))
    with pytest.raises(TraceError, match="larger than 1,000 bytes when unpacked"):
        read_jobs(path, format="kubernetes")
