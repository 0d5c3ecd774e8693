"""Results of scenarios: the same bytes whatever executes their runs."""

from pathlib import Path

import pytest
from support.job_scenarios import NIGHT, home
from support.scenarios import SERVICES, SMALL, write

from simcost.execution.options import EngineOptions
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.runs.run import run

pytestmark = pytest.mark.slow

APART = EngineOptions(time_limit_s=300.0)


def bytes_of(file: Path, *, jobs: int = 1, engine: EngineOptions | None = None, fresh: bool = True) -> dict[str, bytes]:
    """All files of a result that is run again."""
    out = file.parent / "out"
    run(load_with_services(file), out, jobs=jobs, engine=engine, fresh=fresh)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("jobs", "text"), [(2, SMALL), (1, NIGHT), (1, SERVICES)], ids=["requests", "requests and jobs", "services"]
)
def test_worker_processes_give_the_bytes_of_this_one(tmp_path: Path, jobs: int, text: str) -> None:
    file = home(tmp_path, text=text) if "jobs:" in text else write(tmp_path, text=text)
    here = bytes_of(file)
    there = bytes_of(file, jobs=jobs, engine=APART)
    assert list(here) == list(there), "no draft stays"
    assert [name for name in here if here[name] != there[name]] == []
    assert sum(name.endswith("ledger.json") for name in here) >= 4
