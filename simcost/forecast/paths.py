"""Sample paths of demand: the one form in which futures travel to simulation, purchasing and autoscaling."""

from dataclasses import dataclass

from simcost.trace.series.series import Floats, Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Joint futures of one series. Path i of all series of a forecast belongs to the same future."""

    series: str
    quantity: str
    """What is counted in each step, e.g. `requests`."""
    grid: Grid
    """Of the horizon, UTC."""
    values: Floats
    """Shape (paths, steps); at or above 0 where the history is."""
