"""Machine code on disk is out of date as soon as any file it comes from has changed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simcost.sim.jobs.flow import in_order
from simcost.sim.kernel.run import advance

ENTRY = """
from simcost.sim.compiled import lean_entry

@lean_entry
def f(x: int) -> int:
    return x
"""


def stamp(path: Path) -> object:
    spec = importlib.util.spec_from_file_location("entry_of_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f._cache._cache_file._source_stamp


@pytest.mark.parametrize("changed", ["entry.py", "beside.py"])
def test_a_change_anywhere_in_the_folder_is_seen(tmp_path: Path, changed: str) -> None:
    stamps = []
    for number, text in enumerate(["", "", "\n# changed\n"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        files = {"entry.py": ENTRY, "beside.py": "A = 1\n"}
        files[changed] += text
        for name, content in files.items():
            (folder / name).write_text(content)
        stamps.append(stamp(folder / "entry.py"))
    assert stamps[0] == stamps[1] != stamps[2]


def test_what_another_process_compiles_is_waited_for(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="files cannot be locked here")
    (tmp_path / "slow.py").write_text(ENTRY)
    (tmp_path / "__pycache__").mkdir()
    ask = "import slow; print('asks', flush=True); print(slow.f(1), flush=True)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    environment.pop("NUMBA_CACHE_DIR", None)
    with (tmp_path / "__pycache__" / "f.lock").open("w") as held, subprocess.Popen(
        [sys.executable, "-c", ask], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        fcntl.flock(held, fcntl.LOCK_EX)
        assert process.stdout is not None
        assert process.stdout.readline() == "asks\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.0)
        fcntl.flock(held, fcntl.LOCK_UN)
        assert process.stdout.readline() == "1\n"


@pytest.mark.parametrize("entry", [advance, in_order])
def test_numba_still_keeps_its_stamp_where_we_set_ours(entry: object) -> None:
    found = entry._cache._cache_file._source_stamp  # type: ignore[attr-defined]
    assert isinstance(found, str)
    assert len(found) == 64
