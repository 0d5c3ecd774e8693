"""Prices that usage needs and no source states: all of them at once, each with the first row that needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from simcost.errors import CatalogError, Fault, FaultsError
from simcost.tables.faults import located
from simcost.trace.usage.usage import UsageRows


@dataclass(slots=True)
class MissingPrices:
    """Collects them, line by line."""

    usage: UsageRows
    lines: dict[str, list[int]] = field(default_factory=dict)
    """Message -> lines of usage."""

    @contextmanager
    def of(self, line: int) -> Iterator[None]:
        """Keep the missing price of a line."""
        try:
            yield
        except CatalogError as error:
            self.lines.setdefault(str(error), []).append(line)

    def check(self) -> None:
        """Raise FaultsError, or CatalogError where the usage is of no file, if any price is missing."""
        usage = self.usage
        if not self.lines:
            return
        if usage.path is None or usage.place is None:
            raise CatalogError("; ".join(self.lines))
        faults: list[tuple[int, Fault]] = []
        for message, lines in self.lines.items():
            rows = np.flatnonzero(np.isin(usage.line, lines))
            number = len(rows) if usage.file_rows is None else int(usage.file_rows[rows].sum())
            count = f" ({number:,} rows)" if number > 1 else ""
            faults.append((int(rows[0]), located(usage.path, usage.place(int(rows[0])), f"{message}{count}")))
        raise FaultsError([fault for _, fault in sorted(faults, key=lambda pair: pair[0])])
