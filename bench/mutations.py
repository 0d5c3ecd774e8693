"""Mutation score of the code that states rules: changes that no test notices, by group of modules.

python bench/mutations.py [--json] [--sample 60] [--seed 1] [--groups billing ledger]

Each mutant runs in a process of its own, in which it takes the place of its module: no file is written. It is judged
by the tests that reach its lines when nothing is changed, the fastest first. Tests that start processes do not see it.
"""

import argparse
import importlib.abc
import importlib.machinery
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import measure
import numpy as np  # noqa: F401 - loaded once for all mutants, as those below
import pyarrow.parquet  # noqa: F401
import pydantic  # noqa: F401
import pytest
from hypothesis import strategies  # noqa: F401
from mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "billing": ("simcost/billing", ("tests/billing", "tests/laws/test_money.py", "tests/laws/test_settlement.py")),
    "autoscaling": ("simcost/plan/autoscaling", ("tests/plan", "tests/laws/test_hpa.py")),
    "ledger": (
        "simcost/ledger",
        ("tests/slo", "tests/scenario/test_ledger_store.py", "tests/compare", "tests/laws/test_forwarding.py"),
    ),
    "laws": ("simcost/scenario/storage/laws.py", ("tests/scenario/test_run_laws.py",)),
}
"""Modules, and the tests that are asked."""
MOST_S = 120
"""CPU seconds after which a mutant counts as noticed: it does not come to an end."""
Reached = dict[str, tuple[float, set[tuple[str, int]]]]
"""Test -> its time, and (file, line) that it reaches."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sample", type=int, default=60, help="mutants in all, as many of each group")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    found = {}
    with tempfile.TemporaryDirectory() as home:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = home
        for group in options.groups:
            found[group] = judged(group, options, Path(home))
    noticed, count = (sum(one[key] for one in found.values()) for key in ("noticed", "mutants"))
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = spent.ru_utime + spent.ru_stime
    figures = {"cpu_s": cpu_s, "rss_bytes": spent.ru_maxrss * 1024, "per_cpu_s": count / cpu_s}
    score = {"score": noticed / count, "mutants": count}
    measure.show({"name": "mutations", "work": f"{count} mutants", **figures, **score, "groups": found}, options)


def judged(group: str, options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Score of a group, and the mutants that nothing noticed."""
    place, tests = GROUPS[group]
    files = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
    files = [file for file in files if file.name != "__init__.py"]
    each = [mutant for file in files for mutant in mutants(file)]
    chosen = random.Random(options.seed).sample(each, min(options.sample // len(options.groups), len(each)))
    reached = reached_by(tests, files, home)
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for mutant in sorted(chosen, key=lambda one: (one.file, one.line)):
        name = str(mutant.file.relative_to(ROOT))
        asked = askable(mutant, reached)
        noticed = bool(asked) and in_child(partial(tested, mutant, asked)) != 0
        modules[name].update(mutants=1, noticed=int(noticed))
        text = f"{name}:{mutant.line}: {mutant.was} -> {mutant.now}{'' if asked else ' (no test reaches it)'}"
        print(f"{'noticed' if noticed else 'SURVIVES'} {text}", file=sys.stderr, flush=True)
        if not noticed:
            survivors.append(text)
    noticed_in_all = len(chosen) - len(survivors)
    return {
        "score": noticed_in_all / len(chosen),
        "mutants": len(chosen),
        "noticed": noticed_in_all,
        "of": len(each),
        "modules": {name: f"{counts['noticed']} of {counts['mutants']}" for name, counts in modules.items()},
        "survivors": survivors,
    }


def askable(mutant: Mutant, reached: Reached) -> list[str]:
    """Tests that reach the lines of a mutant, the fastest first; of lines that run in import, those of the module."""
    file, lines = str(mutant.file), range(mutant.line, mutant.last_line + 1)
    on_it = [test for test, (_, there) in reached.items() if any((file, line) in there for line in lines)]
    if not on_it:
        on_it = [test for test, (_, there) in reached.items() if any(one == file for one, _ in there)]
    return sorted(on_it, key=lambda test: reached[test][0])


def in_child(work: Callable[[], int]) -> int:
    """Exit status of work in a process of its own, which says nothing."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (MOST_S, MOST_S))
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            code = work()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def pytests(arguments: Sequence[str], plugin: object) -> int:
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is loaded before, for all mutants
    return int(pytest.main([*options, *arguments], plugins=[plugin]))


def tested(mutant: Mutant, tests: Sequence[str]) -> int:
    """Exit status of some tests with a mutant in the place of its module."""
    name = ".".join(mutant.file.relative_to(ROOT).with_suffix("").parts)
    code = compile(mutant.tree(), str(mutant.file), "exec")
    sys.meta_path.insert(0, _Finder(name, _Loader(name, str(mutant.file), code)))
    return pytests(["-x", *dict.fromkeys(test.partition("::")[0] for test in tests)], _Chosen(tests))


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads other code than that of the file."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self._code


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module."""

    def __init__(self, name: str, loader: _Loader) -> None:
        self._name, self._loader = name, loader

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        del path, target
        return spec_from_loader(fullname, self._loader) if fullname == self._name else None


class _Chosen:
    """Some tests in an order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._rank = {test: i for i, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the others out."""
        items[:] = sorted((item for item in items if item.nodeid in self._rank), key=lambda one: self._rank[one.nodeid])


def reached_by(tests: Sequence[str], files: Sequence[Path], home: Path) -> Reached:
    """The lines of some files that each test reaches; tests that fail or are skipped are left out."""
    out = home / "reached.json"
    status = in_child(lambda: pytests(list(tests), _Tracer({str(file) for file in files}, out)))
    if not out.exists():
        raise SystemExit(f"the tests {' '.join(tests)} cannot be run: status {status}")
    found = json.loads(out.read_text(encoding="utf-8"))
    out.unlink()
    return {test: (took_s, {(file, line) for file, line in lines}) for test, (took_s, lines) in found.items()}


class _Tracer:
    """Notes the lines that each test reaches."""

    def __init__(self, files: set[str], out: Path) -> None:
        self._files, self._out = files, out
        self._now: set[tuple[str, int]] = set()
        self._found: dict[str, tuple[float, set[tuple[str, int]]]] = {}
        self._began_s = 0.0

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        del event, arg
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        del event, arg
        self._now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Trace a test with what it sets up."""
        del item
        self._now, self._began_s = set(), time.process_time()
        sys.settrace(self._call)
        try:
            return (yield)
        finally:
            sys.settrace(None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test that has passed reached."""
        if report.when == "call" and report.passed and self._now:
            self._found[report.nodeid] = time.process_time() - self._began_s, self._now

    def pytest_sessionfinish(self) -> None:
        """Write what was found."""
        found = {test: (took_s, sorted(lines)) for test, (took_s, lines) in self._found.items()}
        self._out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
