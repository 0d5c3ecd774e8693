"""At what prices a run is counted, and what its power is. Prices are per accelerator and hour."""

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Le

from simcost.billing.owned import Owned
from simcost.catalog.facts import Accelerator
from simcost.errors import InputError
from simcost.perf.training.limits import check_limits
from simcost.plan.failures import CorrelatedLoss, Exponential, FailureModel, Recorded
from simcost.units import Count, UsdPerGb, UsdPerH


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
    owned: Owned | None = None
    """Nodes of one's own, as the plans of a scenario buy them."""
    owned_usd_per_gpu_h: UsdPerH | None = None
    """Or what an accelerator of one's own costs an hour."""
    used_share: Annotated[float, Gt(0), Le(1)] = 1.0
    """Share of the time in which nodes of one's own work; the work pays for the idle rest."""
    storage_usd_per_gb_month: UsdPerGb | None = None
    egress_usd_per_gb: UsdPerGb | None = None
    kept_checkpoints: Count = 3
    egress_copies: Count = 1
    """How often the trained weights leave the provider."""

    def __post_init__(self) -> None:
        check_limits(self)
        if self.owned is not None:
            check_limits(self.owned)
            if self.owned_usd_per_gpu_h is not None:
                raise InputError(
                    "the price of owned hardware and what it follows from say the same; give one"
                )
