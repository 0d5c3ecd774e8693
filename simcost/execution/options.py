"""Options of the engine that executes simulations; no result depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

EngineName = Literal["local", "dask", "ray"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Options of an engine."""

    name: EngineName = "local"
    address: str | None = None
    """Address of a running cluster; None = one on this machine, for as long as the command takes."""
    time_limit_s: float | None = None
    """Longest time that one run may take; None = any."""
