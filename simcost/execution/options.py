"""Options of the engine that executes simulations; no result depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from simcost.errors import InputError

EngineName = Literal["local", "dask", "ray"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Options of an engine.

    Raises:
        InputError: an unknown engine, or an address without a cluster.
    """

    name: EngineName = "local"
    address: str | None = None
    """Address of a running cluster; None = one on this machine, for as long as the command takes."""
    time_limit_s: float | None = None
    """Longest time that one run may take; None = any."""

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise InputError(f"engine {self.name!r} is not known; one of {', '.join(ENGINES)}")
        if self.address and self.name == ENGINES[0]:
            raise InputError(f"--address {self.address} is that of a cluster; name it with --engine dask or ray")
