"""Answers of searches, stored beside their runs: the same question of the same files has one answer."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import simcost
from simcost.errors import InputError
from simcost.scenario.files.nodes import Plain
from simcost.scenario.files.yaml import parse
from simcost.scenario.schema.loaded_scenario import AnyScenario
from simcost.scenario.storage.folders import check_sums, whole_folder, write_sums
from simcost.tables.digests import sha256_of
from simcost.tables.object_stores import source_name
from simcost.tables.paths import inside

Document = dict[str, Any]
LIBRARIES = ("numba", "numpy", "pyarrow", "scipy")
_ANSWER = "answer.json"


def stored_answer(loaded: AnyScenario, folder: Path, make: Callable[[], Document], **options: Any) -> Document:
    """The stored answer, or else a new one, which is then stored.

    Args:
        loaded: the scenario; its text and every file that it names are of the question.
        folder: of the answers.
        make: makes the answer.
        options: all else that the answer depends on, as plain data.
    """
    place = folder / _key(loaded, options)[:32]
    with suppress(OSError, ValueError):
        check_sums(place, nothing_else=True)
        stored: Document = json.loads((place / _ANSWER).read_text(encoding="utf-8"))
        return stored
    answer = make()
    with whole_folder(place) as draft:
        (draft / _ANSWER).write_text(json.dumps(answer, allow_nan=False), encoding="utf-8")
        write_sums(draft)
    return answer


def _key(loaded: AnyScenario, options: dict[str, Any]) -> str:
    """SHA-256 of the question, of the files that the scenario names, and of the code that answers."""
    root, _ = parse(loaded.text, str(loaded.path))
    names = sorted(set(_texts(root.plain()))) if root is not None else []
    folders = dict.fromkeys((loaded.path.parent, loaded.folder, loaded.home))
    question = {
        "options": options,
        "scenario": [loaded.text, source_name(loaded.path)],
        "files": [_files(folder, names) for folder in folders],
        "code": _code(Path(simcost.__file__).parent),
        "libraries": [platform.python_version(), *map(version, LIBRARIES)],
    }
    return sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


def _texts(value: Plain) -> Iterator[str]:
    """Every text of a scenario: some name files."""
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)


def _files(folder: Path, names: list[str]) -> dict[str, str]:
    """SHA-256 of the files in a folder that have one of these names, or are in a folder of this name."""
    result = dict[str, str]()
    for name in names:
        with suppress(InputError, OSError, ValueError):  # no name of a file
            path = inside(folder, name) if name else folder / "no name"
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            result |= {os.path.relpath(file, folder): sha256_of(file) for file in files if file.is_file()}
    return result


def _code(package: Path) -> str:
    """SHA-256 of the code and of the facts of a package."""
    found = sha256()
    for file in sorted(path for path in package.rglob("*") if path.suffix in (".py", ".csv")):
        content = file.read_bytes()
        found.update(f"{file.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return found.hexdigest()
