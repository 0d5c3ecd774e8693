"""Clusters of Dask and Ray: the bytes of this process, its errors; lost workers. Skipped where not installed."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from support.execution_tasks import SmallRun, Squares, versions
from support.scenarios import SERVICES, SMALL, write
from test_same_bytes import ONE_PLAN, bytes_of

from simcost.errors import InputError, RunError
from simcost.execution.options import EngineName, EngineOptions
from simcost.execution.workers import Workers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
"""Those of the clusters' own code."""


def none() -> None:
    """Nothing to note."""


@pytest.fixture(scope="module", autouse=True)
def plain_main() -> Iterator[None]:
    """A main module without a file: spawned workers run that of their parent, which may be the app of another test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        yield


@pytest.fixture(scope="module", params=["dask", "ray"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workers, Path]]:
    """Two workers on this machine, and their folder."""
    name: EngineName = request.param
    pytest.importorskip({"dask": "distributed", "ray": "ray"}[name], reason=f"simcost[{name}] is not installed")
    folder = tmp_path_factory.mktemp(name)
    with Workers(folder, versions, jobs=2, options=EngineOptions(name=name)) as workers:
        yield workers, folder


def test_results_are_in_order_and_of_the_workers(cluster: tuple[Workers, Path]) -> None:
    workers, folder = cluster
    runs = [SmallRun(number=i, replication=i // 3) for i in range(12)]
    found = workers.execute(runs, Squares(folder=folder), note=none)
    assert [square for square, _ in found] == [i**2 for i in range(12)]
    assert os.getpid() not in {process for _, process in found}


def test_workers_have_the_priority_of_the_command(cluster: tuple[Workers, Path]) -> None:
    workers, folder = cluster
    [(_, process)] = workers.execute([SmallRun(number=1)], Squares(folder=folder), note=none)
    assert os.getpriority(os.PRIO_PROCESS, process) == os.getpriority(os.PRIO_PROCESS, 0)


def test_errors_are_those_of_the_run(cluster: tuple[Workers, Path]) -> None:
    workers, folder = cluster
    with pytest.raises(InputError, match=r"^run 1 is wrong$"):
        workers.execute([SmallRun(number=1, kind="wrong")], Squares(folder=folder), note=none)
    with pytest.raises(ZeroDivisionError):
        workers.execute([SmallRun(number=1, kind="broken")], Squares(folder=folder), note=none)


def test_the_run_of_a_lost_worker_is_run_again(cluster: tuple[Workers, Path], caplog: pytest.LogCaptureFixture) -> None:
    workers, folder = cluster
    runs = [SmallRun(number=i, kind="killed once" if i == 2 else "") for i in range(4)]
    assert [square for square, _ in workers.execute(runs, Squares(folder=folder), note=none)] == [0, 1, 4, 9]
    assert "run 2: its worker was lost" in caplog.text


def test_an_interrupt_stops_all_and_the_workers_serve_the_next_question(cluster: tuple[Workers, Path]) -> None:
    workers, folder = cluster
    terminated = signal.getsignal(signal.SIGTERM)

    def interrupt() -> None:
        raise KeyboardInterrupt

    runs = [SmallRun(number=i, kind="slow") for i in range(20)]
    with pytest.raises(KeyboardInterrupt):
        workers.execute(runs, Squares(folder=folder), note=interrupt)
    [found] = workers.execute([SmallRun(number=9)], Squares(folder=folder), note=none)
    assert found[0] == 81
    assert signal.getsignal(signal.SIGTERM) is terminated


@pytest.mark.parametrize("changes", [(), ONE_PLAN], ids=["plans", "services of one plan"])
@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_cluster_gives_the_bytes_of_this_process(
    tmp_path: Path, name: EngineName, changes: tuple[tuple[str, str], ...]
) -> None:
    pytest.importorskip({"dask": "distributed", "ray": "ray"}[name], reason=f"simcost[{name}] is not installed")
    file = write(tmp_path, *changes, text=SERVICES if changes else SMALL)
    here = bytes_of(file)
    there = bytes_of(file, jobs=2, engine=EngineOptions(name=name))
    assert here == there


def test_an_engine_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'simcost\[dask\]'"):
        Workers(tmp_path, versions, options=EngineOptions(name="dask")).execute([], Squares(folder=tmp_path), note=none)


def test_a_ray_whose_servers_do_not_start_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="simcost[ray] is not installed")

    def fails(**_: object) -> None:
        raise Exception("The current node timed out during startup.\nMore.")  # noqa: TRY002 - as Ray does

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", fails)
    with pytest.raises(RunError, match=r"^--engine ray: Ray did not start here \(The current node timed out during"):
        Workers(tmp_path, versions, options=EngineOptions(name="ray")).execute([], Squares(folder=tmp_path), note=none)


@pytest.mark.parametrize("failures", [1, 3])
def test_a_dask_whose_worker_is_lost_as_it_starts_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failures: int
) -> None:
    distributed = pytest.importorskip("distributed", reason="simcost[dask] is not installed")
    left = [RuntimeError("Nanny failed to start.")] * failures
    whole = distributed.LocalCluster

    def starts(**options: object) -> object:
        if left:
            raise left.pop()
        return whole(**options)

    monkeypatch.setattr(distributed, "LocalCluster", starts)
    with Workers(tmp_path, versions, options=EngineOptions(name="dask")) as workers:
        if failures == 3:
            with pytest.raises(RunError, match=r"^--engine dask: Dask did not start here \(Nanny failed to start"):
                workers.execute([SmallRun(number=3)], Squares(folder=tmp_path), note=none)
        else:
            [found] = workers.execute([SmallRun(number=3)], Squares(folder=tmp_path), note=none)
            assert found[0] == 9
    assert caplog.text.count("starting it again") == min(failures, 2)
