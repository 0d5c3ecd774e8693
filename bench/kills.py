"""Kills of workers and of the command at random moments of many small runs: what is lost, doubled, different or left.

Each round starts again and is killed one to six times (a worker, or the command, which then starts again). It must end
with the files of an undisturbed run, byte for byte, and no process or draft of a run that has ended.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from measure import SMALL_SCENARIO, show

SCALED = """\
  - name: scaled
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: target-concurrency, target: 2, min: 1, max: 3, start: 2, scale_down_delay: 1min}
"""
MARK = "SIMCOST_BENCH_KILLS"
WORKERS = ("simcost.execution.worker", "spawn_main", "ray::IDLE", "ray::perform")
"""Words in the command lines of worker processes: our own, Dask's, Ray's; its servers have other names."""
LATEST = 0.8
"""Of the time of an undisturbed run: the longest time to the next kill."""
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Servers of Ray that look for their lost head for a minute before they end; they are awaited once, at the end."""
GONE_S = 90.0
"""Time after which a process counts as left behind."""


def begin(folder: Path, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    words = ["run", "small.yaml", "--out", "out", "--jobs", str(options.jobs), "--quiet", "--engine", options.engine]
    limit = ["--time-limit", "10min"] if options.engine == "local" else []  # all runs in worker processes
    return subprocess.Popen(
        [sys.executable, "-m", "simcost", *words, *limit],
        cwd=folder,
        env=os.environ | {MARK: f"{folder}/"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def ours(folder: Path) -> dict[int, str]:
    """Processes that were started for a folder or one in it, with their command lines."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                if f"{MARK}={folder}/".encode() in (process / "environ").read_bytes():
                    words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if words:  # one without has ended, and waits for its parent to look
                        found[int(process.name)] = words
            except OSError:
                continue
    return found


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".draft-") for part in path.relative_to(folder).parts)
    }


def drafts(folder: Path) -> int:
    return len(list(folder.rglob(".draft-*")))


def left(folder: Path, *, but: tuple[str, ...] = AGENTS) -> tuple[int, float]:
    """Number of processes that do not end after their command, but for some, and how long the last that does takes."""
    since = time.monotonic()
    while (still := sum(not any(word in words for word in but) for words in ours(folder).values())) and (
        time.monotonic() - since < GONE_S
    ):
        time.sleep(0.05)
    return still, time.monotonic() - since


def disturbed(folder: Path, options: argparse.Namespace, chance: random.Random, usual_s: float) -> dict[str, Any]:
    """One round: killed now and then, and started again until it is done."""
    counts, wanted, gone_s = Counter[str](), chance.randint(1, 6), 0.0
    command, since = begin(folder, options), time.monotonic()
    moment = since + chance.uniform(0.0, LATEST * usual_s)
    while (code := command.poll()) is None:
        if counts["workers"] + counts["commands"] >= wanted or time.monotonic() < moment:
            time.sleep(0.02)
            continue
        workers = [process for process, words in ours(folder).items() if any(word in words for word in WORKERS)]
        if chance.random() < options.commands or not workers:
            command.kill()
            command.communicate()
            still, took_s = left(folder)
            gone_s = max(gone_s, took_s)
            counts.update(commands=1, left=still)
            command = begin(folder, options)
        else:
            os.kill(chance.choice(workers), signal.SIGKILL)
            counts.update(workers=1)
        moment = time.monotonic() + chance.uniform(0.0, LATEST * usual_s)
    _, error = command.communicate()
    still, took_s = left(folder)
    counts.update(left=still, failed=int(code != 0))
    if code:
        print(error.decode()[-2000:], file=sys.stderr)
    return {"counts": counts, "gone_s": max(gone_s, took_s)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="kills in all, at least")
    parser.add_argument("--runs", type=int, default=200, help="runs of the sweep")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--engine", choices=("local", "dask", "ray"), default="local")
    parser.add_argument("--commands", type=float, default=0.4, help="share of kills that hit the command itself")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chance, counts, gone_s = random.Random(options.seed), Counter[str](), 0.0
    with tempfile.TemporaryDirectory() as home:
        folders = (Path(home) / f"round-{number}" for number in range(10_000))
        text = SMALL_SCENARIO.format(horizon="10min", seeds=options.runs // 2, rate="5/s") + SCALED
        reference = new(next(folders), text)
        for _ in range(2):  # the first time it may also compile
            shutil.rmtree(reference / "out", ignore_errors=True)
            begun_s = time.monotonic()
            if begin(reference, options).wait():
                raise SystemExit("the undisturbed run has failed")
        usual_s, expected = time.monotonic() - begun_s, digest(reference / "out")
        while counts["workers"] + counts["commands"] < options.kills:
            folder = new(next(folders), text)
            found = disturbed(folder, options, chance, usual_s)
            gone_s = max(gone_s, found["gone_s"])
            got = digest(folder / "out")
            counts.update(found["counts"])
            counts.update(
                rounds=1,
                lost=len(expected.keys() - got.keys()),
                doubled=len(got.keys() - expected.keys()),
                different=sum(got[name] != expected[name] for name in got.keys() & expected.keys()),
                drafts=drafts(folder),
            )
            print(f"{dict(counts)}", file=sys.stderr, flush=True)
        counts.update(left=left(Path(home), but=())[0])
    names = ("rounds", "workers", "commands", "failed", "lost", "doubled", "different", "left", "drafts")
    document = {"engine": options.engine, "runs": options.runs} | {name: counts[name] for name in names}
    show(document | {"undisturbed_s": usual_s, "last_process_gone_after_s": gone_s}, options)
    raise SystemExit(any(counts[name] for name in ("failed", "lost", "doubled", "different", "left")))


def new(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
