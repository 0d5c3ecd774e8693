"""The store of jobs: what is written comes back; damage is noticed. And what describes a trace adds up."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.changed_bits import with_changed_bit
from support.shown import on_terminal

from simcost.errors import FaultsError, InputError, TraceError
from simcost.studies.traces.jobs_view import parts
from simcost.trace.jobs.describe import describe_jobs
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.jobs.nodes import read_nodes
from simcost.trace.jobs.reader import import_jobs, read_jobs
from simcost.trace.jobs.store import KEY, is_jobs, open_jobs, write_jobs
from simcost.trace.requests.store import open_trace
from simcost.units import plural

text = on_terminal(parts)

LOG = """job_id,submit_time,start_time,duration,gpus,gpu_milli,vc,user,state,deadline_s,state_bytes,limit_s
a,2024-05-01 00:00:00,2024-05-01 00:00:09,3600,4,,x,ann,failed,,,4000
b,2024-05-01 01:30:00,,1800,1,500,y,bob,passed,2024-05-02,1e9,
c,2024-05-11 00:00:00,2024-05-11 01:00:00,7200,2,,x,,killed,,,
d,2024-05-11 00:00:00,2024-05-11 01:00:00,0,2,,x,,killed,,,
"""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG, encoding="utf-8")
    document = import_jobs(path, "auto", tmp_path / "jobs.parquet")
    assert (document["rows"], document["dropped_by"], document["span_s"]) == (3, {"zero_length": 1}, 864_000)
    assert "kept out 1" in text(document)
    return tmp_path / "jobs.parquet"


def same(one: Jobs, other: Jobs) -> None:
    for field in fields(Jobs):
        left, right = getattr(one, field.name), getattr(other, field.name)
        equal = (
            np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
            if isinstance(left, np.ndarray)
            else left == right
        )
        assert equal, field.name


def test_round_trip(stored: Path) -> None:
    jobs, _ = read_jobs(stored.with_name("log.csv"))
    same(open_jobs(stored), jobs)
    again, _ = read_jobs(stored)
    same(again, jobs)
    assert is_jobs(stored)
    assert not is_jobs(stored.with_name("log.csv"))
    some, _ = read_jobs(stored, pool="y")
    assert (some.submit_s.tolist(), some.deadline_s.tolist()) == ([0], [81_000])
    assert some.start_utc == "2024-05-01T01:30:00.000000000Z"
    assert [path.name for path in stored.parent.iterdir() if path.suffix == ".tmp"] == []


def test_damage(stored: Path, tmp_path: Path) -> None:
    jobs = open_jobs(stored)
    bad: dict[str, dict[str, Any]] = {
        "submit_s goes back": {"submit_s": jobs.submit_s[::-1]},
        "row 1: duration_s is below 1": {"duration_s": jobs.gpus * 0},
        "limit_s is below": {"limit_s": jobs.duration_s - 1},
        "2 jobs have an id": {"job_id": jobs.job_id[[0, 0, 0]]},
        "gpu_milli is not": {"gpu_milli": jobs.gpu_milli // 2},
        "min_gpus to max": {"max_gpus": jobs.gpus - 1},
        "deadline_s is": {"deadline_s": jobs.submit_s - 5},
    }
    for said, change in bad.items():
        write_jobs(tmp_path / "bad.parquet", replace(jobs, **change))
        with pytest.raises(TraceError, match=f"{said}.*import the log again"):
            open_jobs(tmp_path / "bad.parquet")
    table = pq.read_table(stored)
    for changed, said in (
        (table.slice(0, 2), "2 rows, but 3 were written"),
        (table.drop(["gpus"]), "no column gpus"),
        (table.replace_schema_metadata({KEY: b"{}"}), "no job trace"),
    ):
        pq.write_table(changed, tmp_path / "bad.parquet")
        with pytest.raises(TraceError, match=said):
            open_jobs(tmp_path / "bad.parquet")
    stored.write_bytes(stored.read_bytes()[:-40])
    with pytest.raises(TraceError, match="damaged"):
        open_jobs(stored)
    with pytest.raises(InputError, match="is a folder"):
        write_jobs(tmp_path, jobs)
    with pytest.raises(InputError, match="is the log itself"):
        import_jobs(tmp_path / "log.csv", "auto", tmp_path / "log.csv")


def test_describe(stored: Path) -> None:
    got = describe_jobs(stored)
    assert got["gpu_hours"] == pytest.approx(4 + 0.25 + 4)
    assert got["offered_gpus"] == pytest.approx(8.25 * 3600 / 864_000)
    assert got["sizes"] == [{"gpus": n, "jobs": 1, "share": 1 / 3} for n in (1, 2, 4)]
    assert got["wait_s"]["max"] == 3600
    assert got["never_started"] == 1
    assert {group["name"]: group["gpu_hours"] for group in got["outcomes"]} == {
        "failed": 4,
        "killed": 4,
        "passed": 0.25,
    }
    assert [group["name"] for group in got["pools"]] == ["x", "y"]
    assert sum(group["share"] for group in got["users"]) == pytest.approx(1)
    assert [said["kind"] for said in got["findings"]] == ["gap"]
    shown = text(got)
    assert "3 jobs in 10 d" in shown
    assert "(none)" in shown


def test_describe_few_jobs(tmp_path: Path) -> None:
    for rows in ("0,5,1\n", "0,5,1\n9000,5,2\n", "0,5,0\n0,5,0\n0,5,0\n"):
        (tmp_path / "log.csv").write_text("submit_s,duration_s,gpus\n" + rows, encoding="utf-8")
        import_jobs(tmp_path / "log.csv", "csv", tmp_path / "few.parquet")
        got = describe_jobs(tmp_path / "few.parquet")
        assert json.loads(json.dumps(got, allow_nan=False)) == got
        assert plural(got["jobs"], "job") in text(got)


def test_nodes(shared: Path, tmp_path: Path) -> None:
    philly = read_nodes(shared / "data/philly_vc_nodes.csv")
    assert (len(philly), int(philly.gpus.sum()), philly.pools[0]) == (352, 2816, "6214e9")
    assert philly.divided(4).gpus.sum() == 704
    assert philly.divided(1000).pool_gpus == dict.fromkeys(philly.pools, 8)
    openb = read_nodes(shared / "data/openb_node_list_gpu_node.csv")
    assert (len(openb), int(openb.gpus.sum()), int(openb.cpu_milli.sum())) == (1213, 6212, 107_018_000)
    by_type = np.bincount(openb.gpu_type, weights=openb.gpus)
    assert dict(zip(openb.gpu_types, by_type, strict=True)) == {
        "G2": 4392,
        "T4": 842,
        "G3": 312,
        "P100": 265,
        "V100M32": 204,
        "V100M16": 195,
        "A10": 2,
    }
    path = tmp_path / "nodes.csv"
    path.write_text("node,gpus,pool\nn0,8,a\nn1,4,b\nn2,8,a\n", encoding="utf-8")
    assert read_nodes(path).pool_gpus == {"a": 16, "b": 4}
    assert read_nodes(path).divided(2).names == ("n0", "n1")
    path.write_text("node,gpus\nn0,8\nn0,-4\n,x\n", encoding="utf-8")
    with pytest.raises(FaultsError, match=r":3: node: 'n0' is there twice"):
        read_nodes(path)
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(TraceError, match="not a list of nodes; its columns are: a, b"):
        read_nodes(path)
    with pytest.raises(InputError, match="divided by 0"):
        philly.divided(0)


def test_names_that_are_not_utf8_are_damage(tmp_path: Path) -> None:
    path, log = tmp_path / "jobs.parquet", tmp_path / "jobs.csv"
    log.write_text("job_id,submit_s,duration_s,gpus\na,0,5,1\nb,1,5,1\n")
    import_jobs(log, "csv", path)
    table = pq.read_table(path)
    column = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xfc", b"\xff"], pa.binary()).buffers())
    at = table.schema.get_field_index("job_id")
    pq.write_table(table.set_column(at, "job_id", column), path)
    with pytest.raises(TraceError, match=r"jobs\.parquet: no Parquet file, or a damaged one"):
        open_jobs(path)


def test_a_column_name_that_is_not_utf8_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    pq.write_table(pa.table({"job_id": ["a"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"job_id", b"j\xfa\xfb_id"))
    assert not is_jobs(path)
    with pytest.raises(TraceError, match="damaged one"):
        open_jobs(path)
    with pytest.raises(TraceError, match="no Parquet file"):
        open_trace(path)


def test_a_stored_trace_of_a_log_without_limits_says_so(tmp_path: Path) -> None:
    """Its import told that backfill believes the durations, what read it later did not."""
    log = tmp_path / "jobs.csv"
    for limits, told in ((",", True), (",60", False)):
        log.write_text(f"job_id,submit_s,duration_s,gpus,limit_s\na,0,5,1{limits}\nb,1,5,1{limits}\n")
        import_jobs(log, "csv", tmp_path / "jobs.parquet")
        _, findings = read_jobs(tmp_path / "jobs.parquet")
        assert ("which backfill then believes" in str(findings)) == told


def test_an_error_of_limits_holds_for_a_stored_trace_too(tmp_path: Path) -> None:
    """It was passed over without a word."""
    log = tmp_path / "jobs.csv"
    log.write_text("job_id,submit_s,duration_s,gpus,limit_s\na,0,5,1,\nb,1,5,1,\nc,1,5,1,60\n")
    import_jobs(log, "csv", tmp_path / "jobs.parquet")
    for path in (log, tmp_path / "jobs.parquet"):
        jobs, findings = read_jobs(path, limit_error=1.0)
        assert jobs.limit_s.tolist() == [10, 10, 60]
        assert "the duration x 2 was taken, which backfill then believes" in str(findings)


def test_a_changed_bit_of_the_values_is_noticed(stored: Path) -> None:
    with pytest.raises(TraceError, match=r"jobs\.parquet: no Parquet file, or a damaged one: .*checksum"):
        open_jobs(with_changed_bit(stored, 0))
