"""Common members of commitments of one form: term and price."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from math import fsum, inf
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Gt, MinLen

from simcost.billing.commitment.terms import Discount, Terms, Years, years_h
from simcost.catalog.facts import CommitmentRate, Instrument, Upfront
from simcost.errors import CatalogError, InputError
from simcost.record import record
from simcost.units import FROM_START, SECONDS_PER_HOUR, PositiveCount, Usd, UsdPerH, format_usd

if TYPE_CHECKING:
    from simcost.billing.commitment.bound import Agreed, CommitmentRates, CommittedUnits, Payments, Spend
    from simcost.billing.metering import Line, Metered

Offset = Annotated[float, FROM_START]


@record
class Termed:
    """Anything that is bought for a time."""

    focus_type: ClassVar[str]
    """Its CommitmentDiscountType in FOCUS."""
    discounted: ClassVar[bool] = False
    """True if a discount on all that the provider sells is taken off its payments too, after its own rates."""
    follow_up: ClassVar[str] = "add the one that follows it, if there is one"
    """Remedy where its term ends within the usage."""
    name: str = ""
    """As bills show it; empty = its kind."""
    account: str = ""
    """Account that bought it: its own usage comes first. Empty = the payer of all accounts."""
    shared: bool = True
    """True if other accounts of the organisation get what its own account leaves."""
    since: Offset = 0.0
    """Start, from the start of the usage; below 0 = bought before."""

    @property
    def term_h(self) -> float:
        """Length of its term."""
        raise NotImplementedError

    def term_in(self, account: "Metered") -> float:
        """Length of its term, by the calendar of an account."""
        return self.term_h

    @property
    def start_h(self) -> float:
        """Start of its term, from the start of the usage."""
        return self.since / SECONDS_PER_HOUR

    @property
    def end_h(self) -> float:
        """End of its term, or of the first, from the start of the usage."""
        return self.start_h + self.term_h

    def agreed(
        self, account: "Metered", rates: "CommitmentRates", provider: str, region: str = ""
    ) -> "tuple[Agreed, ...]":
        """Negotiated discounts on its payments, by their share of its time within the account."""
        from simcost.billing.commitment.bound import Agreed

        first, last = max(0.0, self.start_h), max(0.0, min(account.span_h, self.end_h))
        if getattr(self, "renewed", False):
            last = account.span_h
        found: dict[tuple[str, float], float] = {}
        for day, hours in account.days_h(first, last):
            held = rates.contract_for(provider, "", region, "commitments", day)
            if held is None or not held.discount or not (self.discounted or held.service):
                key = ("", 0.0)
            else:
                key = (held.name, held.discount)
            found[key] = found.get(key, 0.0) + hours
        total = fsum(found.values())
        if not total or set(found) == {("", 0.0)}:
            return ()
        return tuple(Agreed(name, hours / total, discount) for (name, discount), hours in found.items())

    def end_note(self, account: "Metered") -> tuple[str, ...]:
        """A note on a term that ends within the usage."""
        end_h = self.start_h + self.term_in(account)
        if not 0 < end_h < account.span_h - 1e-9:
            return ()
        text = (
            f"{self.name}: its term ends {end_h:,.6g} h after the start of the usage, which goes on to "
            f"{account.span_h:,.6g} h: what it covered is paid without it from then on; {self.follow_up}"
        )
        return (text,)


@record
class Yearly(Termed):
    """Bought for years."""

    follow_up: ClassVar[str] = "say `renewed: true` where it is bought again"
    year_of_365_days: ClassVar[bool] = False
    """True of providers whose year is 365 days, leap years too."""
    years: Years = 1
    """Length of the term."""
    upfront: Upfront = "none"
    """Share paid in advance: none, partial (half), or all."""
    renewed: bool = False
    """Bought again whenever its term ends; else usage after the term is paid without it."""

    @property
    def term_h(self) -> float:
        """Length of its term: 8,760 hours a year, without a calendar."""
        return years_h(self.years)

    def term_in(self, account: "Metered") -> float:
        """Length of its term by the calendar of an account, to the same day so many years later."""
        return self._term_from(self.start_h, account)

    def _term_from(self, start_h: float, account: "Metered") -> float:
        if account.start_s is None or self.year_of_365_days:
            return self.term_h
        return years_h(self.years, account.start_s + start_h * SECONDS_PER_HOUR)

    def payments(self, account: "Metered", terms_of: Callable[[float], Terms]) -> "Payments":
        """Its payments, term by term.

        Args:
            account: the usage.
            terms_of: the payments of a term of so many hours.

        Raises:
            InputError: its term is over before the usage starts.
        """
        from simcost.billing.commitment.bound import Payments

        each = [terms_of(self.term_in(account))]
        at = self.start_h + each[0].term_h
        if not self.renewed and at <= 0:
            raise InputError(
                f"{self.name}: its term ends {abs(at):,.0f} h before the start of the usage; say "
                "`renewed: true`, or leave it out"
            )
        if not self.renewed:
            return Payments(each=tuple(each), from_h=self.start_h, to_h=at)
        while at < account.span_h:
            each.append(terms_of(self._term_from(at, account)))
            at += each[-1].term_h
        return Payments(each=tuple(each), from_h=self.start_h, to_h=inf)

    def end_note(self, account: "Metered") -> tuple[str, ...]:
        """A note on a term that ends within the usage, and is not bought again."""
        return () if self.renewed else Termed.end_note(self, account)


@record
class HourlyPrice(Yearly):
    """So many units of a SKU for years, at a price an hour: `price` (all included), `fee` and `hourly`, or `discount`;
    none of them = the catalog's rate of the SKU, region and term, where it has a sourced one.
    """

    instrument: ClassVar[Instrument]
    """As the catalog lists its rates."""
    provider: str = "aws"
    """Provider of the commitment."""
    sku: Annotated[str, MinLen(1)]
    """SKU of the commitment, as the provider calls it: `p5.48xlarge`."""
    region: str | None = None
    """None = the only region of the usage."""
    count: PositiveCount
    """Number of units."""
    price: UsdPerH | None = None
    """Per unit and hour, upfront payments included."""
    fee: Usd | None = None
    """Per unit, once in advance; with `hourly`."""
    hourly: UsdPerH | None = None
    """Per unit and hour, beside `fee`."""
    discount: Discount | None = None
    """Off the on-demand list price."""

    def __post_init__(self) -> None:
        ways = [
            self.price is not None,
            self.discount is not None,
            self.fee is not None or self.hourly is not None,
        ]
        if sum(ways) > 1:
            raise ValueError("give one of `price`, `discount`, or `fee` with `hourly`")

    def terms_of(self, account: "Metered", rates: "CommitmentRates", region: str) -> Callable[[float], Terms]:
        """Payments for `count` units, by the hours of a term.

        Raises:
            CatalogError: no price is given and the catalog has none.
        """
        if self.fee is not None or self.hourly is not None:
            fee, hourly = (self.fee or 0.0) * self.count, (self.hourly or 0.0) * self.count
            return lambda term_h: Terms(upfront_usd=fee, recurring_usd_per_h=hourly, term_h=term_h)
        usd_per_h = self._each(account, rates, region) * self.count
        return lambda term_h: Terms.of(self.hourly_over(usd_per_h, term_h), term_h, self.upfront)

    def hourly_over(self, usd_per_h: float, term_h: float) -> float:
        """Cost of an hour of a term of so many hours, at a price an hour."""
        return usd_per_h

    def _each(self, account: "Metered", rates: "CommitmentRates", region: str) -> float:
        if self.price is not None:
            return self.price
        if self.discount is not None:
            return self._list_usd(account, rates, region) * (1 - self.discount)
        found = self._listed(rates, region)
        return found.paid_usd_per_h(self._list_usd(account, rates, region))

    def _list_usd(self, account: "Metered", rates: "CommitmentRates", region: str) -> float:
        try:
            return list_usd(account, rates, self.provider, self.sku, region)
        except CatalogError as error:
            raise CatalogError(f"{self.name}: {error}") from error

    def _basis(self, rates: "CommitmentRates", region: str) -> str:
        """Basis of its price."""
        if self.discount is not None:
            return assumed_note(self.name, self.discount)
        if self.price is not None or self.fee is not None or self.hourly is not None:
            return f"{self.name}: the price is the plan's own"
        return rate_note(self.name, self._listed(rates, region))

    def _listed(self, rates: "CommitmentRates", region: str) -> CommitmentRate:
        try:
            return rates.commitment_rate(self.provider, self.instrument, self.sku, region, self.years, self.upfront)
        except CatalogError as error:
            raise CatalogError(f"{self.name}: {error}") from error

    def capacity(
        self,
        account: "Metered",
        rates: "CommitmentRates",
        region: str,
        *,
        units: float,
        each: Callable[["Line"], float | None],
        order: int,
        unit: str = "h",
    ) -> "CommittedUnits":
        """The capacity with its payments; `each` is the units that an hour of a line takes."""
        from simcost.billing.commitment.bound import CommittedUnits, paid_share, takes_of

        agreed = self.agreed(account, rates, self.provider, region)
        left, terms_of = paid_share(agreed), self.terms_of(account, rates, region)
        payments = self.payments(account, lambda term_h: terms_of(term_h).times(left))
        usd_per_h = payments.terms.effective_usd_per_h / self.count
        takes, left_out = takes_of(account, rates, self.instrument, each)
        return CommittedUnits(
            name=self.name,
            kind=getattr(self, "kind", ""),
            focus_type=self.focus_type,
            order=order,
            account=self.account,
            shared=self.shared,
            payments=payments,
            units=units,
            takes=takes,
            left_out=left_out,
            unit=unit,
            provider=self.provider,
            region=region,
            sku=self.sku,
            notes=(self._basis(rates, region), *self._above(account, region, usd_per_h), *self.end_note(account)),
            agreed=agreed,
        )

    def _above(self, account: "Metered", region: str, usd_per_h: float) -> Iterator[str]:
        """A note on a price above that on demand, most likely that of a month, or of several units."""
        mine = (self.provider, self.sku, region, "standard")
        lines = [line for line in account.lines if (line.provider, line.sku, line.region, line.pricing) == mine]
        prices = [line.contracted_usd for line in lines]
        if prices and usd_per_h > max(prices) * (1 + 1e-9):
            yield (
                f"{self.name}: {format_usd(usd_per_h)} an hour of each {self.sku} is above its price on demand, "
                f"{format_usd(max(prices))}"
            )


@record
class SpendPlan(Yearly):
    """So much an hour for years, at rates below on-demand: `rates` by SKU, `discount` for the others; neither = the
    catalog's of each SKU, region and term, where it has sourced ones.
    """

    commitment: Annotated[UsdPerH, Gt(0)]
    """USD an hour, at the discounted rates."""
    rates: Mapping[str, UsdPerH] = field(default_factory=dict)
    """USD per hour by SKU (`p5.48xlarge`, or a pattern such as `p5.*`)."""
    discount: Discount | None = None
    """Off the on-demand list price, of whatever `rates` does not name."""

    def __post_init__(self) -> None:
        if not self.commitment > 0:
            raise ValueError("a commitment must be above 0 USD/h")

    @property
    def listed_as(self) -> Instrument:
        """As the catalog lists its rates."""
        raise NotImplementedError

    @property
    def order(self) -> int:
        """Place in the settlement of an hour."""
        return 40

    @property
    def hourly_usd(self) -> float:
        """Commitment an hour at the discounted rates."""
        return self.commitment

    def reaches(self, line: "Line", account: "Metered") -> bool:
        """True if a line is within its scope; whether its provider lets it cover the line is in the catalog."""
        return line.provider == getattr(self, "provider", "")

    def cheaper_on_demand(self, line: "Line") -> float:
        """USD that an hour draws of a line whose negotiated price is not above the rate: nothing."""
        return 0.0

    def bind(self, account: "Metered", rates: "CommitmentRates") -> "Spend":
        """Rates by line; what is not eligible is left alone.

        Raises:
            CatalogError: eligible usage without a stated rate, all of it.
        """
        import numpy as np

        from simcost.billing.commitment.bound import Spend, eligible, paid_share

        agreed = self.agreed(account, rates, getattr(self, "provider", ""))
        left = paid_share(agreed)
        found = [0.0] * len(account.lines)
        missing: dict[str, CatalogError] = {}
        not_below: dict[str, None] = {}
        reached = [i for i, ln in enumerate(account.lines) if ln.pricing == "standard" and self.reaches(ln, account)]
        answers = {i: eligible(rates, self.listed_as, account.lines[i], self.years) for i in reached}
        for i, line in enumerate(account.lines):
            if answers.get(i) == "yes":
                try:
                    quoted = self._quoted(line, rates)
                except CatalogError as error:
                    missing.setdefault(f"{line.name} in {line.region}", error)
                    continue
                quoted *= left
                found[i] = quoted if quoted < line.contracted_usd else self.cheaper_on_demand(line)
                if quoted and not found[i]:
                    not_below[f"{line.name} in {line.region}"] = None
        if missing:
            first, *others = missing
            same = f"; the same is missing of {', '.join(others)}" if others else ""
            raise CatalogError(f"{self.name}: {missing[first]}{same}")
        return Spend(
            name=self.name,
            kind=getattr(self, "kind", ""),
            focus_type=self.focus_type,
            order=self.order,
            account=self.account,
            shared=self.shared,
            usd_per_h=left * self.hourly_usd,
            rates=np.array(found, np.float64),
            payments=self.payments(account, lambda term_h: Terms.of(left * self.hourly_usd, term_h, self.upfront)),
            provider=getattr(self, "provider", ""),
            notes=(
                *self._notes([account.lines[i] for i, answer in answers.items() if answer == "yes"], rates),
                *self._beyond(not_below),
                *self.end_note(account),
            ),
            left_out={i: answer for i, answer in answers.items() if answer != "yes"},
            agreed=agreed,
        )

    def _beyond(self, not_below: Iterable[str]) -> Iterator[str]:
        """A note on usage that costs no more on demand."""
        if names := ", ".join(not_below):
            yield f"{self.name}: its rate is not below the price on demand of {names}, which it does not cover"

    def _notes(self, lines: Iterable["Line"], rates: "CommitmentRates") -> tuple[str, ...]:
        """Basis of its rates."""
        if self.discount is not None or self.rates:
            own = (f"{self.name}: the rates are the plan's own",) if self.rates else ()
            return own if self.discount is None else (*own, assumed_note(self.name, self.discount))
        asked = (rate_note(self.name, self._of_catalog(line, rates)) for line in lines)
        return tuple(dict.fromkeys(asked))

    def _of_catalog(self, line: "Line", rates: "CommitmentRates") -> CommitmentRate:
        return rates.commitment_rate(line.provider, self.listed_as, line.sku, line.region, self.years, self.upfront)

    def _quoted(self, line: "Line", rates: "CommitmentRates") -> float:
        """The rate of a line; 0 = it names others alone."""
        named = next((usd for sku, usd in self.rates.items() if fnmatchcase(line.sku.lower(), sku.lower())), None)
        if named is None and self.rates and self.discount is None:
            return 0.0
        return self._listed(line, rates) if named is None else named

    def _listed(self, line: "Line", rates: "CommitmentRates") -> float:
        if self.discount is not None:
            return line.list_usd * (1 - self.discount)
        return self._of_catalog(line, rates).paid_usd_per_h(line.list_usd)


def assumed_note(name: str, discount: float) -> str:
    """A discount of the plan is the user's assumption until a quote confirms it."""
    return f"{name}: {100 * discount:g} % off on demand is the plan's own assumption, no listed rate"


def rate_note(name: str, rate: CommitmentRate) -> str:
    """Source of a rate of the catalog; an assumption is called one."""
    what = f"{rate.usd_per_h:g} USD/h" if rate.usd_per_h is not None else f"{100 * (rate.discount or 0.0):g} % off"
    more = f"; {rate.notes}" if rate.notes else ""
    return f"{name}: {what} ({rate.source}, {rate.as_of}, quality {rate.quality}{more})"


def list_usd(account: "Metered", rates: "CommitmentRates", provider: str, sku: str, region: str) -> float:
    """On-demand list price of a SKU: that of its usage, else the catalog's."""
    for line in account.lines:
        if (line.provider, line.sku, line.region) == (provider, sku, region) and line.pricing == "standard":
            return line.list_usd
    return rates.offer(f"{provider}/{sku}", None if region == "any" else region).on_demand_usd_per_h
