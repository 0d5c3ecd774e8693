"""One price as a list states it, before anything is believed."""

from dataclasses import dataclass, field
from typing import Literal

from simcost.catalog.catalog import Catalog
from simcost.catalog.facts import Instrument, Upfront
from simcost.catalog.prices.findings import Findings

Way = Literal["on-demand", "spot"] | Instrument
Part = Literal["", "host", "accelerator", "core", "ram", "gpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The price of an hour of an instance type, or of a part of one."""

    place: str
    """Where it stands in the file: `line 12`, `$.Items[3]`."""
    provider: str
    sku: str
    region: str
    price_per_h: float
    """In `currency`; NaN where the list has none."""
    currency: str = "USD"
    way: Way = "on-demand"
    term_years: float = 0.0
    upfront: Upfront = "none"
    part: Part = ""
    """Of what the price is, where it is not of a whole instance."""
    accelerator: str = ""
    """As the list names it."""
    accelerators: int | None = None
    """None = the list does not say."""
    device_gb: float | None = None
    """Memory of one accelerator, as the list says."""
    vcpus: int | None = None
    memory_bytes: float | None = None
    as_of: str = ""
    """Of this row, where rows have dates of their own."""
    notes: str = ""

    @property
    def what(self) -> str:
        """The instance type or part, in words."""
        return f"{self.provider}/{self.sku} in {self.region}"


@dataclass(slots=True, kw_only=True)
class Reading:
    """What a reader is told, and what it tells besides the quotes."""

    catalog: Catalog
    findings: Findings
    provider: str
    """Of lists that do not name it; empty = not given."""
    published: str = ""
    """Day of the list, as the list says; of lists without one the youngest day in it."""
    rows: int = field(default=0)
    """Prices, or rows, looked at."""

    def saw(self, instant: object) -> None:
        """Take note of a day in the list."""
        day = str(instant)[:10]
        if len(day) == 10 and day[4] == day[7] == "-" and day.replace("-", "").isdecimal():
            self.published = max(self.published, day)
