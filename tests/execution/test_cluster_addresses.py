"""Addresses at which no cluster answers."""

from multiprocessing import current_process
from pathlib import Path

import pytest
from support.execution_tasks import SmallRun, Squares, versions

from simcost.errors import InputError
from simcost.execution import dask_cluster
from simcost.execution.options import EngineName, EngineOptions
from simcost.execution.workers import Workers


@pytest.mark.slow  # distributed is installed for the slow tests alone
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["dask", "ray"])
def test_an_address_where_nobody_answers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: EngineName
) -> None:
    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 1)
    pytest.importorskip({"dask": "distributed", "ray": "ray"}[name], reason=f"simcost[{name}] is not installed")
    options = EngineOptions(name=name, address="127.0.0.1:9")
    with (
        pytest.raises(InputError, match=r"--address 127.0.0.1:9: no"),
        Workers(tmp_path, versions, options=options) as w,
    ):
        w.execute([SmallRun(number=1)], Squares(folder=tmp_path), note=lambda: None)


@pytest.mark.slow  # as above
def test_a_script_without_a_main_guard_is_told_so_by_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They import the script, which asks for workers in turn; they said that their nanny failed to start."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(current_process(), "_inheriting", True, raising=False)
    with pytest.raises(InputError, match=r'call it under `if __name__ == "__main__":`'):
        dask_cluster.DaskCluster(None, 1)
