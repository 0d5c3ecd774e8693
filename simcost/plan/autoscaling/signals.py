"""Signals of the simulator, and how metrics of other systems are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt

from simcost.units import Seconds

SignalName = Literal[
    "running", "waiting", "in_flight", "gateway_waiting", "dispatched", "kv_utilisation", "busy_fraction", "kv_demand",
    "queued_prompt_tokens",
    "next_ttft_s", "own_ttft_s", "next_itl_s", "own_itl_s",
    "requests_per_s", "completions_per_s", "prompt_tokens_per_s", "output_tokens_per_s", "tokens_per_s",
    "ttft_p50_s", "ttft_p90_s", "ttft_p95_s", "ttft_p99_s", "tpot_p50_s", "tpot_p90_s", "tpot_p95_s", "tpot_p99_s",
    "e2e_p50_s", "e2e_p90_s", "e2e_p95_s", "e2e_p99_s",
]  # fmt: skip
"""Requests that run, wait, both; that wait at the gateway, and those that it has handed to a replica; share of the KV
cache in use; share of time in which the engine works; KV cache in use and that waiting requests will want, per
capacity; prompt tokens that wait; latencies that the next request would see, and those of an empty replica; rates of
arrivals, completions and tokens; percentiles of latency of requests that end."""
TOTALS_ONLY = ("ttft", "tpot", "e2e")
"""Beginnings of the signals that no single replica has."""
OF_THE_GATEWAY = ("gateway_waiting", "dispatched")

LATENCIES = tuple(f"{name}_p" for name in TOTALS_ONLY)
"""Beginnings of the names of percentiles of latency."""

Over = Literal["sum", "mean", "max", "min"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal of the simulator, as a metric reads it."""

    name: SignalName
    """Which signal."""
    over: Over = "sum"
    """How replicas are taken together where a value of the whole pool is asked for."""
    window: Seconds = 0.0
    """Time over which it is averaged, as `rate(...[w])` does; 0 = the newest sample."""
    scale: Annotated[float, Gt(0)] = 1.0
    """Factor from our unit to that of the metric: 100 for a share in percent."""
    metric: str = ""
    """Its name in the monitoring system, where that differs from ours; recorded metrics are looked up by it."""

    @property
    def is_latency(self) -> bool:
        """Whether it is a percentile of latency."""
        return self.name.startswith(LATENCIES)

    @property
    def of_the_pool_alone(self) -> bool:
        """Whether no single replica has it: a percentile of latency, a count of the gateway."""
        return self.is_latency or self.name in OF_THE_GATEWAY


Source = tuple[Signal, ...]
"""Where a metric comes from: the sum of these signals."""


def own(*names: SignalName, over: Over = "sum") -> dict[str, Source]:
    """Signals that a policy reads under our own names.

    >>> own("waiting")
    {'waiting': (Signal(name='waiting', over='sum', window=0.0, scale=1.0, metric=''),)}
    """
    return {name: (Signal(name=name, over=over),) for name in names}
