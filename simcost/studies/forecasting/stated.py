"""A file of events, what its user knows of the future, and where in it each of them stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import MinLen

from simcost.errors import Fault, FaultsError, InputError
from simcost.forecast.events.events import Event
from simcost.forecast.events.findings import Finding, check_event
from simcost.scenario.files.faults import fault_at, repeated_names
from simcost.scenario.files.nodes import Node
from simcost.scenario.files.schema_file import load_with_places
from simcost.tables.calendar import find_zone
from simcost.trace.series.series import Series
from simcost.units import ByKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsFile:
    """What the user knows of the future; this class is the schema of its file."""

    timezone: str | None = None
    """Of times without an offset, of days and of weekdays, such as `Europe/Berlin`; None = that of the forecast."""
    events: Annotated[tuple[Annotated[Event, ByKind()], ...], MinLen(1)]
    """Growth, promotions, holidays, launches, churn, migrations and changes of length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedEvents:
    """Events with their places."""

    events: tuple[Event, ...]
    timezone: str | None
    places: Mapping[str, Fault]
    """By name of the event: a fault at its place, without a message."""

    def check(self, histories: Sequence[Series]) -> None:
        """Whether the events suit the series of a forecast.

        Raises:
            FaultsError: some do not; each with its place.
        """
        faults = []
        for event in self.events:
            try:
                check_event(event, histories)
            except InputError as error:
                faults.append(_moved(self.places[event.name], str(error)))
        if faults:
            raise FaultsError(faults)

    def located(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, with the place of the event before the message where they are about one."""
        return [
            finding | {"message": str(_moved(self.places[finding["event"]], finding["message"]))}
            if finding.get("event") in self.places
            else finding
            for finding in findings
        ]


def load_events(path: Path) -> StatedEvents:
    """Read a file of events.

    Raises:
        FaultsError: all faults of the file, each with its place.
    """
    stated, root = load_with_places(path, EventsFile, _own_faults)
    nodes = _nodes(root)
    places = {
        event.name: fault_at(node, "", str(path)) for event, node in zip(stated.events, nodes, strict=True)
    }
    return StatedEvents(events=stated.events, timezone=stated.timezone, places=places)


def _own_faults(root: Node, file: str) -> list[Fault]:
    """Faults that the schema cannot tell: an unknown time zone, a name that stands twice."""
    faults = []
    zone = root.get("timezone")
    if zone is not None and isinstance(zone.value, str):
        try:
            find_zone(zone.value)
        except InputError as error:
            faults.append(fault_at(zone, str(error), file))
    return [*faults, *repeated_names(_nodes(root), file)]


def _nodes(root: Node) -> list[Node]:
    events = root.get("events")
    return events.value if events is not None and isinstance(events.value, list) else []


def _moved(place: Fault, message: str) -> Fault:
    return Fault(file=place.file, line=place.line, column=place.column, message=message)
