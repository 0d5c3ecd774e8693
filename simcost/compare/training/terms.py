"""At what prices a run is counted, and what its power is. Prices are per accelerator and hour."""

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Le

from simcost.catalog.facts import Accelerator
from simcost.errors import InputError
from simcost.perf.training.limits import check_limits
from simcost.plan.failures import CorrelatedLoss, Exponential, FailureModel, Recorded
from simcost.units import Count, Usd, UsdPerGb, UsdPerH

HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Spare capacity that can be taken back at any time."""

    usd_per_gpu_h: UsdPerH | None = None
    """None = the spot price observed for the offer."""
    interruptions_per_node_day: Annotated[float, Ge(0)] | None = None
    """Nodes taken back, beside failures. Not in the catalog: without it spot is not priced."""

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """Hardware of one's own: a price per hour, or what it follows from."""

    usd_per_gpu_h: UsdPerH | None = None
    capex_usd_per_gpu: Usd | None = None
    """With its share of host, network and building."""
    life_years: Annotated[float, Gt(0)] | None = None
    used_share: Annotated[float, Gt(0), Le(1)] | None = None
    """Share of its life in which the hardware works; the idle rest is paid by the work."""
    usd_per_kwh: Annotated[float, Ge(0)] | None = None

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Electricity of the run."""

    power_w: Annotated[float, Gt(0)] | None = None
    """Of one accelerator; None = its TDP in the catalog."""
    power_share: Annotated[float, Gt(0), Le(1)] = 1.0
    """Mean power while training / power_w; 1 is the upper end."""
    pue: Annotated[float, Ge(1)] | None = None
    """Power of the whole data centre / power of its devices. None = accelerators only are counted."""

    def __post_init__(self) -> None:
        check_limits(self)

    def kw_per_gpu(self, accelerator: Accelerator) -> float | None:
        """None where neither the catalog nor the user knows the power."""
        power_w = self.power_w or accelerator.power_w
        return None if power_w is None else power_w * self.power_share * (self.pue or 1.0) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """How failures come, where they do not come one by one and without memory: then the run is simulated."""

    model: FailureModel = field(default_factory=Exponential)
    correlated: CorrelatedLoss | None = None
    spares: Count = 0
    """Nodes that stand by for a correlated loss; they are not priced."""
    runs: Annotated[int, Ge(0), Le(10_000)] = 0
    """To simulate; 0 = none where the closed form is exact, else 400."""
    seed: Count = 1

    def __post_init__(self) -> None:
        for made in (self, self.correlated, None if isinstance(self.model, Recorded) else self.model):
            if made is not None:
                check_limits(made)

    @property
    def closed(self) -> bool:
        """Whether the expected time has a closed form."""
        return isinstance(self.model, Exponential) and self.correlated is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What is paid for; None = the catalog's price."""

    offer: str | None = None
    """`provider/sku`; None = the cheapest of the accelerator in whole nodes, on demand or on spot."""
    region: str | None = None
    on_demand_usd_per_gpu_h: UsdPerH | None = None
    spot: Spot = field(default_factory=Spot)
    owned: Owned = field(default_factory=Owned)
    storage_usd_per_gb_month: UsdPerGb | None = None
    egress_usd_per_gb: UsdPerGb | None = None
    kept_checkpoints: Count = 3
    egress_copies: Count = 1
    """How often the trained weights leave the provider."""

    def __post_init__(self) -> None:
        check_limits(self)


def owned_usd_per_gpu_h(owned: Owned, energy: Energy, accelerator: Accelerator) -> float:
    """Capital over the hours worked, and electricity.

    usd/h = capex / (life x 8760 h x used share) + kW x PUE x usd/kWh.

    Raises:
        InputError: a part is missing; the message names it.
    """
    if owned.usd_per_gpu_h is not None:
        return owned.usd_per_gpu_h
    kw = energy.kw_per_gpu(accelerator)
    capex, life, used, usd_per_kwh = (
        owned.capex_usd_per_gpu, owned.life_years, owned.used_share, owned.usd_per_kwh
    )  # fmt: skip
    if (
        capex is None
        or life is None
        or used is None
        or usd_per_kwh is None
        or energy.pue is None
        or kw is None
    ):
        parts = {"capex_usd_per_gpu": capex, "life_years": life, "used_share": used, "usd_per_kwh": usd_per_kwh,
                 "pue": energy.pue, "power_w": kw}  # fmt: skip
        missing = ", ".join(name for name, value in parts.items() if value is None)
        raise InputError(f"owned hardware needs its usd_per_gpu_h, or {missing}")
    return capex / (life * HOURS_PER_YEAR * used) + kw * usd_per_kwh
