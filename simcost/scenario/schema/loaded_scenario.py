"""A scenario file with all that it names, checked: of one pool a plan, or of several services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simcost.catalog import Catalog
from simcost.scenario.files.nodes import YamlNode
from simcost.scenario.schema.scenario import Scenario
from simcost.scenario.schema.services import Forwarding, Sharing


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedScenario:
    """A sound scenario and where it comes from."""

    scenario: Scenario
    text: str
    """The file as it is written."""
    root: YamlNode
    """Text of the file, defaults spread and short forms written in full, each value with its place; in a plan of
    several pools, what it says of these is in each of them too.
    """
    written: YamlNode
    """The same with plans of several pools as they are written, so that it may be changed and read again."""
    path: Path
    folder: Path
    """Folder of its traces."""
    home: Path
    """Folder of its own facts: that of the file, or of a finished result that of the file that it was run of."""
    catalog: Catalog
    facts: Mapping[Path, str] = field(default_factory=dict)
    """SHA-256 of its own fact files, as they were read."""
    calibrations: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of files of measured replicas, as they were read, by the names that the scenario gives them."""

    @property
    def first(self) -> LoadedScenario:
        """Itself, as of several services the first."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedServices:
    """A sound scenario of several services: each is a scenario of its own under the same plans."""

    services: Mapping[str, LoadedScenario]
    """By name, in the order of the file; a plan in them holds the part of this service."""
    sharing: Mapping[tuple[str, str], Sharing]
    """By plan and service, of those on nodes that several services share."""
    forwarding: Mapping[tuple[str, str], Forwarding]
    """By plan and service, of those that send requests on to others."""
    jobs: LoadedScenario | None = None
    """The jobs as a scenario of their own under the same plans; None = there are none."""
    text: str
    """The file as it is written."""
    root: YamlNode
    """Text of the file, defaults spread."""
    path: Path
    folder: Path
    """Folder of its traces."""
    home: Path
    """Folder of its own facts, as of one pool."""

    @property
    def written(self) -> YamlNode:
        """The text of the file, as of one service: pools are spread in the services alone."""
        return self.root

    @property
    def first(self) -> LoadedScenario:
        """The first service, for what is the same in all: name, plans, seeds, catalog."""
        return next(iter(self.services.values()))


AnyScenario = LoadedScenario | LoadedServices
"""Of one pool, or of several services."""
