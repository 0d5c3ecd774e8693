"""What all tests share."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as the command line does
os.environ["SOURCE_DATE_EPOCH"] = "1792065600"  # 2026-10-15: verdicts name prices that are old on the day

import pytest
from hypothesis import settings

sys.dont_write_bytecode = False  # rewriting all asserts takes longer than most tests: once is enough

# No deadline: the first call compiles. The same examples each time, so that a change is judged by what it changes; new
# ones, and many, with `--hypothesis-profile=search`.
settings.register_profile("project", deadline=None, derandomize=True, max_examples=20)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("project")

COMPILING = (
    ("test_engine", "test_retries", "test_closed_loop", "test_apart_engine", "test_fleet"),
    (
        "test_jobs_changing_capacity",
        "test_placement",
        "test_jobs_naive",
        "test_jobs_on_nodes",
        "test_size_verdict",
        "test_block_kernel",
    ),
)
"""Files that compile most of the simulator: of serving; of jobs, and of serving with KV blocks."""

WHOLLY_SLOW = re.compile(r"^pytestmark = \[?pytest\.mark\.slow\b", flags=re.MULTILINE)

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files whose tests are all slow where these are not wanted: to load them takes seconds."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return bool(WHOLLY_SLOW.search(collection_path.read_text(encoding="utf-8"))) or None


class BackwardsFolder(pytest.Dir):
    """A folder of tests that is read from its last file to its first."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        return reversed([*super().collect()])


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Let every other process read each folder backwards: to rewrite the asserts of a file takes longer than most
    tests, and so each process rewrites half of them and finds the others on disk.
    """
    backwards = os.environ.get("PYTEST_XDIST_WORKER", "gw0")[-1] in "13579"
    return BackwardsFolder.from_parent(parent, path=path) if backwards else None


@pytest.hookimpl(trylast=True)  # after the choice of tests by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each of two processes begin with the files of one of COMPILING.

    A process that has compiled an entry compiles the next one in a fraction of the time, since they share most
    functions; of what is kept on disk only whole entries are shared. `--dist worksteal` gives each process an equal
    part of the list.
    """
    items.sort(key=lambda item: item.path)  # whichever way they were read
    serving, jobs = ([item for item in items if item.path.stem in stems] for stems in COMPILING)
    compiling = {*serving, *jobs}
    others = [item for item in items if item not in compiling]
    first = len(items) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) - len(serving)
    items[:] = [*serving, *others[: max(first, 0)], *jobs, *others[max(first, 0) :]]


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports with the titles of their charts alone: to draw them takes most of the time of a small run."""
    monkeypatch.setattr("simcost.present.parts.figure", lambda title, *_: title)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real traces and measurements that lies beside a development checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference data at {SHARED}")
    return SHARED
