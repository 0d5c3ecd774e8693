"""Owned hardware: its cost a year, used or not. Plans, break-evens and training runs all price it here.

    usd_per_year = capital + kW_average x PUE x 8760 x usd_per_kWh + usd_per_kW_month x 12 x kW_contracted
                   + staff + maintenance_share x capex

Capital is (capex - residual) / life, or with a cost of capital w the annuity of y years
(capex - residual / (1 + w)^y) w / (1 - (1 + w)^-y). Energy goes by the AVERAGE power, colocation by the CONTRACTED.
A run pays usd_per_year / 8760 for each hour in which it has the nodes; work that keeps them busy for a share u of the
time pays 1 / u of that.
"""

from dataclasses import asdict, replace
from math import expm1, log1p
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le

from simcost.errors import InputError
from simcost.record import record
from simcost.units import (
    HOURS_PER_YEAR,
    SECONDS_PER_HOUR,
    Kilowatts,
    PositiveCount,
    Share,
    Usd,
    UsdPerGb,
    UsdPerGbMonth,
    UsdPerKwh,
    UsdPerKwMonth,
    UsdPerYear,
    format_usd,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simcost.billing.bill import Bill, Obligation
    from simcost.billing.energy import EnergyReport
    from simcost.catalog import Catalog
    from simcost.ledger.requests import LedgerUsage

MONTHS_PER_YEAR = 12


@record
class YearlyCost:
    """USD per year, by what it is for."""

    capital: float
    energy: float
    colocation: float
    maintenance: float
    staff: float

    @property
    def usd_per_year(self) -> float:
        """All of it."""
        return self.capital + self.energy + self.colocation + self.maintenance + self.staff

    @property
    def usd_per_h(self) -> float:
        """The same per hour of the year, used or not."""
        return self.usd_per_year / HOURS_PER_YEAR

    def usd_per_accelerator_h(self, accelerators: int, utilisation: float = 1.0) -> float:
        """Per accelerator and hour; with a utilisation, per useful hour."""
        return self.usd_per_h / (accelerators * utilisation)


@record
class Owned:
    """Nodes that are bought, not rented. Ranges that are published for a node of 8 H100: capex $300,000 to $350,000,
    10.2 kW at most, colocation $150 to $250 per kW and month, residual 25 to 35 % after 3 years.
    """

    kind: Literal["owned"] = "owned"
    capex: Usd
    """Of a node, with its part of network and racks (10 to 15 % on top of the servers)."""
    accelerators: PositiveCount
    """Of a node."""
    life_years: Annotated[float, Gt(0), Le(30)]
    """Time in use."""
    residual: Usd = 0.0
    """Price for which a node is sold after that."""
    power: Kilowatts
    """Average power of a node, cooling not included."""
    pue: Annotated[float, Ge(1), Le(5)]
    """Energy of the site / energy of its machines; surveys find 1.58 on premises, 1.1 to 1.4 in large sites."""
    electricity: UsdPerKwh
    """Price of a kilowatt-hour."""
    colocation: UsdPerKwMonth = 0.0
    """Rent of the place, per `contracted` kW and month; 0 = of one's own."""
    contracted: Kilowatts = 0.0
    """Power reserved for a node, whatever it draws; must be given where `colocation` is."""
    maintenance: Share = 0.0
    """Per year, of the capex: spare parts, support."""
    staff: UsdPerYear = 0.0
    """Staff cost for all nodes together."""
    capital_rate: Share = 0.0
    """Cost of capital per year (WACC); 0 = straight-line depreciation, no interest."""
    nodes: PositiveCount | None = None
    """Number owned: a fleet gets no more, replicas beyond them wait. None = as many as a run has at a time at most."""
    storage: UsdPerGbMonth = 0.0
    """Price of disk per GB-month beyond what a node has; 0 = it is in the capex."""
    egress: UsdPerGb = 0.0
    """Price of responses sent to the internet per GB; 0 = the line is part of colocation."""
    g_per_kwh: Annotated[float, Ge(0)] | None = None
    """Grams of CO2e per kWh of its electricity; None = not known, and no carbon is computed."""

    def __post_init__(self) -> None:
        if self.residual > self.capex:
            raise ValueError(f"residual ({self.residual:g}) must not exceed capex ({self.capex:g})")
        if self.colocation and not self.contracted:
            raise ValueError(
                f"colocation ({self.colocation:g} USD per kW and month) needs `contracted`, the kW that are rented for "
                "a node; without it the rent would be 0"
            )

    def node_accelerators(self, _catalog: "Catalog", _per_replica: int) -> int:
        """Of a node."""
        return self.accelerators

    def bill(self, usage: "LedgerUsage", catalog: "Catalog") -> "Bill":
        """The charges of a run: all nodes that are owned, used or not.

        Raises:
            InputError: the run needs more nodes than are owned.
        """
        from simcost.billing.commitment import TakeOrPay
        from simcost.billing.instances import Instances, instances_bill, most_at_a_time
        from simcost.billing.metering import Line
        from simcost.catalog.facts import BillingRule

        most = most_at_a_time(usage)
        count = self.nodes_for(most)
        usd = self.cost_of_run(most).usd_per_h / count
        line = Line(
            provider="owned",
            sku="node",
            region="any",
            list_usd=usd,
            contracted_usd=usd,
            as_of="",
            quality="given",
        )
        held = TakeOrPay(
            name="owned nodes",
            provider="owned",
            sku="node",
            region="any",
            count=count,
            price=usd,
            length=usage.horizon_s,
        )
        rule = BillingRule(provider="owned", granularity_s=1e-6, minimum_s=0.0, source="", as_of="unknown", quality="A")
        costs = instances_bill(
            [Instances(usage=usage, line=line, rule=rule, storage_usd=self.storage, egress_usd=self.egress)],
            catalog,
            commitments=[held],
        )
        told = (
            self.cost_note(),
            *self._beyond_contract(),
            *self._as_needed(count),
            *self._beyond_life(usage.horizon_s),
            *self.without_price(disks=usage.disk_gb_per_node > 0, traffic=usage.gb_out > 0),
        )
        return replace(costs, notes=(*costs.notes, *told), obligations=tuple(self.obligations(count)))

    def obligations(self, nodes: int) -> "Iterator[Obligation]":
        """Amounts to sign for so many nodes: their price, and the power that is rented for them."""
        from simcost.billing.bill import Obligation

        yield Obligation(
            name=f"owned nodes, {nodes:,} x {format_usd(self.capex)}",
            upfront_usd=nodes * self.capex,
            recurring_usd_per_h=0.0,
            term_h=self.life_years * HOURS_PER_YEAR,
        )
        if rent := self.cost(nodes).colocation:
            yield Obligation(
                name=f"colocation, {nodes * self.contracted:,.6g} kW",
                upfront_usd=0.0,
                recurring_usd_per_h=rent / HOURS_PER_YEAR,
                term_h=None,
            )

    def cost_note(self) -> str:
        """The cost of a node, part by part, and the number of nodes where it is stated."""
        each = replace(self, staff=0.0).cost(1)
        parts = [f"{name} {format_usd(usd)}" for name, usd in asdict(each).items() if usd]
        split = f" ({', '.join(parts)})" if len(parts) > 1 else ""
        staff = f", and staff {format_usd(self.staff)} for all of them" if self.staff else ""
        number = "" if self.nodes is None else f"{self.nodes}, "
        return (
            f"owned nodes: {number}bought for {format_usd(self.capex)} each; a year of one costs "
            f"{format_usd(each.usd_per_year)}{split}{staff}, used or not"
        )

    def _beyond_contract(self) -> tuple[str, ...]:
        """Nodes that draw more than is rented for them."""
        if not 0 < self.contracted < self.power:
            return ()
        return (f"owned nodes: {self.contracted:g} kW are rented for a node that draws {self.power:g} kW on average",)

    def _as_needed(self, count: int) -> tuple[str, ...]:
        """The number of nodes behind a bill where it is not stated."""
        if self.nodes is not None:
            return ()
        text = (
            f"owned nodes: {count} in at least one replication, since each pays as many as it has at a time at most; "
            "give `nodes` for a number that is decided in advance"
        )
        return (text,)

    def _beyond_life(self, horizon_s: float) -> tuple[str, ...]:
        """A run that outlasts its nodes."""
        years = horizon_s / SECONDS_PER_HOUR / HOURS_PER_YEAR
        if years <= self.life_years:
            return ()
        text = (
            f"owned nodes: the run of {years:.3g} years is longer than their life of {self.life_years:g}; from then on "
            "they are bought again at the same price"
        )
        return (text,)

    def without_price(self, *, disks: bool, traffic: bool) -> tuple[str, ...]:
        """A note on the disks and the traffic of the nodes, where they are used and have no price."""
        free = free_of_charge(self.storage, self.egress, disks=disks, traffic=traffic)
        if not free:
            return ()
        return (f"owned nodes: no price of {free} is given, or one of 0, so that their cost is taken to be in this",)

    def energy(self, usage: "LedgerUsage") -> "EnergyReport":
        """Energy of all nodes that are owned, used or not, at the average power that prices them.

            kWh = nodes x power x PUE x hours of the run

        Raises:
            InputError: the run needs more nodes than are owned.
        """
        from simcost.billing.energy import EnergyReport, working_share
        from simcost.billing.instances import most_at_a_time

        count = self.nodes_for(most_at_a_time(usage))
        kwh, grid = count * self.power * self.pue * usage.horizon_s / SECONDS_PER_HOUR, self.g_per_kwh
        missing = "the grid of nodes that are owned; give `g_per_kwh` in `buy`, grams of CO2e per kWh"
        said = [f"owned nodes: {self.power:g} kW each on average, PUE {self.pue:g} (given)"]
        said += [] if grid is None else [f"{grid:g} gCO2e/kWh of owned nodes (given)"]
        return EnergyReport(
            accelerators_kwh=None,
            hosts_kwh=None,
            kwh=kwh,
            gco2e=None if grid is None else kwh * grid,
            embodied_gco2e=None,
            pue=self.pue,
            g_per_kwh=grid,
            utilisation=working_share(usage),
            unknown=(missing,) if grid is None else (),
            assumptions=(*said, "the power of owned nodes is that stated, whatever they do"),
        )

    def nodes_for(self, most: int) -> int:
        """The nodes that are paid for where a run has so many at a time: all that are owned.

        Raises:
            InputError: more than are owned.
        """
        count = self.nodes or max(most, 1)
        if most > count:
            raise InputError(f"the run has {most} nodes at a time, but only {count} are owned; own more of them")
        return count

    def cost_of_run(self, most: int) -> YearlyCost:
        """Cost of the nodes behind a run, a year.

        Raises:
            InputError: the run has more nodes at a time than are owned.
        """
        return self.cost(self.nodes_for(most))

    def cost(self, nodes: int) -> YearlyCost:
        """Cost of so many nodes, a year."""
        return YearlyCost(
            capital=nodes * self.capital_usd_per_year(),
            energy=nodes * self.power * self.pue * HOURS_PER_YEAR * self.electricity,
            colocation=nodes * self.colocation * MONTHS_PER_YEAR * self.contracted,
            maintenance=nodes * self.maintenance * self.capex,
            staff=self.staff,
        )

    def capital_usd_per_year(self) -> float:
        """Depreciation of a node, with interest where capital has a cost: the annuity.

        With C for the capex, R for the residual, y years and the rate w, the payments and the residual are worth the
        capex today: sum of A / (1 + w)^t over t = 1 .. y, and R / (1 + w)^y, are C. So

            A = (C - R / (1 + w)^y) w / (1 - (1 + w)^-y)

        Special cases: w = 0 is the straight line (C - R) / y; R = C leaves the interest w C; y without end too.

        >>> owned = Owned(capex=1000.0, accelerators=1, life_years=2, residual=100.0, power=0.0, pue=1, electricity=0.0)
        >>> owned.capital_usd_per_year()
        450.0
        >>> from dataclasses import replace
        >>> round(replace(owned, capital_rate=0.1).capital_usd_per_year(), 4)
        528.5714
        >>> round((1000 - 100 / 1.21) * 0.1 / (1 - 1 / 1.21), 4)
        528.5714
        >>> round(replace(owned, capital_rate=0.1, residual=1000.0).capital_usd_per_year(), 4)
        100.0
        """
        rate, years = self.capital_rate, self.life_years
        if rate == 0:
            return (self.capex - self.residual) / years
        repaid = -expm1(-years * log1p(rate))  # 1 - (1 + w)^-y, exact for small w
        return (self.capex - self.residual * (1 - repaid)) * rate / repaid


def free_of_charge(storage_usd: float, egress_usd: float, *, disks: bool, traffic: bool) -> str:
    """Names of the prices that are 0 of what is used; empty where there are none."""
    prices = {"`storage`": (storage_usd, disks), "`egress`": (egress_usd, traffic)}
    return " and ".join(name for name, (usd, is_used) in prices.items() if is_used and not usd)
