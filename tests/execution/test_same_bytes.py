"""Results of scenarios: the same bytes whatever executes their runs."""

from pathlib import Path

import pytest
from support.job_scenarios import NIGHT, home
from support.scenarios import SERVICES, SMALL, write

from simcost.execution.options import EngineOptions
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.runs import service_runs
from simcost.scenario.runs.resolve_services import settle_services
from simcost.scenario.runs.run import run
from simcost.scenario.runs.service_stages import Stage
from simcost.scenario.schema.loaded_scenario import LoadedServices

pytestmark = pytest.mark.slow

APART = EngineOptions(time_limit_s=300.0)


ONE_PLAN = (
    ("seeds: 2\n", "seeds: 1\n"),
    (SERVICES[SERVICES.index("  - name: two\n") :], ""),
)
"""Changes of SERVICES by which one plan in one replication is left."""


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


def test_one_plan_in_one_replication_is_a_task_for_each_service_by_itself(tmp_path: Path) -> None:
    loaded = load_with_services(write(tmp_path, *ONE_PLAN, text=SERVICES))
    assert isinstance(loaded, LoadedServices)
    [stage], _ = service_runs.runs_of_services(settle_services(loaded, seed=None, seeds=None), tmp_path)
    assert [run.label for run in stage] == [
        "service 'chat', plan 'one', replication 0",
        "service 'search', plan 'one', replication 0",
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_services_put_together_give_the_bytes_of_one_process_in_any_order(
    tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, *ONE_PLAN, text=SERVICES)
    here = bytes_of(file)
    assert bytes_of(file, jobs=jobs, engine=APART) == here
    orders = []

    def shortest_first(stage: Stage, requests: dict[str, float]) -> Stage:
        orders.append([run.label for run in stage])
        return longest_first(stage, requests)[::-1]

    longest_first = service_runs.longest_first
    monkeypatch.setattr(service_runs, "longest_first", shortest_first)
    assert bytes_of(file, jobs=jobs) == here
    assert [len(order) for order in orders] == [2]
