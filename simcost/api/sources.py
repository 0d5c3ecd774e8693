"""Scenarios from files, mappings and text; and each question on one in a single step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from simcost.api.answers import Answer
from simcost.api.changes import yaml_text
from simcost.api.inputs import local_files, path_of
from simcost.api.results import Result
from simcost.api.scenarios import CheckedScenario
from simcost.api.wording import in_python
from simcost.errors import InputError
from simcost.scenario.checks import load as checks

_LOGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
"""Ends of names that no scenario has."""
Source: TypeAlias = str | Path | Mapping[str, Any] | CheckedScenario
"""A scenario: path of a YAML file or of a result's folder, YAML text of several lines, a mapping, or a loaded one."""


def load(source: Source, *, folder: str | Path | None = None) -> CheckedScenario:
    """A checked scenario.

    Args:
        source: path of a YAML file, or of the folder of a result, whose scenario it is; or the scenario as a mapping,
            or as YAML text of several lines.
        folder: where its traces are; None = the folder of the file, of a mapping or text the working directory.

    Raises:
        FaultsError: all that is wrong with it.
    """
    if isinstance(source, CheckedScenario):
        return source
    place = None if folder is None else path_of(folder, "folder")
    if isinstance(source, Mapping) or (isinstance(source, str) and "\n" in source):
        text = yaml_text(source) if isinstance(source, Mapping) else source
        return CheckedScenario(checks.load_text(text, (place or Path()) / "scenario"))
    path: Any = source
    if not isinstance(path, str | os.PathLike):
        given = type(path).__name__
        raise InputError(f"a scenario is a path, YAML text, a mapping or one that is loaded, not {given}")
    if Path(source).name.lower().removesuffix(".gz").endswith(_LOGS):
        raise InputError(
            f"{source}: is not a scenario: by its name it is a log; import it with sc.import_log, and write a scenario "
            "for it with sc.new_scenario"
        )
    with in_python(), local_files() as inputs:
        file = inputs.path(source, "source")
        read = checks.load_as_run if file.is_dir() else checks.load_with_services
        return CheckedScenario(read(file, place))


def run(source: Source, out: str | Path | None = None, **options: Any) -> Result:
    """`load(source).run(out, **options)`."""
    return load(source).run(out, **options)


def optimize(source: Source, out: str | Path | None = None, **options: Any) -> Answer:
    """`load(source).optimize(out, **options)`."""
    return load(source).optimize(out, **options)


def sweep(source: Source, out: str | Path | None = None, **options: Any) -> Answer:
    """`load(source).sweep(out, **options)`."""
    return load(source).sweep(out, **options)


def sensitivity(
    source: Source,
    vary: Mapping[str, tuple[float, float]],
    out: str | Path | None = None,
    **options: Any,
) -> Answer:
    """`load(source).sensitivity(vary, out, **options)`."""
    return load(source).sensitivity(vary, out, **options)


def advise(source: Source, plan: str | None = None, out: str | Path | None = None, **options: Any) -> Answer:
    """`load(source).advise(plan, out, **options)`."""
    return load(source).advise(plan, out, **options)
