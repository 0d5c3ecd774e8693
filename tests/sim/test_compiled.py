"""Machine code on disk is out of date as soon as any file it comes from has changed."""

import errno
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import numba
import pytest
from support.unprivileged import unprivileged

from simcost.sim.compiled import _log_not_kept
from simcost.sim.jobs.engine.event_loop import in_order
from simcost.sim.serving.engine.entries import advance

pytestmark = pytest.mark.slow

ENTRY = """
from simcost.sim.compiled import lean_entry

@lean_entry
def f(x: int) -> int:
    return x
"""


def module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("entry_of_test", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def stamp(path: Path) -> object:
    return module(path).f._cache._cache_file._version


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
    with (
        (tmp_path / "__pycache__" / "f.lock").open("w") as held,
        subprocess.Popen([sys.executable, "-c", ask], env=environment, stdout=subprocess.PIPE, text=True) as process,
    ):
        fcntl.flock(held, fcntl.LOCK_EX)
        assert process.stdout is not None
        assert process.stdout.readline() == "asks\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.0)
        fcntl.flock(held, fcntl.LOCK_UN)
        assert process.stdout.readline() == "1\n"


def test_where_nothing_can_be_written_code_is_compiled_in_memory_and_that_is_said_once(
    tmp_path: Path,
) -> None:
    """A hardened container: the package cannot be written, and there is no home."""
    more = "\n@lean_entry\ndef g(x: int) -> int:\n    return f(x) + 1\n"
    (tmp_path / "entry.py").write_text(ENTRY + more)
    tmp_path.chmod(0o555)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "HOME": str(tmp_path),
    }
    environment |= {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "XDG_CACHE_HOME": str(tmp_path)}
    command = [*unprivileged(), sys.executable, "-c", "import entry; print(entry.f(1), entry.g(1))"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    finally:
        tmp_path.chmod(0o755)
    assert (done.returncode, done.stdout) == (0, "1 2\n"), done.stderr
    assert done.stderr.startswith("no folder can be written to keep compiled code in")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["entry.py"]


def test_a_full_disk_keeps_no_code_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*words: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "entry.py").write_text(ENTRY)
    function = module(tmp_path / "entry.py").f
    monkeypatch.setattr(function._cache._cache_file, "save", full)
    _log_not_kept.cache_clear()
    assert function(3) == 3
    assert "no folder can be written to keep compiled code in" in caplog.text


@pytest.mark.parametrize("entry", [advance, in_order])
def test_numba_still_keeps_the_version_of_its_files_where_we_add_ours(entry: object) -> None:
    numbas, ours = entry._cache._cache_file._version.split()  # type: ignore[attr-defined]
    assert numbas == numba.__version__
    assert len(ours) == 64
