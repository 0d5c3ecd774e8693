"""Benchmarks, which CI does not run, import what is there."""

import ast
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench"


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
