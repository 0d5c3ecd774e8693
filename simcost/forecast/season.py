"""Season length of a demand series, in steps."""

from dataclasses import dataclass

from simcost.trace.series.series import Grid


@dataclass(frozen=True, slots=True)
class Season:
    """The season lengths of a series, in steps."""

    short: int
    """A day for steps below a day, a week for days, a year for weeks and months; 1 = none."""
    long: int | None = None
    """A week, for steps below a day."""

    @property
    def turn(self) -> int:
        """Steps between the origins of a backtest: a day; a week of days; a month of weeks or months."""
        return self.short if self.long or self.short == 7 else max(1, self.short // 12)

    @property
    def word(self) -> str:
        """Length of the short season in words."""
        return "day" if self.long else "week" if self.short == 7 else "year"


WEEKLY = Season(52)
MONTHLY = Season(12)


def season_of(grid: Grid) -> Season:
    """The seasons that demand has by nature on a grid of this step.

    >>> season_of(Grid(start_s=0, step_s=3600))
    Season(short=24, long=168)
    """
    if grid.step_s == 0:
        return MONTHLY
    if grid.step_s < 86400 and 86400 % grid.step_s == 0:
        day = 86400 // grid.step_s
        return Season(day, 7 * day)
    return {86400: Season(7), 604800: WEEKLY}.get(grid.step_s, Season(1))
