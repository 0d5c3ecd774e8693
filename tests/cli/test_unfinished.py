"""Stopped in mid-sweep, killed, out of disk: nothing half-written, and what was finished is reused."""

import errno
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from shutil import copytree
from typing import Any, NoReturn

import pyarrow.parquet as pq
import pytest
from support.commands import Said, call, contents, refused, scenario
from support.unprivileged import unprivileged

import simcost.sim

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_report")]
SIMCOST = (sys.executable, "-c", "from simcost.cli.main import main; raise SystemExit(main())")
SWEEP = (("seeds: 2", "seeds: 6"),)
RUNS = 12


def stored(out: Path) -> dict[Path, int]:
    """The finished runs and when they were written."""
    return {seal: seal.stat().st_mtime_ns for seal in out.glob("runs/[!.]*/ledger.json")}


STOPPED = """
import os
import signal
import time
import simcost.sim
from simcost.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # which what a shell starts in the background ignores
real, calls = simcost.sim.simulate, []


def stopped(*words, **options):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), {how:d})
        while True:  # until it is told to stop
            time.sleep(0.01)
            options["progress"](0.1)
    return real(*words, **options)


simcost.sim.simulate = stopped
raise SystemExit(main())
"""


def stop(folder: Path, how: signal.Signals) -> tuple[int, str]:
    """A sweep that a signal stops in its third run; its exit code and stderr."""
    words = ["run", "tiny.yaml", "--out", "out", "--jobs", "1"]
    found = subprocess.run(
        [sys.executable, "-c", STOPPED.format(how=how), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.stdout == ""
    return found.returncode, found.stderr


@pytest.mark.parametrize(
    ("how", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_stopped_sweep_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals, code: int
) -> None:
    file, out = scenario(tmp_path, *SWEEP), tmp_path / "out"
    found, err = stop(tmp_path, how)
    assert found == code, err
    assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == ["runs"]
    kept = stored(out)
    assert len(kept) == 2
    if how is not signal.SIGKILL:
        word = "interrupted" if how is signal.SIGINT else "terminated"
        assert err.endswith(f"{word}; what was finished is kept\n")
        assert "Traceback" not in err
        assert not list(out.rglob(".*")), "nothing half-written"

    real, calls = simcost.sim.simulate, []

    def counted(*words: Any, **options: Any) -> Any:
        calls.append(1)
        return real(*words, **options)

    monkeypatch.setattr(simcost.sim, "simulate", counted)
    again = call("run", file, "--out", out, "--json", "--quiet")
    assert again.code == 0, again.err
    assert again.document()["replications"] == 6
    assert len(calls) == RUNS - len(kept)
    assert kept.items() <= stored(out).items(), "reused, not written again"


LOADING = """
import os
import signal
import sys
from importlib.abc import MetaPathFinder


class Interrupted(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)


signal.signal(signal.SIGINT, signal.default_int_handler)  # which what a shell starts in the background ignores
sys.meta_path.insert(0, Interrupted())
from simcost.__main__ import main

raise SystemExit(main())
"""


@pytest.mark.parametrize("module", ["simcost.cli.main", "simcost.errors", "argparse", "simcost.studies.plans.command"])
def test_an_interrupt_while_modules_load_ends_in_order(tmp_path: Path, module: str) -> None:
    """The first tenth of a second of every call, in which nothing of it has begun."""
    words = [sys.executable, "-c", LOADING.format(module=module), "check", "tiny.yaml"]
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (130, "")
    assert found.stderr == "interrupted; what was finished is kept\n"


def test_the_installed_command_is_what_python_m_runs() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"]["simcost"] == "simcost.__main__:main"


def full(*words: Any, **options: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


@pytest.mark.parametrize("where", ["tables", "result", "move"])
def test_a_full_disk_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    file, out = scenario(tmp_path), tmp_path / "out"
    words = ("run", file, "--out", out, "--quiet")
    with monkeypatch.context() as patched:
        if where == "tables":
            patched.setattr(pq, "write_table", full)
        elif where == "result":
            patched.setattr("simcost.scenario.runs.results_folder.write_sums", full)
        else:
            patched.setattr(Path, "replace", full)
        assert refused(*words) == "simcost: somewhere: No space left on device\n"
    assert not (out / "result.json").exists()
    assert not list(out.rglob(".draft*")), "nothing half-written"
    assert all((folder / "ledger.json").is_file() for folder in (out / "runs").glob("*"))
    assert call(*words).code == 0, "it goes on once there is room"
    assert (out / "result.json").is_file()


LIMITED = """
import resource
import sys
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
from simcost.cli.main import main
raise SystemExit(main())
"""
"""No file may be longer than 64 bytes: as a full disk, an error of the system without a name of a file."""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("run tiny.yaml --out out --quiet", "out/runs/"),
        ("forecast series.csv --horizon 2d -o f.parquet", "f.parquet"),
        ("forecast series.csv --horizon 2d --paths-out p.parquet", "p.parquet"),
        ("trace import log.csv --format csv -o t.parquet", "t.parquet"),
        ("trace synthesize mix.yaml --horizon 1min -o s.parquet", "s.parquet"),
        ("bill usage.csv --plan plan.yaml --html b.html", "b.html"),
    ],
)
def test_a_full_disk_names_what_was_written(tmp_path: Path, words: str, named: str) -> None:
    pytest.importorskip("resource", reason="files cannot be limited here")
    scenario(tmp_path)
    series = "".join(f"2026-01-{day:02},{day}\n" for day in range(1, 29))
    usage = "sku,start,end,quantity\ng6.xlarge,2026-01-01T00:00:00Z,2026-01-01T05:00:00Z,1\n"
    texts = {
        "series.csv": f"timestamp,value\n{series}",
        "usage.csv": usage,
        "plan.yaml": "purchasing: plain\nprovider: aws\nregion: us-east-1\n",
        "mix.yaml": "kind: synthetic\nrate: 1/s\n",
        "log.csv": "arrival,prompt_tokens,output_tokens\n0,1,1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    before = set(contents(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *words.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"simcost: {named}")
    assert said.endswith(": cannot be written: File too large; make room or choose another place")
    assert set(contents(tmp_path)) == before, "nothing half-written"
    assert not [path for path in tmp_path.iterdir() if path.is_dir()], "no folder for what was not written"


def test_a_full_disk_of_temporary_files_is_named(tmp_path: Path) -> None:
    """What a sweep keeps of a run until its rows are made lies there; a run that found no room is no row."""
    pytest.importorskip("resource", reason="files cannot be limited here")
    file, other = scenario(tmp_path), tmp_path / "temporary"
    file.write_text(
        file.read_text(encoding="utf-8") + "sweep: {matrix: {scaling.replicas: [1, 2]}}\n", encoding="utf-8"
    )
    other.mkdir()
    words = ["sweep", "tiny.yaml", "--out", "out", "--quiet", "--jobs", "1"]
    roomy = LIMITED.replace("(64, 64)", "(2_000, 2_000)")  # enough for the list of plans
    done = subprocess.run(
        [sys.executable, "-c", roomy, *words],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(other)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    why = "no room for temporary files: File too large; make room, or name another folder in TMPDIR"
    assert done.stderr.splitlines()[-1] == f"simcost: {other}: {why}"
    assert list(other.iterdir()) == []
    assert list((tmp_path / "out").rglob("*.parquet")) == []


@pytest.mark.parametrize(
    "words",
    [
        ("run", "tiny.yaml", "--out", "new/out", "--time-limit", "1ms", "--quiet"),
        ("optimize", "tiny.yaml", "--out", "new/out", "--time-limit", "1ms", "--quiet"),
        ("trace", "import", "empty.csv", "--format", "csv", "-o", "new/log.parquet"),
        ("trace", "import", "full.csv", "--format", "csv", "-o", "new/log.parquet"),
    ],
)
def test_a_command_that_fails_leaves_no_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    scenario(tmp_path)
    (tmp_path / "empty.csv").write_text("arrival,prompt_tokens,output_tokens\n", encoding="utf-8")
    (tmp_path / "full.csv").write_text("arrival,prompt_tokens,output_tokens\n0,1,1\n1,x,1\n", encoding="utf-8")
    assert call(*words).code in (1, 2)
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("words", [["check", "tiny.yaml"], ["--help"], ["run", "--help"], ["--version"]])
def test_a_full_stdout_is_named(tmp_path: Path, words: list[str]) -> None:
    scenario(tmp_path)
    with Path("/dev/full").open("w") as full_disk:
        called = [*SIMCOST, *words]
        done = subprocess.run(called, cwd=tmp_path, stdout=full_disk, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "simcost: standard output: cannot be written, make room: No space left on device\n"


SPOKEN = """
import sys
import simcost.progress
simcost.progress.monotonic = iter(range(0, 10**9, 10)).__next__  # each look is 10 s later: every step is told
from simcost.cli.main import main
raise SystemExit(main())
"""


@pytest.mark.parametrize("how", ["full", "gone"])
def test_progress_that_nobody_can_read_stops_no_run(tmp_path: Path, how: str) -> None:
    """A log on a full disk, or `2>&1 | head`: the result is written and its gates are checked all the same."""
    if how == "full" and not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    scenario(tmp_path, ("ttft: 1s", "ttft: 1ms"))
    if how == "full":
        end = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, end = os.pipe()
        os.close(reader)
    words = [sys.executable, "-c", SPOKEN, "run", "tiny.yaml", "--out", "out", "--json", "--fail-on", "slo"]
    done = subprocess.run(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=end, text=True, check=False)
    os.close(end)
    assert done.returncode == 1, "the gate, which is broken"
    assert done.stdout.startswith("{")
    assert (tmp_path / "out" / "result.json").is_file()


def test_a_full_disk_keeps_the_result_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, out = scenario(tmp_path), tmp_path / "out"
    words = ("run", file, "--out", out, "--quiet")
    assert call(*words).code == 0
    before = contents(out)
    monkeypatch.setattr(pq, "write_table", full)
    refused(*words, "--fresh")
    assert contents(out) == before


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are others here")
def test_an_unchanged_result_in_a_folder_that_cannot_be_written_is_shown(
    finished: Said, home: Path, tmp_path: Path
) -> None:
    copytree(home, tmp_path, dirs_exist_ok=True)
    words = [*unprivileged(), *SIMCOST, "run", "tiny.yaml", "--out", "out", "--json", "--quiet"]
    first = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    folders = [path for path in (tmp_path / "out", *(tmp_path / "out").rglob("*")) if path.is_dir()]
    try:
        for folder in folders:
            folder.chmod(0o555)
        again, other, anew = (
            subprocess.run([*words, *more], cwd=tmp_path, capture_output=True, text=True, check=False)
            for more in ([], ["--seeds", "1"], ["--fresh"])
        )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, "")
    for done in (other, anew):
        assert (done.returncode, done.stdout) == (2, "")
        assert "cannot be written: Permission denied" in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are others here")
def test_a_place_where_nothing_can_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    scenario(tmp_path)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept").chmod(0o555)
    code = (
        "from pathlib import Path; from simcost.outputs import check_folder, check_writable\n"
        "for check, path in ((check_writable, Path('kept/a.yaml')), (check_folder, Path('kept/new/out'))):\n"
        "    try: check(path)\n"
        "    except Exception as error: print(error)\n"
        "check_writable(Path('new/a.yaml')); check_folder(Path('kept'))"
    )
    words = [*unprivileged(), sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"kept/{name}: cannot be written: Permission denied; choose another place" for name in ("a.yaml", "new/out")
    ]


def test_a_full_disk_leaves_no_half_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.csv"
    log.write_text("arrival,prompt_tokens,output_tokens\n0,1,1\n", encoding="utf-8")
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    said = refused("trace", "import", log, "--format", "csv", "-o", tmp_path / "log.parquet")
    assert "No space left on device" in said
    assert list(tmp_path.iterdir()) == [log]


def test_out_of_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*words: Any, **options: Any) -> NoReturn:
        raise MemoryError("Unable to allocate 8 TiB")

    monkeypatch.setattr(simcost.sim, "simulate", greedy)
    said = call("run", scenario(tmp_path), "--out", tmp_path / "out", "--quiet")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("simcost: not enough memory: Unable to allocate 8 TiB; lower --jobs")


def test_a_reader_that_leaves_early_is_no_fault() -> None:
    pipe = f"{sys.executable} -c 'from simcost.cli.main import main; raise SystemExit(main())' schema | head -c 10"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {pipe}"], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [["--help"], ["check", "tiny.yaml"], ["check", "spot.yaml"]])
def test_nothing_heavy_is_imported(tmp_path: Path, words: list[str]) -> None:
    on_demand = scenario(tmp_path).read_text()
    (tmp_path / "spot.yaml").write_text(on_demand.replace("buy: {", "buy: {kind: spot, price: $1/h, "))
    assert "kind: spot" in (tmp_path / "spot.yaml").read_text()
    script = (
        "import sys; from simcost.cli.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    heavy = {"pandas", "scipy", "numba", "altair", "streamlit", "statsmodels"}
    settling = {"numpy", "pyarrow", "simpy"}  # `check` settles a scenario as `run` does, clocks of its steps included
    assert not (heavy if "check" in words else heavy | settling) & set(done.stderr.split())
