"""Benchmarks, which CI does not run, import what is there and have the options that pages name."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
SCRIPTS = [script for script in sorted(BENCH.glob("*.py")) if "__main__" in script.read_text(encoding="utf-8")]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


def imported(script: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import from the package."""
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simcost"):
            yield from ((str(node.module), alias.name) for alias in node.names)


def exists(module: str, name: str) -> bool:
    """True if a module has this name, or a module of this name in it."""
    found = import_module(module)
    return hasattr(found, name) or (hasattr(found, "__path__") and find_spec(f"{module}.{name}") is not None)


def test_benchmarks_import_names_that_exist() -> None:
    names = {name: script.name for script in sorted(BENCH.glob("*.py")) for name in imported(script)}
    assert len(names) > 100
    gone = [f"{script}: {module}.{name}" for (module, name), script in names.items() if not exists(module, name)]
    assert gone == []


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_benchmark_starts_and_has_the_options_that_pages_name(script: Path) -> None:
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")), script]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    calls = re.findall(rf"(?<=bench/{script.name} )[^`\n]*(?:\n +\[[^`\n]*)*", text)
    assert {"--json", *OPTION.findall(" ".join(calls))} - set(OPTION.findall(done.stdout)) == set()
