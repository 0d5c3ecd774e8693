"""The version of the engine: a fingerprint of the code that stored runs and their inputs are made by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import simcost

MADE_BY = ("forecast", "ledger", "perf", "plan", "rng.py", "scenario", "sim", "tables", "trace", "units.py")
"""Packages on which a run may depend; the catalog does by its values alone, which its key holds."""
LIBRARIES = ("numba", "numpy")
"""Libraries whose random numbers and machine code a run depends on."""


@cache
def engine_version() -> str:
    """Twelve hex digits that change whenever the code does, so that no result of other code passes for one of it."""
    return fingerprint(Path(simcost.__file__).parent)


def versions() -> dict[str, str]:
    """Versions that all workers of a command must have alike."""
    return {
        "simcost": simcost.__version__,
        "engine": engine_version(),
        "python": python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def fingerprint(package: Path, parts: Sequence[str] = MADE_BY) -> str:
    """The same of the code in a folder: of the bytes of its files and their names, and of libraries' versions."""
    found = sha256(" ".join(f"{name} {version(name)}" for name in LIBRARIES).encode())
    for part in parts:
        path = package / part
        for file in [path] if path.suffix else sorted(path.rglob("*.py")):
            code = file.read_bytes()
            found.update(f"\n{file.relative_to(package).as_posix()} {len(code)}\n".encode() + code)
    return found.hexdigest()[:12]
