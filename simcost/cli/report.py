"""`simcost report`: the review of a result, with the parts that `simcost run` shows of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simcost.present.parts import Part
from simcost.studies.review import command


def add(verbs: Any) -> None:
    """The verb `report`."""
    command.add(verbs, read_run)


def read_run(folder: Path) -> tuple[dict[str, Any], Mapping[str, Any], Sequence[Part]]:
    """Document, tables and parts of a results folder. Raises InputError where it holds no finished result."""
    from simcost.studies.plans import sections

    document, shown = sections.read(folder)
    return document, shown, sections.parts(document, shown)
