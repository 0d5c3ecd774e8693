"""Inputs of a training estimate: prices and power per accelerator and hour, the run, its method, and ranges."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le

from simcost.billing.owned import Owned
from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, Model, Precision
from simcost.errors import InputError, did_you_mean
from simcost.perf.training.duration import Failures
from simcost.perf.training.methods import (
    Distill,
    Full,
    Lora,
    Method,
    Pruned,
    TokenFlops,
    TransferLearning,
    check_limits,
)
from simcost.perf.training.utilization import ParallelLayout
from simcost.plan.failures import CorrelatedLoss, Exponential, FailureModel, RecordedFailures
from simcost.units import Bytes, Count, UsdPerGb, UsdPerGbMonth, UsdPerH


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotTerms:
    """Spare capacity that can be taken back at any time."""

    usd_per_gpu_h: UsdPerH | None = None
    """None = the spot price observed for the offer."""
    interruptions_per_node_day: Annotated[float, Ge(0)] | None = None
    """Nodes taken back, in addition to failures. Not in the catalog: without it spot is not priced."""

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
    """Power of the whole data centre / power of its devices. None = accelerators only are counted. Of owned nodes their
    own `power` and `pue` count, unless power_w or power_share is given."""
    g_per_kwh: Annotated[float, Ge(0)] | None = None
    """Grams of CO2e per kWh; None = of the grid where the offer stands."""

    def __post_init__(self) -> None:
        check_limits(self)

    def kw_per_gpu(self, accelerator: Accelerator) -> float | None:
        """None where neither the catalog nor the user knows the power."""
        power_w = self.power_w or accelerator.power_w
        return None if power_w is None else power_w * self.power_share * (self.pue or 1.0) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Distribution of failures that are not single and memoryless: then the run is simulated."""

    model: FailureModel = field(default_factory=Exponential)
    correlated: CorrelatedLoss | None = None
    spares: Count = 0
    """Nodes that stand by for a correlated loss, paid as long as the run takes."""
    runs: Annotated[int, Ge(0), Le(10_000)] = 0
    """To simulate; 0 = none where the closed form is exact, else 400."""
    seed: Count = 1

    def __post_init__(self) -> None:
        for made in (self, self.correlated, None if isinstance(self.model, RecordedFailures) else self.model):
            if made is not None:
                check_limits(made)

    @property
    def closed(self) -> bool:
        """True if the expected time has a closed form."""
        return isinstance(self.model, Exponential) and self.correlated is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices; None = the catalog's price."""

    offer: str | None = None
    """`provider/sku`; None = the cheapest of the accelerator in whole nodes, on demand or on spot."""
    region: str | None = None
    on_demand_usd_per_gpu_h: UsdPerH | None = None
    spot: SpotTerms = field(default_factory=SpotTerms)
    owned: Owned | None = None
    """Nodes of one's own, as the plans of a scenario buy them."""
    owned_usd_per_gpu_h: UsdPerH | None = None
    """Or the cost of an owned accelerator an hour."""
    used_share: Annotated[float, Gt(0), Le(1)] = 1.0
    """Share of the time in which nodes of one's own work; the work pays for the idle rest."""
    storage_usd_per_gb_month: UsdPerGbMonth | None = None
    egress_usd_per_gb: UsdPerGb | None = None
    kept_checkpoints: Count = 3
    egress_copies: Count = 1
    """Number of times that the trained weights leave the provider."""
    data_bytes: Bytes = 0.0
    """Training data that the provider stores while the run lasts."""
    data_usd_per_gb: UsdPerGb = 0.0
    """Price of bringing them there: the egress of where they lie; 0 = they are there."""

    def __post_init__(self) -> None:
        check_limits(self)
        if self.data_usd_per_gb and not self.data_bytes:
            raise InputError("the price of bringing the training data needs their size; give --data-size, such as 20TB")
        if self.owned is not None:
            check_limits(self.owned)
            if self.owned_usd_per_gpu_h is not None:
                raise InputError("the price of owned hardware and what it follows from say the same; give one")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSetup:
    """A training run, its facts looked up."""

    model: Model
    accelerator: Accelerator
    tokens: float
    method: Method
    layout: ParallelLayout
    precision: Precision = "bf16"
    mfu: float | None = None
    """Measured; None = from `tokens_per_s_per_gpu`, else published."""
    tokens_per_s_per_gpu: Annotated[float, Gt(0)] | None = None
    """Measured."""
    flops_per_s_per_gpu: Annotated[float, Gt(0)] | None = None
    """Measured, as reports give it: model FLOPs, counted as `count_attention` says."""
    count_attention: bool = True
    """False: 6 N only, for an `mfu` that was measured so."""
    failures: Failures = field(default_factory=Failures)
    losses: Losses = field(default_factory=Losses)
    prices: Prices = field(default_factory=Prices)
    energy: Energy = field(default_factory=Energy)

    def __post_init__(self) -> None:
        check_limits(self)
        if not 0 < self.tokens < 1e18:
            raise InputError(f"tokens is {self.tokens!r}; give a number more than 0, such as 15.6e12")
        measured = (self.mfu, self.tokens_per_s_per_gpu, self.flops_per_s_per_gpu)
        if sum(one is not None for one in measured) > 1:
            raise InputError("mfu, tokens per s and FLOPs per s say the same; give one of them")

    @property
    def token_flops(self) -> TokenFlops:
        """FLOPs of one token."""
        return self.method.flops(self.model, self.layout.sequence_tokens if self.count_attention else 0)

    @property
    def powered_nodes(self) -> Owned | None:
        """The owned nodes whose stated power is that of the run; None where it is that of its accelerators."""
        states_accelerators = self.energy.power_w is not None or self.energy.power_share != 1
        return None if states_accelerators else self.prices.owned

    @property
    def power_kw(self) -> float | None:
        """Power of the run with the overhead of the site, as far as it is stated; None where the catalog has none.

        Where a number of nodes is owned, it is that of all of them: the run pays for their electricity.
        """
        owned, gpus = self.powered_nodes, self.layout.gpus
        if owned is not None:
            return (owned.nodes or -(-gpus // owned.accelerators)) * owned.power * owned.pue
        kw = self.energy.kw_per_gpu(self.accelerator)
        return None if kw is None else kw * gpus

    @property
    def measured(self) -> bool:
        """True if the user measured the speed."""
        return any(one is not None for one in (self.mfu, self.tokens_per_s_per_gpu, self.flops_per_s_per_gpu))


OPTIONS: dict[str, tuple[str, ...]] = {
    "pretrain": (),
    "full": (),
    "lora": ("rank",),
    "qlora": ("rank",),
    "distill": ("teacher",),
    "pruned": ("pruning", "kept_share", "speedup"),
    "transfer": ("trained_share",),
}
"""Names of the methods and the options that each takes."""
_NEEDED = {"distill": "teacher", "pruned": "kept_share", "transfer": "trained_share"}


def training_method(catalog: Catalog, name: str, **options: Any) -> Method:
    """The method of that name; options that are None count as not given.

    Raises:
        InputError: no such method; an option that it does not take; one that it needs is missing or out of range.
        CatalogError: no such teacher.
    """
    if name not in OPTIONS:
        hint = did_you_mean(name, list(OPTIONS)) or ";"
        raise InputError(f"no training method {name!r}{hint} methods: {', '.join(OPTIONS)}")
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in OPTIONS[name]:
            takes = ", ".join(OPTIONS[name]) or "no options"
            raise InputError(f"method {name!r} has no {option.replace('_', ' ')}; it takes {takes}")
    if name in _NEEDED and _NEEDED[name] not in given:
        raise InputError(f"method {name!r} needs the {_NEEDED[name].replace('_', ' ')}; give it")
    return _built(catalog, name, given)


def _built(catalog: Catalog, name: str, given: dict[str, Any]) -> Method:
    if name == "distill":
        return Distill(teacher=catalog.model(given["teacher"]))
    if name == "pruned":
        return Pruned(**given)
    if name == "transfer":
        return TransferLearning(**given)
    if name == "lora":
        return Lora(**given)
    if name == "qlora":
        return Lora(kind="qlora", **given)
    return Full(kind="pretrain") if name == "pretrain" else Full()


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Three values of one quantity, in order."""

    low: float
    mid: float
    high: float

    def times(self, factor: float) -> "ValueRange":
        """Each times a factor that is not negative."""
        return self.map(lambda value: value * factor)

    def map(self, function: Callable[[float], float]) -> "ValueRange":
        """Each through a function that does not decrease."""
        return ValueRange(function(self.low), function(self.mid), function(self.high))

    def plus(self, other: "ValueRange") -> "ValueRange":
        """Ends add up: both come from the same speed."""
        return ValueRange(self.low + other.low, self.mid + other.mid, self.high + other.high)
