"""Dependencies, checkpoints, types of GPU, quotas and shares: read, checked, and said."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcost.errors import FaultsError, TraceError
from simcost.trace.jobs.quotas import read_quotas, read_shares
from simcost.trace.jobs.reader import import_jobs, read_jobs
from simcost.trace.jobs.store import open_jobs

HEAD = "job_id,submit_s,duration_s,gpus,after\n"


def log(folder: Path, text: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_who_waits_for_whom(tmp_path: Path) -> None:
    path = log(tmp_path, f"{HEAD}a,0,9,1,\nb,1,9,1,afterok:a\nc,2,9,1,b;a a\nd,3,9,1,ghost\n")
    jobs, findings = read_jobs(path)
    assert jobs.after is not None
    assert jobs.after.tolist() == [(), ("a",), ("b", "a"), ("ghost",)]
    said = next(finding for finding in findings if finding["kind"] == "after_unknown")
    assert (said["count"], "job ghost" in said["message"], "line 5" in said["message"]) == (1, True, True)
    import_jobs(path, "auto", tmp_path / "jobs.parquet")
    assert open_jobs(tmp_path / "jobs.parquet").after.tolist() == jobs.after.tolist()


def test_circles_are_kept_out_with_their_place(tmp_path: Path) -> None:
    rows = "a,0,9,1,\nb,1,9,1,c\nc,2,9,1,b\nd,3,9,1,b\ne,4,9,1,e\nf,5,9,1,a\ng,6,0,1,\nh,7,9,1,g\n"
    jobs, findings = read_jobs(log(tmp_path, HEAD + rows))
    assert jobs.job_id.tolist() == ["a", "f", "h"]
    circle = next(finding for finding in findings if finding["kind"] == "circle")
    assert (circle["count"], circle["places"][0], circle["dropped"]) == (4, "row 2 (line 3)", True)
    unknown = next(finding for finding in findings if finding["kind"] == "after_unknown")
    assert "job g" in unknown["message"]  # kept out for its zero length, so nobody waits for it


def test_nobody_waits(tmp_path: Path) -> None:
    assert read_jobs(log(tmp_path, f"{HEAD}a,0,9,1,\n"))[0].after is None
    with pytest.raises(TraceError, match=r"no job is left.*waits for its own end"):
        read_jobs(log(tmp_path, f"{HEAD}a,0,9,1,a\n"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(waits=st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=1, max_size=10))
def test_what_is_kept_can_run(tmp_path: Path, waits: list[list[int]]) -> None:
    """The jobs kept have an order in which each comes after those it waits for; those kept out have none."""
    rows = "".join(f"{i},{i},5,1,{' '.join(map(str, said))}\n" for i, said in enumerate(waits))
    try:
        jobs, findings = read_jobs(log(tmp_path, HEAD + rows))
        kept = set(map(int, jobs.job_id))
        assert len(kept) + sum(finding["count"] for finding in findings if finding.get("dropped")) == len(waits)
    except TraceError:
        kept = set()
    done: set[int] = set()
    for _ in waits:
        done |= {i for i, said in enumerate(waits) if all(one in done or one >= len(waits) for one in said)}
    assert kept == done


def test_how_jobs_save_their_work(tmp_path: Path) -> None:
    head = "job_id,submit_s,duration_s,gpus,params,state_bytes,ckpt_interval_s,ckpt_write_s,restart_s\n"
    path = log(tmp_path, f"{head}a,0,9,1,1e9,,600,2.5,30\nb,1,9,1,1e9,5e9,,,\nc,2,9,1,,,0,,\n")
    jobs, findings = read_jobs(path)
    assert jobs.state_bytes.tolist() == [14e9, 5e9]
    assert jobs.ckpt_interval_s[0] == 600
    assert np.isnan(jobs.restart_s[1])
    assert next(finding for finding in findings if finding.get("dropped"))["kind"] == "ckpt_interval_s"
    import_jobs(path, "auto", tmp_path / "jobs.parquet")
    assert open_jobs(tmp_path / "jobs.parquet").ckpt_write_s[0] == 2.5


def test_a_type_of_gpu_that_no_node_has(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        "job_id,submit_s,duration_s,gpus,gpu_type\na,0,9,1,V100\nb,1,9,1,H100|A100\nc,2,9,1,\nd,3,9,0,TPU\n",
    )
    jobs, findings = read_jobs(path, gpu_types=["A100", "T4"])
    assert jobs.job_id.tolist() == ["b", "c", "d"]
    lost = next(finding for finding in findings if finding.get("dropped"))
    assert (lost["kind"], lost["count"]) == ("gpu_type", 1)
    assert "first: job a: 'V100'" in lost["message"]
    assert "of the nodes: A100, T4" in lost["message"]
    jobs, findings = read_jobs(path, gpu_types=[""])
    assert len(jobs) == 4
    assert "every node was taken to do" in findings[-1]["message"]


def test_quotas_and_shares(tmp_path: Path) -> None:
    path = log(tmp_path, "queue,nominal,borrowing_limit,lending_limit\nteam a,8,4,\nb,0,,0\n")
    assert read_quotas(path) == {"team a": (8, 4, None), "b": (0, None, 0)}
    assert read_quotas(log(tmp_path, "nominal,queue\n3,x\n")) == {"x": (3, None, None)}
    assert read_shares(log(tmp_path, "path,shares\nphysics,3\nphysics/alice,0.5\n")) == {
        "physics": 3,
        "physics/alice": 0.5,
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("queue,nominal\na,-1\nb,x\nc,\nd,1.5\na,2\n", r":2: nominal: '-1' is not a whole number from 0"),
        ("queue,nominal\na,1\na,2\n", "'a' is there twice"),
        ("queue,nominal\n", "no rows"),
        ("queue,quota\na,1\n", "no nominal column found; give a table of queue,nominal"),
        ("queue,nominal,borrowing_limit\na,1,x\n", "borrowing_limit: 'x' is not a whole number"),
    ],
)
def test_bad_quotas(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises((FaultsError, TraceError), match=why):
        read_quotas(log(tmp_path, text))


def test_bad_shares(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match="shares: '0' is not a number above 0"):
        read_shares(log(tmp_path, "path,shares\na,0\n"))
    for path in ("/alice", "physics/", "physics//alice", "physics/ /alice"):
        with pytest.raises(FaultsError, match=f":3: path: '{path}' has an empty name"):
            read_shares(log(tmp_path, f"path,shares\na,1\n{path},2\n"))


def test_jobs_without_a_gpu_count_in_no_wait_of_a_cluster_of_gpus(tmp_path: Path) -> None:
    """On a count of GPUs they never wait: an export of all jobs of a cluster, most on CPUs, hid the waits for GPUs."""
    head = "job_id,submit_s,duration_s,gpus,after"
    path = log(tmp_path, f"{head}\nprepare,0,9,0,\nother,1,9,0,\ntrain,2,9,1,prepare\nmore,5,9,1,\n")
    jobs, findings = read_jobs(path, cpus=False)
    assert jobs.job_id.tolist() == ["prepare", "train", "more"]
    assert [(each["kind"], each["count"]) for each in findings if each.get("dropped")] == [("no_gpu", 1)]
    assert len(read_jobs(path)[0]) == 4
    with pytest.raises(TraceError, match=r"no job is left.*they ask for no GPU"):
        read_jobs(log(tmp_path, f"{head}\na,0,9,0,\n"), cpus=False)


def test_since_is_of_the_time_zone_of_the_log(tmp_path: Path) -> None:
    """A day that begins at midnight in Berlin began two hours later, at midnight UTC."""
    rows = "a,2026-09-04 23:59:00,9,1\nb,2026-09-05 00:30:00,9,1\nc,2026-09-05 03:00:00,9,1\n"
    path = log(tmp_path, f"job_id,submit_time,duration_s,gpus\n{rows}")
    for since, kept in (("2026-09-05", "bc"), ("2026-09-05T00:00:00Z", "c"), ("2026-09-05T02:30:00", "c")):
        jobs, _ = read_jobs(path, since=since, timezone="Europe/Berlin")
        assert "".join(jobs.job_id.tolist()) == kept
    import_jobs(path, "auto", tmp_path / "jobs.parquet", timezone="Europe/Berlin")
    assert len(read_jobs(tmp_path / "jobs.parquet", since="2026-09-05", timezone="Europe/Berlin")[0]) == 2
    assert len(read_jobs(tmp_path / "jobs.parquet", since="2026-09-05")[0]) == 1


def test_jobs_that_had_not_ended_where_the_choice_begins_are_told(tmp_path: Path) -> None:
    """The cluster begins empty, whatever held its GPUs then."""
    rows = "a,0,100,4,0,x\nb,10,30,2,50,x\nc,20,20,1,0,x\nd,30,90,1,0,y\ne,60,9,1,0,x\n"
    path = log(tmp_path, f"job_id,submit_s,duration_s,gpus,wait_s,pool\n{rows}")
    for words, told in (
        ({"since": "60"}, "3 jobs of 7 GPUs submitted before had not ended by the log"),
        ({"since": "60", "pool": "x"}, "2 jobs of 6 GPUs submitted before"),
        ({}, ""),
    ):
        _, findings = read_jobs(path, **words)
        said = [each["message"] for each in findings if each["kind"] == "still_there"]
        assert "".join(said).startswith(told)
        assert bool(said) == bool(told)
