"""A worker killed, then the command: what was finished is kept, and the next command ends with the same bytes."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
from support.commands import scenario
from test_same_bytes import bytes_of

pytestmark = pytest.mark.slow

RUNS = 16
COMMAND = """
from pathlib import Path
from simcost.execution.options import EngineOptions
from simcost.scenario.checks.load import load
from simcost.scenario.runs.run import run

run(load(Path("tiny.yaml")), Path("out"), jobs=2, engine=EngineOptions(time_limit_s=600.0))
"""


def finished(folder: Path) -> int:
    return len(list(folder.glob("out/runs/[!.]*/SHA256SUMS")))


def children(process: int) -> set[int]:
    threads = Path(f"/proc/{process}/task")
    return {int(one) for thread in threads.iterdir() for one in (thread / "children").read_text().split()}


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def whole(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without the drafts of processes that were killed, which stay for a day."""
    return {name: content for name, content in files.items() if "/.draft-" not in name}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes as Linux lists them")
def test_kills_lose_and_double_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = scenario(tmp_path, ("seeds: 2", f"seeds: {RUNS // 2}"))
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = subprocess.Popen([sys.executable, "-c", COMMAND], env=paths, stderr=subprocess.PIPE)
    assert command.stderr is not None
    until, killed = monotonic() + 120, 0
    while finished(tmp_path) < RUNS // 2 and command.poll() is None and monotonic() < until:
        if not killed and finished(tmp_path):
            killed = min(children(command.pid))
            os.kill(killed, signal.SIGKILL)
        sleep(0.01)
    workers = children(command.pid)
    command.kill()
    said = command.stderr.read().decode()
    command.wait()
    command.stderr.close()
    assert killed
    assert killed not in workers, "another one has taken its place"
    assert "Traceback" not in said
    while any(map(alive, workers)) and monotonic() < until:
        sleep(0.05)
    assert not any(map(alive, workers))
    kept = {path: path.stat().st_mtime_ns for path in Path("out/runs").glob("[!.]*/*")}
    assert finished(tmp_path) >= RUNS // 2
    resumed = bytes_of(file, fresh=False)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items()), "reused, not written again"
    assert whole(resumed) == whole(bytes_of(file))
