"""Parts of one log as workloads of a scenario: each begins at its own first arrival, which the result says."""

from pathlib import Path

import pytest
from support.commands import TINY, trace
from support.scenarios import SERVICES, write

from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.inputs.recorded_demand import RecordedDemand
from simcost.scenario.runs.run import run

HEAD = "arrival,prompt_tokens,output_tokens\n"


@pytest.mark.parametrize(("second", "told"), [("08:05:00", "5 min"), ("08:00:00", None), ("09:30:00", None)])
def test_a_part_that_began_later_is_told(tmp_path: Path, second: str, told: str | None) -> None:
    """One that began after the other had ended is another recording."""
    trace(tmp_path, f"{HEAD}2026-03-02T08:00:00Z,100,10\n2026-03-02T08:20:00Z,100,10\n", "a")
    trace(tmp_path, f"{HEAD}2026-03-02T{second}Z,100,10\n2026-03-02T09:40:00Z,100,10\n", "b")
    head, _, rest = TINY.partition("workload:")
    streams = "".join(f"\n  - {{kind: trace, path: {name}.parquet, tenant: {name}}}" for name in "ab")
    loaded = load(write(tmp_path, text=f"{head}workload:{streams}\n{rest.partition(chr(10))[2]}"))
    found = [text for text in RecordedDemand.of(loaded, 1).caveats(2) if "when they were recorded" in text]
    assert [f"b.parquet began {told} after a.parquet" in text for text in found] == ([] if told is None else [True])


def test_parts_that_are_services_are_told_too(tmp_path: Path) -> None:
    trace(tmp_path, f"{HEAD}2026-03-02T08:00:00Z,100,10\n2026-03-02T08:20:00Z,100,10\n", "a")
    trace(tmp_path, f"{HEAD}2026-03-02T08:05:00Z,100,10\n2026-03-02T08:25:00Z,100,10\n", "b")
    workloads = [line for line in SERVICES.splitlines() if "workload:" in line]
    paths = (f"    workload: {{kind: trace, path: {name}.parquet}}" for name in "ab")
    changes = list(zip(workloads, paths, strict=True))
    loaded = load_with_services(write(tmp_path, *changes, text=SERVICES))
    found = [text for text in run(loaded, tmp_path / "out")["assumptions"] if "when they were recorded" in text]
    told = "b.parquet began 5 min after a.parquet when they were recorded; here both begin at 0, and its requests come"
    assert found == [f"{told} so much too early."]
