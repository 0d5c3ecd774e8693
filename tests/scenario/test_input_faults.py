"""What a run refuses when it opens its files, check refuses before, at the line that names the file."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.job_scenarios import QUEUE, SPOT, home
from support.scenarios import SMALL, write

from simcost.errors import InputError
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.resolve import settle
from simcost.trace.requests.writer import TraceWriter

DRAWN = "workload:\n  kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}\n"
FORECAST = "demand: {history: FILE, forecast: {horizon: 1d}, requests: {lengths: {prompt_median: 100}}}\n"
SERVING = {
    "a recorded workload": ("workload: {kind: trace, path: FILE}\n", "workload.path"),
    "lengths": ("workload: {kind: synthetic, rate: 1/s, lengths: {trace: FILE}}\n", "workload.lengths.trace"),
    "gaps": (
        "workload:\n  kind: synthetic\n  rate: 1/s\n  clients: [{gaps: {kind: bootstrap, trace: FILE}}]\n",
        "workload.clients.0.gaps.trace",
    ),
    "conversations": (
        "workload:\n  kind: synthetic\n  rate: 1/s\n  clients: [{sessions: {trace: FILE}}]\n",
        "workload.clients.0.sessions.trace",
    ),
    "a history": (FORECAST, "demand.history"),
}
SPOT_OF_PLANS = "interruptions: {spot: {kind: trace, path: FILE, zones: [a]}}"


def text_files(folder: Path) -> dict[str, Path]:
    """Files that are no stored trace, each for another reason."""
    (folder / "log.csv").write_text("arrival,prompt_tokens,output_tokens\n0,1,1\n")
    (folder / "cut.parquet").write_bytes(b"PAR1 half of it")
    (folder / "empty.parquet").write_bytes(b"")
    pq.write_table(pa.table({"a": [1]}), folder / "other.parquet")
    return {path.name: path for path in folder.iterdir()}


def refused_alike(file: Path, path: str, name: str) -> None:
    """Check finds one fault, at the path, in the line of the file's name; what is run from it would be refused."""
    [fault] = find_faults(file)
    assert fault.path.startswith(path), fault
    assert name in file.read_text().splitlines()[fault.line - 1]
    with pytest.raises(InputError):
        settle(load(file), seed=None, seeds=None).plans  # noqa: B018 - the plans are settled when asked for


@pytest.mark.parametrize("what", SERVING)
@pytest.mark.parametrize("name", ["log.csv", "cut.parquet", "empty.parquet", "other.parquet"])
def test_a_file_that_is_no_trace_is_a_fault_where_it_is_named(tmp_path: Path, what: str, name: str) -> None:
    text_files(tmp_path)
    part, path = SERVING[what]
    small = SMALL if what != "a history" else SMALL.replace("horizon: 10min\n", "")
    refused_alike(write(tmp_path, (DRAWN, part.replace("FILE", name)), text=small), path, name)


def test_a_trace_that_cannot_be_read_is_one_fault_without_a_horizon_too(tmp_path: Path) -> None:
    """Its length was asked for as well, so that the same sentence was there twice."""
    text_files(tmp_path)
    part, path = SERVING["a recorded workload"]
    file = write(tmp_path, (DRAWN, part.replace("FILE", "cut.parquet")), text=SMALL.replace("horizon: 10min\n", ""))
    assert [fault.path for fault in find_faults(file)] == [path]


@pytest.mark.parametrize("sessions", [False, True])
def test_conversations_need_a_trace_that_has_some(tmp_path: Path, sessions: bool) -> None:
    with TraceWriter(tmp_path / "t.parquet", source="t", optional=["session"] if sessions else []) as writer:
        columns = {"arrival_ns": [0, 10**9], "prompt_tokens": [1, 2], "output_tokens": [1, 1]}
        labels = {"session": pa.array(["a", "a"]).dictionary_encode()} if sessions else {}
        writer.write(pa.table(columns | labels))
    part, path = SERVING["conversations"]
    file = write(tmp_path, (DRAWN, part.replace("FILE", "t.parquet")))
    assert [fault.path for fault in find_faults(file)] == ([] if sessions else [path])


def test_a_trace_without_a_length_needs_a_horizon(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t.parquet", source="t") as writer:
        writer.write(pa.table({"arrival_ns": [0], "prompt_tokens": [1], "output_tokens": [1]}))
    part = SERVING["a recorded workload"][0].replace("FILE", "t.parquet")
    assert find_faults(write(tmp_path, (DRAWN, part))) == []
    [fault] = find_faults(write(tmp_path, (DRAWN, part), ("horizon: 10min\n", "")))
    assert "give a `horizon`" in fault.message


@pytest.mark.parametrize(
    ("text", "file", "path"),
    [(QUEUE, "jobs.csv", "jobs.path"), (SPOT, "there.csv", "plans.1.training.spot")],
)
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1\xff"])
def test_jobs_and_spot_nodes_that_cannot_be_read(
    tmp_path: Path, text: str, file: str, path: str, content: bytes
) -> None:
    scenario = home(tmp_path, text=text)
    assert find_faults(scenario) == []
    (tmp_path / file).write_bytes(content)
    refused_alike(scenario, path, file)


@pytest.mark.parametrize("content", ["nodes\n1\n", "name,gpus\na,2\n"])
def test_a_list_of_nodes_that_cannot_be_read_or_is_of_others(tmp_path: Path, content: str) -> None:
    scenario = home(tmp_path, ("{kind: gpus, gpus: 16}", "{kind: nodes, nodes: nodes.csv}"))
    (tmp_path / "nodes.csv").write_text(content)
    refused_alike(scenario, "plans.0.training.nodes", "nodes.csv")


@pytest.mark.parametrize("content", ["x\n", "t_s,trace,nodes\n0,b,1\n600,b,0\n"])
def test_interruptions_along_a_file_that_cannot_be_read_or_lacks_the_zone(tmp_path: Path, content: str) -> None:
    (tmp_path / "there.csv").write_text(content)
    last = "scaling: {kind: fixed, replicas: 2}"
    changes = (last, f"{last}\n    {SPOT_OF_PLANS.replace('FILE', 'there.csv')}")
    refused_alike(write(tmp_path, changes), "plans.1.interruptions.spot", "there.csv")


def test_large_logs_are_left_to_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = home(tmp_path)
    (tmp_path / "jobs.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr("simcost.scenario.checks.input_checks.WHOLE_BYTES", 3)
    assert find_faults(scenario) == []


def test_a_day_without_requests_in_the_time_of_the_run_is_refused_before(tmp_path: Path) -> None:
    """The run begins at midnight, and noon is not in it."""
    noon = "daily: [" + ", ".join(["0"] * 12 + ["1"] + ["0"] * 11) + "]"
    shaped = ("  rate: 0.5/s\n", f"  rate: 0.5/s\n  {noon}\n")
    [fault] = find_faults(write(tmp_path, shaped))
    assert str(fault).endswith(
        "workload: the daily and weekly shapes are zero throughout the run; lengthen `horizon` or correct the shape"
    )
    assert find_faults(write(tmp_path, shaped, ("horizon: 10min", "horizon: 13h"))) == []
