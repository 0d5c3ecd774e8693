"""Files of scenarios that are missing and can be downloaded."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
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
    place = Path(name)
    for trace in load_catalog().facts.public_traces:
        if place.name in (trace.stored, trace.file):
            where = shlex.quote(os.path.relpath(folder / place.parent))
            return f"simcost trace fetch {trace.name} -o {where}"
    return None


def missing_downloads(file: Path) -> list[str]:
    """The commands that get what a scenario names, is missing and can be downloaded; of a broken file none."""
    text, faults = yaml.read(file)
    root = None if faults else yaml.parse(text, str(file))[0]
    missing = [name for name in _texts(root) if _is_missing(file.parent, name)] if root else []
    commands = (download_command(file.parent, name) for name in missing)
    return list(dict.fromkeys(command for command in commands if command))


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
