"""Addresses at which no cluster answers."""

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
