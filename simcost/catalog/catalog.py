"""Looking facts up; what is not there is an error that names it and says what to do."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from fnmatch import fnmatchcase
from math import inf, isclose
from typing import Literal, Protocol, TypeVar

from simcost.catalog.acceptance_facts import DraftAcceptance
from simcost.catalog.aliases import ALIASES, ANY_REGION, SAME_SHAPE, WITHOUT_DATASHEET, canonical, matches, narrowness
from simcost.catalog.benchmark_scores import BenchmarkScore
from simcost.catalog.contracts import (
    Contracted,
    ContractPrice,
    ContractService,
    CurrencyRate,
    contract_of,
    contracted,
    currency_rate,
    narrowest,
    not_over,
)
from simcost.catalog.csv_reader import newest_of
from simcost.catalog.dates import UNKNOWN
from simcost.catalog.energy_facts import GridIntensity, PowerDraw, Pue
from simcost.catalog.facts import (
    Accelerator,
    BillingRule,
    CloudService,
    CommitmentEligibility,
    CommitmentRate,
    Eligible,
    HardwareFit,
    Instrument,
    Machine,
    Model,
    Offer,
    Precision,
    StepFactor,
    TierPrice,
    TokenPrice,
    TokenRule,
    TrainingMfu,
    TrainingSequence,
    Upfront,
)
from simcost.catalog.processors import CPU, parts_of
from simcost.catalog.public_traces import PublicTrace
from simcost.catalog.slices import MigSlices, Slice, slice_of
from simcost.catalog.training_runs import FailureRate, TrainingRun
from simcost.errors import CatalogError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The rows of all fact files; a field is a file."""

    accelerators: tuple[Accelerator, ...] = ()
    models: tuple[Model, ...] = ()
    machines: tuple[Machine, ...] = ()
    offers: tuple[Offer, ...] = ()
    billing_rules: tuple[BillingRule, ...] = ()
    commitment_rates: Sequence[CommitmentRate] = ()
    services: Sequence[CloudService] = ()
    commitment_eligibility: Sequence[CommitmentEligibility] = ()
    contracts: tuple[ContractPrice, ...] = ()
    currencies: tuple[CurrencyRate, ...] = ()
    tier_prices: tuple[TierPrice, ...] = ()
    token_prices: Sequence[TokenPrice] = ()
    token_rules: tuple[TokenRule, ...] = ()
    quality: tuple[BenchmarkScore, ...] = ()
    acceptance: tuple[DraftAcceptance, ...] = ()
    step_factors: tuple[StepFactor, ...] = ()
    hardware_fits: tuple[HardwareFit, ...] = ()
    mig: tuple[MigSlices, ...] = ()
    training_mfu: tuple[TrainingMfu, ...] = ()
    training_sequences: tuple[TrainingSequence, ...] = ()
    training_runs: tuple[TrainingRun, ...] = ()
    failure_rates: tuple[FailureRate, ...] = ()
    power: tuple[PowerDraw, ...] = ()
    pue: tuple[Pue, ...] = ()
    grid: tuple[GridIntensity, ...] = ()
    public_traces: Sequence[PublicTrace] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """The facts and the questions asked of them.

    Accelerators and models are found by the name as written, then as `canonical` reads it.
    """

    facts: Facts
    _offers: dict[str, list[Offer]] = field(init=False, repr=False, compare=False)
    """By name, lower case."""
    _rates: dict[tuple[str, str, str], list[CommitmentRate]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    """By provider, instrument and SKU, lower case; those for several SKUs under `*`. Empty until asked for."""
    _eligible: dict[tuple[object, ...], Eligible] = field(init=False, repr=False, compare=False, default_factory=dict)
    """Cache of `eligibility`."""

    def __post_init__(self) -> None:
        offers: dict[str, list[Offer]] = defaultdict(list)
        for offer in self.facts.offers:
            offers[offer.name.lower()].append(offer)
        object.__setattr__(self, "_offers", dict(offers))

    def _rates_of(self, provider: str, instrument: Instrument, sku: str) -> Iterator[CommitmentRate]:
        """The rates that are for the SKU."""
        if not self._rates:
            for rate in self.facts.commitment_rates:
                name = "*" if rate.sku.endswith("*") else rate.sku.lower()
                self._rates.setdefault((rate.provider, rate.instrument, name), []).append(rate)
        for name in (sku.lower(), "*"):
            yield from (r for r in self._rates.get((provider, instrument, name), ()) if matches(r.sku, sku))

    @property
    def as_of(self) -> str:
        """The newest known date of any fact, `unknown` if none has one."""
        return max({*self.newest_by_table().values()} - {UNKNOWN}, default=UNKNOWN)

    def newest_by_table(self) -> dict[str, str]:
        """The newest known date of each table, `unknown` if none of its facts has one."""
        return {table.name: newest_of(getattr(self.facts, table.name)) for table in fields(self.facts)}

    def public_trace(self, name: str) -> PublicTrace:
        """The public trace of that name. Raises CatalogError."""
        found = [trace for trace in self.facts.public_traces if trace.name == name]
        if not found:
            known = [trace.name for trace in self.facts.public_traces]
            hint = did_you_mean(name, known) or "; `simcost trace fetch` lists them"
            raise CatalogError(f"the catalog has no public trace {name!r}{hint}")
        return found[0]

    def accelerator(self, name: str) -> Accelerator:
        """The accelerator of that name; `cpu` stands for none. Raises CatalogError."""
        if name.strip().lower() == CPU.name:
            return CPU
        return _named("accelerator", "accelerators", name, self.facts.accelerators)

    def model(self, name: str) -> Model:
        """The model of that name. Raises CatalogError."""
        return _named("model", "models", name, self.models)

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of the fact files, and those of the same shape as one of them."""
        named = {model.name: model for model in self.facts.models}
        others = {name: named[shape] for name, shape in SAME_SHAPE.items() if name not in named and shape in named}
        same = (replace(model, name=name, shape=model.shape or model.name) for name, model in others.items())
        return *self.facts.models, *same

    def offer(self, name: str, region: str | None = None) -> Offer:
        """The offer `provider/sku` in a region.

        Args:
            name: `provider/sku`; case does not matter.
            region: None = the only region of the offer. An offer of region `any` serves every region.

        Raises:
            CatalogError: no such offer; not in that region; or several regions and none given.
        """
        found = self.offers_named(name)
        fitting = [offer for offer in found if region in (None, offer.region) or offer.region == "any"]
        regions = ", ".join(offer.region for offer in found)
        if not fitting:
            raise CatalogError(
                f"the catalog has no price of {name!r} in region {region!r}, only in: {regions}"
                f"{did_you_mean(region or '', [offer.region for offer in found]) or ';'} choose one of them, or "
                "add yours to offers.csv in your catalog folder"
            )
        exact = [offer for offer in fitting if offer.region == region] or fitting
        if len(exact) > 1:
            raise CatalogError(f"{name!r} has prices in several regions: {regions}; set `region`")
        return exact[0]

    def offers_named(self, name: str) -> Sequence[Offer]:
        """The offer `provider/sku` in each of its regions. Raises CatalogError."""
        found = self._offers.get(name.lower())
        if not found:
            raise _miss("offer", "offers", name, [offer.name for offer in self.facts.offers])
        return found

    def offers_for(self, accelerator: str) -> tuple[Offer, ...]:
        """Offers with an accelerator, by what is paid per accelerator on demand; of `cpu` those without, by that per
        vCPU. Raises CatalogError: no such accelerator, or a contract in a currency without a rate.
        """
        found = self.accelerator(accelerator)
        name = "" if found is CPU else found.name
        contracts, rates = self._contracts(None), self.facts.currencies
        offers = [offer for offer in self.facts.offers if offer.accelerator == name and parts_of(offer)]
        usd = {offer: contracted(offer, contracts, rates, None).contracted_usd_per_h for offer in offers}
        return tuple(sorted(offers, key=lambda offer: usd[offer] / parts_of(offer)))

    def contracted(self, offer: Offer, at: date | None = None) -> Contracted:
        """The list price of an offer and what is paid for it by the contracts of `contracts.csv`.

        Args:
            offer: an offer of this catalog.
            at: the day of use; None = without a calendar: the latest contract that is not over on the newest day of
                the catalog.

        Raises:
            CatalogError: the currency of the contract has no rate.
        """
        return contracted(offer, self._contracts(at), self.facts.currencies, at)

    def as_paid(self, offer: Offer) -> Offer:
        """The offer with what is paid for it on demand by the latest contract, and where that comes from; where none
        holds, as it is. Raises CatalogError: as `contracted`.
        """
        paid = self.contracted(offer)
        if paid.basis is offer:
            return offer
        spot = offer.spot_basis if offer.spot_usd_per_h is not None else None
        return replace(
            offer,
            on_demand_usd_per_h=paid.contracted_usd_per_h,
            source=paid.basis.source,
            as_of=paid.basis.as_of,
            quality=paid.basis.quality,
            spot_source=spot.source if spot else "",
            spot_as_of=spot.as_of if spot else "",
            spot_quality=spot.quality if spot else None,
        )

    def contract(self, offer: Offer, at: date | None = None) -> ContractPrice | None:
        """The contract that holds for an offer on a day; None = the list price is paid. As `contracted`."""
        return contract_of(offer, self._contracts(at), at)

    def contract_for(
        self, provider: str, sku: str, region: str, service: ContractService, at: date | None = None
    ) -> ContractPrice | None:
        """The contract that holds for anything that a provider sells, on a day; None = the list price is paid."""
        about = [one for one in self._contracts(at) if one.covers(provider, sku, region, service, at)]
        return narrowest(about)

    def discount(self, provider: str, sku: str, region: str, service: ContractService) -> float:
        """Share of the list price that the latest contract saves; of things that are not sold by the hour."""
        contract = self.contract_for(provider, sku, region, service)
        return (contract.discount or 0.0) if contract else 0.0

    def with_discount(self, provider: str, discount: float | None) -> "Catalog":
        """The catalog with a negotiated discount of a plan on all that a provider sells; None = as it is."""
        if discount is None:
            return self
        agreed = ContractPrice(provider=provider, discount=discount, source="discount of the plan")
        others = tuple(one for one in self.facts.contracts if one.name != agreed.name)
        return replace(self, facts=replace(self.facts, contracts=(*others, agreed)))

    def token_price_as_paid(self, name: str) -> TokenPrice:
        """The prices of an API after its contract. Raises CatalogError."""
        price = self.token_price(name)
        contract = self.contract_for(price.provider, price.model, ANY_REGION, "tokens")
        if contract is None or not contract.discount:
            return price
        left = 1 - contract.discount
        usd = {one.name: getattr(price, one.name) for one in fields(price) if one.name.endswith("usd_per_m")}
        paid = {name: value * left for name, value in usd.items() if value is not None}
        return replace(price, **paid, source=f"{price.source}; {contract.source} {contract.name}")

    def _contracts(self, at: date | None) -> Sequence[ContractPrice]:
        """Those that may hold on a day; without one, those that are not over."""
        known = self.facts.contracts
        return known if at or not known else not_over(known, self.as_of)

    def usd(self, amount: float, currency: str, day: str) -> float:
        """An amount in USD at the latest rate up to a day (`unknown` = the latest). Raises CatalogError."""
        return amount * (1.0 if currency == "USD" else currency_rate(self.facts.currencies, currency, day).usd_per_unit)

    def billing_rule(self, provider: str) -> BillingRule:
        """Metering rule of a provider's instances. Raises CatalogError."""
        for rule in self.facts.billing_rules:
            if rule.provider == provider:
                return rule
        known = [rule.provider for rule in self.facts.billing_rules]
        raise _miss("billing rule of provider", "billing-rules", provider, known)

    def commitment_rate(
        self,
        provider: str,
        instrument: Instrument,
        sku: str,
        region: str,
        term_years: float,
        upfront: Upfront,
    ) -> CommitmentRate:
        """The rate of a commitment for an instance type; of several the one for the fewest types and regions.

        Raises:
            CatalogError: there is none.
        """
        rows = [r for r in self._rates_of(provider, instrument, sku) if r.region in (region, ANY_REGION)]
        fitting = [r for r in rows if isclose(r.term_years, term_years, abs_tol=0.01) and r.upfront == upfront]
        if fitting:
            return max(fitting, key=lambda r: narrowness(r.sku, r.region))
        terms = ", ".join(sorted({f"{_years(r.term_years)}, upfront {r.upfront}" for r in rows}))
        raise CatalogError(
            f"the catalog has no {instrument} rate of {provider}/{sku} in {region} for {_years(term_years)}, upfront "
            f"{upfront}{f' (only: {terms})' if terms else ''}; give {_rate_keys(instrument, sku)} in the plan, from "
            "your quote or price list (a maximum as advertised, `up to` so much, is not a rate), or add it to "
            "commitment_rates.csv in your catalog folder (`simcost prices import` makes one of a price list)"
        )

    def service(self, provider: str, name: str, sku: str) -> CloudService | None:
        """The service of an item of usage: by the name that it has for it, else by its SKU; None = not known.

        Args:
            provider: of the item.
            name: as the usage names the service; empty = it does not.
            sku: of the item.
        """
        rows = (row for row in self.facts.services if row.provider == provider)
        return next((row for row in rows if (row.is_named(name) if name else _fits(row.skus, sku.lower()))), None)

    def service_name(self, provider: str, name: str, sku: str) -> str:
        """The name of that service: as usage has it, else as its SKU tells; empty = not known."""
        found = None if name else self.service(provider, "", sku)
        return found.service if found else name

    def eligibility(
        self,
        provider: str,
        instrument: Instrument | Literal["capacity-reservation"],
        service: str,
        sku: str,
        *,
        accelerator: str = "",
        term_years: float | None = None,
    ) -> Eligible:
        """Return whether a commitment may cover an item; `unknown` if no source says so.

        Args:
            provider: of the item.
            instrument: the kind of commitment.
            service: of the item, as usage names it; empty = as its SKU tells.
            sku: of the item.
            accelerator: of a machine with one.
            term_years: of the commitment.
        """
        key = (provider, instrument, service, sku, bool(accelerator), term_years)
        if key not in self._eligible:
            self._eligible[key] = self._eligibility(*key)
        return self._eligible[key]

    def _eligibility(
        self, provider: str, instrument: str, service: str, sku: str, accelerated: bool, term_years: float | None
    ) -> Eligible:
        known = self.service(provider, service, sku)
        name = known.service if known else service
        rows = [row for row in self.facts.commitment_eligibility if row.instrument == instrument]
        rows = [row for row in rows if row.provider == provider] or [row for row in rows if row.provider == "any"]
        fitting = [
            row.eligible
            for row in rows
            if row.service in ("*", name)
            and row.term_years in (None, term_years)
            and (_fits(row.sku, sku.lower()) or (accelerated and _fits(row.sku, "accelerator:")))
        ]
        return fitting[-1] if fitting else "unknown"

    def tier_prices(self, provider: str, item: str, region: str = ANY_REGION) -> tuple[TierPrice, ...]:
        """The price tiers of `storage`, `egress` or `inter-zone`, lowest first: those of the region, or of any.

        Raises:
            CatalogError: there are none.
        """
        rows = [t for t in self.facts.tier_prices if (t.provider, t.item) == (provider, item)]
        tiers = [t for t in rows if t.region == region] or [t for t in rows if t.region == ANY_REGION]
        if not tiers:
            raise CatalogError(
                f"the catalog has no {item} price of {provider}; give yours in the plan, e.g. "
                f"`buy: {{{item}: $0.10/GB}}`, or in tier_prices.csv of your catalog folder"
            )
        return tuple(sorted(tiers, key=lambda tier: tier.from_gb))

    def token_price(self, name: str) -> TokenPrice:
        """The prices of the API `provider/model`, completed by the rules of its provider; case does not matter.

        Raises:
            CatalogError: it is not in the catalog.
        """
        for price in self.facts.token_prices:
            if price.name.lower() == name.lower():
                for rule in self.facts.token_rules:
                    price = rule.completed(price)  # noqa: PLW2901
                return price
        known = [price.name for price in self.facts.token_prices]
        raise _miss("token price of", "token-prices", name, known)

    def hardware_fit(self, accelerator: Accelerator, precision: Precision) -> HardwareFit:
        """The coefficients of an accelerator at a rate of products, or the mean of those measured.

        Raises:
            CatalogError: there are neither.
        """
        link = "PCIe" if accelerator.link.startswith("PCIe") else "fabric"
        fits = {
            fit.accelerator: fit for fit in self.facts.hardware_fits if (fit.link, fit.precision) == (link, precision)
        }
        fit = fits.get(accelerator.name) or fits.get("")
        if fit is None:
            raise CatalogError(
                f"the catalog has no coefficients of {precision} products on {accelerator.name}, nor a mean of others; "
                "add a row to hardware_fits.csv in your catalog folder, or give `step`"
            )
        return fit

    def training_mfu(self, accelerator: str, precision: Precision, parameters: float) -> TrainingMfu:
        """The published MFU of the narrowest size class that holds the model. Raises CatalogError."""
        rows = [row for row in self.facts.training_mfu if (row.accelerator, row.precision) == (accelerator, precision)]
        fitting = [r for r in rows if r.parameters_from <= parameters < (r.parameters_to or inf)]
        if fitting:
            return min(fitting, key=lambda r: (r.parameters_to or inf, -r.parameters_from))
        known = sorted({f"{row.accelerator} {row.precision}" for row in self.facts.training_mfu})
        raise CatalogError(
            f"no MFU of training {parameters / 1e9:.3g}B parameters on {accelerator} in {precision} was published "
            f"in the catalog (it has {', '.join(known)}); give `mfu` or `tokens_per_s_per_gpu` as you measured it, or "
            "add it to training_mfu.csv in your catalog folder"
        )

    def training_sequences(self, accelerator: str) -> tuple[TrainingSequence, ...]:
        """MFU by sequence length on an accelerator, shortest first; empty if not measured."""
        rows = [row for row in self.facts.training_sequences if row.accelerator == accelerator]
        return tuple(sorted(rows, key=lambda row: row.sequence_tokens))

    def mig_slices(self, accelerator: str) -> MigSlices | None:
        """The instances into which MIG divides an accelerator, if it can."""
        return next((row for row in self.facts.mig if row.accelerator == accelerator), None)

    def slice_of(self, accelerator: str, name: str) -> Slice:
        """The part of an accelerator with a name, as `1g.10gb` or `1/4`. Raises CatalogError."""
        return slice_of(accelerator, name, self.mig_slices(accelerator))

    def power_draw(self, name: str) -> PowerDraw | None:
        """The measured power of an accelerator, of a `vcpu` or a `memory-gb`, if any."""
        return next((draw for draw in self.facts.power if draw.name == name), None)

    def pue(self, provider: str) -> Pue:
        """The power usage effectiveness of a provider, or of `on-premises`. Raises CatalogError."""
        for row in self.facts.pue:
            if row.provider == provider:
                return row
        raise _miss("PUE of provider", "pue", provider, [row.provider for row in self.facts.pue])

    def grid(self, provider: str, region: str) -> GridIntensity:
        """Emissions of a kilowatt-hour in a region. Raises CatalogError."""
        rows = [row for row in self.facts.grid if row.provider == provider]
        for row in rows:
            if row.region == region:
                return row
        place = f"{provider}/{region}"
        raise _miss("grid intensity of", "grid", place, [f"{row.provider}/{row.region}" for row in rows])


class Named(Protocol):
    """A fact with a name."""

    @property
    def name(self) -> str:
        """The name."""


N = TypeVar("N", bound=Named)


def _years(term: float) -> str:
    return f"{term:.3g} year{'' if term == 1 else 's'}"


def _rate_keys(instrument: Instrument, sku: str) -> str:
    """The keys of a commitment that say its rate."""
    if instrument in ("take-or-pay", "capacity-block"):
        return "`price: USD/h`"
    spend = instrument.endswith("savings-plan") or instrument == "flexible-cud"
    each = f"`rates: {{{sku}: USD/h}}`" if spend else "`price: USD/h`, `fee` with `hourly`,"
    return f"{each} or `discount`"


def _named(what: str, table: str, name: str, rows: Sequence[N]) -> N:
    by_name = {row.name: row for row in rows}
    found = by_name.get(name) or by_name.get(canonical(name))
    if found is None and what == "accelerator" and canonical(name) in WITHOUT_DATASHEET:
        raise CatalogError(
            f"the catalog has prices of {canonical(name)!r} but no datasheet (memory, bandwidth, FLOPS), so times and "
            "memory of a model on it are not known; add its row to accelerators.csv in your catalog folder"
        )
    if found is None:
        known = [*by_name, *(alias for alias, target in ALIASES.items() if target in by_name)]
        raise _miss(what, table, name, known)
    return found


def _miss(what: str, table: str, name: str, known: Sequence[str]) -> CatalogError:
    plain = canonical(name)
    begin = max((one for one in known if plain.startswith(f"{one}-")), key=len, default=None)
    near = f"; did you mean {begin!r}?" if begin else did_you_mean(name.lower(), known)
    hint = near or did_you_mean(plain, known) or ";"
    by = ", as `simcost catalog import config.json -o FOLDER` does" if table == "models" else ""
    return CatalogError(
        f"the catalog has no {what} {name!r}{hint} `simcost catalog list {table}` shows what it has; "
        f"add your own to {table.replace('-', '_')}.csv in your catalog folder{by}"
    )


def _fits(patterns: str, name: str) -> bool:
    """True if one of the patterns, divided by `|`, fits a name in lower case."""
    return any(fnmatchcase(name, pattern.strip().lower()) for pattern in patterns.split("|"))
