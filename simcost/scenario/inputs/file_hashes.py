"""The files that the requests of a scenario come from, by their content."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simcost.tables.digests import sha256_of
from simcost.tables.paths import inside


def hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of files by their names in the scenario."""
    return {name: sha256_of(inside(folder, name)) for name in dict.fromkeys(names)}


def hashed(plain: Any, digests: dict[str, str]) -> Any:
    """Workloads as plain data, with the content of traces in place of their names."""
    if isinstance(plain, dict):
        return {
            key: digests[value] if key in ("path", "trace") and value else hashed(value, digests)
            for key, value in plain.items()
        }
    return [hashed(item, digests) for item in plain] if isinstance(plain, list | tuple) else plain
