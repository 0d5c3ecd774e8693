"""A scenario file with all that it names, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simcost.catalog import Catalog
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.schema.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedScenario:
    """A sound scenario and where it comes from."""

    scenario: Scenario
    text: str
    """The file as it is written."""
    root: YamlNode
    """Text of the file, defaults spread and short forms written in full, each value with its place."""
    path: Path
    folder: Path
    """Folder of its traces."""
    catalog: Catalog
    calibrations: tuple[str, ...] = ()
    """Files of calibrated replicas, as the scenario names them."""
