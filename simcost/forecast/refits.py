"""Refits to the first steps of a history, as if nothing later were known; each is made once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simcost.forecast.cleaning import Edit, History
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.combination import Combination, Combined
from simcost.trace.series.series import Floats


@dataclass(frozen=True, slots=True)
class Refits:
    """Cleaned first steps of a history, and the combination fitted to them: selection and backtest share them.

    Args:
        history: all of it.
        horizon: steps ahead that the backtest looks; 0 = there is none.
    """

    history: History
    horizon: int = 0
    _cleaned: dict[int, tuple[CleanedHistory, tuple[Edit, ...]]] = field(default_factory=dict)
    _combined: dict[tuple[int, int], Combined] = field(default_factory=dict)

    def cleaned(self, end: int) -> tuple[CleanedHistory, tuple[Edit, ...]]:
        """The first `end` steps, cleaned, and what cleaning changed."""
        if end not in self._cleaned:
            self._cleaned[end] = self.history.seen(end)
        return self._cleaned[end]

    def seen(self, end: int) -> CleanedHistory:
        """The first `end` steps, cleaned."""
        return self.cleaned(end)[0]

    def combined(self, end: int, horizon: int) -> Combined:
        """The combination fitted to them, for a horizon in steps."""
        if (end, horizon) not in self._combined:
            self._combined[end, horizon] = Combination().fit(self.seen(end), horizon)
        return self._combined[end, horizon]

    def points(self, end: int, horizon: int) -> Mapping[str, Floats]:
        """Point forecasts of the candidates: the first steps of those of the backtest, where it looks farther on."""
        farther = self.horizon if end + self.horizon <= len(self.history) else 0
        candidates = self.combined(end, max(horizon, farther)).candidates()
        return {name: point[:horizon] for name, point in candidates.items()}
