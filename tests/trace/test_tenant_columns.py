"""Tenants that a trace names: each request is of that of its cell, in the trace and in a run of a scenario."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenarios import SMALL, write

from simcost.errors import InputError
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.run import run
from simcost.trace.requests.batch import concat
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.workload.arrivals import merged
from simcost.trace.workload.spec import RecordedWorkload, TenantColumn

CELLS = st.lists(st.none() | st.sampled_from(["chat", "search", "x", "é"]), max_size=40)
RECORDED = "workload: {kind: trace, path: t.parquet, tenants: {names: [chat, search]}}\n"


def stored(path: Path, names: list[str | None], column: str = "tenant") -> None:
    """A trace whose prompts tell the rows: the name of a request can be looked up by its length."""
    count = len(names)
    columns = {
        "arrival_ns": pa.array(np.arange(count) * 10**9),
        "prompt_tokens": pa.array(np.arange(1, count + 1, dtype=np.int32)),
        "output_tokens": pa.array(np.ones(count, np.int32)),
        column: pa.array(names, pa.string()).dictionary_encode(),
    }
    with TraceWriter(path, source="test", optional=[column]) as writer:
        writer.write(pa.table(columns))


@given(CELLS, st.integers(0, 2), st.sampled_from([0.5, 1, 2]))
def test_each_request_is_of_the_tenant_of_its_cell(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str | None], index: int, rate_scale: float
) -> None:
    folder = tmp_path_factory.mktemp("t")
    cells = ["search", *cells, "chat", "other"]
    stored(folder / "t.parquet", cells)
    named = TenantColumn(names=("chat", "search"), others="rest")
    both = [
        RecordedWorkload(path="t.parquet", tenant="search"),
        RecordedWorkload(path="t.parquet", tenants=named, block=3, rate_scale=rate_scale),
    ]
    order = ("search", "chat", "rest")
    got = concat(list(merged(both[1:], folder=folder, seed=1, index=index, horizon_s=60.0)))
    for prompt, tenant in zip(got.prompt_tokens, got.tenants(), strict=True):
        cell = cells[prompt - 1]
        assert named.every[tenant] == (cell if cell in named.names else "rest")
    together = concat(list(merged(both, folder=folder, seed=1, index=0, horizon_s=60.0)))
    if rate_scale == 1:
        found = Counter(order[tenant] for tenant in together.tenants())
        assert found["search"] == len(cells) + cells.count("search")
        assert found["chat"] == cells.count("chat")


@pytest.mark.parametrize(
    ("cells", "written", "said"),
    [
        (["chat", "search", "b"], "{names: [chat, search]}", "have 'b' in column 'tenant': add them to `names`, or"),
        (["chat", "search", None], "{names: [chat, search]}", "have no tenant: write `others: NAME` for them"),
        (["chat", "search"], "{names: [chat, serch]}", "no request of t.parquet has 'serch'"),
        (["chat"], "{names: [chat], others: rest}", "each request of t.parquet is of one of `names`: remove `others`"),
        (["chat"], "{names: [chat], column: model}", "t.parquet has no column 'model'; it has tenant"),
        (["chat"], "{names: [chat], others: chat}", "names each tenant once, and others another"),
        (["chat"], "{}", "is required"),
    ],
)
def test_what_the_trace_does_not_have_is_a_fault_at_its_place(
    tmp_path: Path, cells: list[str | None], written: str, said: str
) -> None:
    stored(tmp_path / "t.parquet", cells)
    file = write(tmp_path, text=recorded(RECORDED.replace("{names: [chat, search]}", written)))
    [fault] = find_faults(file)
    assert said in fault.message
    assert fault.path.startswith("workload.tenants")
    assert fault.line == 5


def test_terms_are_of_the_tenants_of_the_trace(tmp_path: Path) -> None:
    stored(tmp_path / "t.parquet", ["chat", "search"])
    terms = "tenants: [{name: serch, slo: {e2e: 5min}}]\n"
    [fault] = find_faults(write(tmp_path, text=recorded(RECORDED + terms)))
    assert "no requests have the tenant 'serch'; did you mean 'search'?" in fault.message
    assert not find_faults(write(tmp_path, text=recorded(RECORDED + terms.replace("serch", "search"))))
    [fault] = find_faults(write(tmp_path, text=recorded(RECORDED.replace("tenants: {", "tenant: chat, tenants: {"))))
    assert "tenant is one for all requests" in fault.message


@pytest.mark.parametrize("tenants", ["tenants: {column: tenant}", "tenants: {names: 3}", "tenant: a, tenants: null"])
def test_a_stream_without_a_tenant_beside_tenants_that_are_not_named(tmp_path: Path, tenants: str) -> None:
    stored(tmp_path / "t.parquet", ["chat"])
    other = "{kind: synthetic, rate: 1/s}"
    text = recorded(f"workload: [{{kind: trace, path: t.parquet, {tenants}}}, {other}]\n")
    assert find_faults(write(tmp_path, text=text))


def test_a_large_trace_is_refused_when_it_is_read(tmp_path: Path) -> None:
    stored(tmp_path / "t.parquet", ["chat", "b"])
    workload = RecordedWorkload(path="t.parquet", tenants=TenantColumn(names=("chat",)))
    with pytest.raises(InputError, match="have 'b' in column 'tenant'"):
        next(merged([workload], folder=tmp_path, seed=1, index=0, horizon_s=60.0))


def test_tenants_of_a_run_are_those_of_the_trace(tmp_path: Path) -> None:
    """Requests of each as the trace has them; the dollars of all add up to the bill."""
    stored(tmp_path / "t.parquet", ["chat", "search", "chat", "b", None] * 20)
    text = recorded(RECORDED.replace("search]", "search], others: rest")).replace("seeds: 2", "seeds: 1")
    [plan, _] = run(load(write(tmp_path, text=text)), tmp_path / "out")["plans"]
    found = {tenant["name"]: tenant["requests"]["arrived"] for tenant in plan["by_tenant"]}
    assert found == {"chat": 40, "search": 20, "rest": 40}
    assert sum(one["cost_usd"]["total"] for one in plan["by_tenant"]) == pytest.approx(plan["cost_usd"]["total"])


def recorded(workload: str) -> str:
    """The small scenario with another workload."""
    start, end = SMALL.index("workload:"), SMALL.index("slo:")
    return SMALL[:start] + workload + SMALL[end:]
