"""Files of scenarios that are missing and can be downloaded."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from simcost.catalog import load_catalog
from simcost.errors import InputError
from simcost.scenario.files import yaml
from simcost.scenario.files.nodes import YamlNode
from simcost.tables.paths import inside


def download_command(folder: Path, name: str) -> str | None:
    """The command that gets a file of a scenario; None where it is not a public trace.

    Args:
        folder: of the scenario.
        name: the file as the scenario names it: that of a public trace, or of the trace it is imported into.
    """
    trace = _by_file().get(Path(name).name)
    return trace and f"simcost trace fetch {trace} -o {shlex.quote(os.path.relpath(folder / Path(name).parent))}"


def missing_downloads(file: Path) -> list[str]:
    """The commands that get what a scenario names, is missing and can be downloaded; of a broken file none."""
    names = _downloads(file, file.stat().st_mtime_ns) if file.is_file() else ()
    commands = (download_command(file.parent, name) for name in names if _is_missing(file.parent, name))
    return list(dict.fromkeys(command for command in commands if command))


@lru_cache(maxsize=256)
def _downloads(file: Path, changed_ns: int) -> tuple[str, ...]:
    """Files that a scenario names and that can be downloaded; a list of scenarios asks for them again and again."""
    del changed_ns  # of the file: another text is read again
    text, faults = yaml.read(file)
    root = None if faults else yaml.parse(text, str(file))[0]
    return tuple(name for name in _texts(root) if Path(name).name in _by_file()) if root else ()


@cache
def _by_file() -> dict[str, str]:
    """Names of public traces by the files that hold them; of two with one file, the first."""
    traces = load_catalog().facts.public_traces
    pairs = [(file, trace.name) for trace in traces for file in (trace.stored, trace.file) if file is not None]
    return dict(reversed(pairs))


def _texts(node: YamlNode) -> Iterator[str]:
    """All texts below a node."""
    if isinstance(node.value, str):
        yield node.value
    elif isinstance(node.value, dict | list):
        for child in node.value.values() if isinstance(node.value, dict) else node.value:
            yield from _texts(child)


def _is_missing(folder: Path, name: str) -> bool:
    """True if a name could be that of a file beside the scenario, and there is none."""
    try:
        return not inside(folder, name).exists()
    except (InputError, OSError, ValueError):
        return False
