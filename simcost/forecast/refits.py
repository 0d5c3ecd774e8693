"""Refits to the first steps of a history, as if nothing later were known; each is made once."""

from dataclasses import dataclass, field

from simcost.forecast.cleaning import History
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.combination import Combination, Combined


@dataclass(frozen=True, slots=True)
class Refits:
    """Cleaned first steps of a history, and the combination fitted to them: selection and backtest share them."""

    history: History
    _cleaned: dict[int, CleanedHistory] = field(default_factory=dict)
    _combined: dict[tuple[int, int], Combined] = field(default_factory=dict)

    def seen(self, end: int) -> CleanedHistory:
        """The first `end` steps, cleaned."""
        if end not in self._cleaned:
            self._cleaned[end] = self.history.seen(end)[0]
        return self._cleaned[end]

    def combined(self, end: int, horizon: int) -> Combined:
        """The combination fitted to them, for a horizon in steps."""
        if (end, horizon) not in self._combined:
            self._combined[end, horizon] = Combination().fit(self.seen(end), horizon)
        return self._combined[end, horizon]
