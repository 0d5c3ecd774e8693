"""Events that move demand or change its token lengths: migrations and lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Gt

from simcost.forecast.events.time import Factor, Interval, Name, check_interval, drawn, written
from simcost.record import record
from simcost.units import Seconds, Share

if TYPE_CHECKING:
    from simcost.forecast.events.horizon import Horizon, View
    from simcost.trace.series.series import Floats


@record
class Migration:
    """A share of one series' demand moves to another one over a ramp, or leaves. The demand that leaves one series
    arrives at the others, in each path.
    """

    kind: Literal["migration"] = "migration"
    name: Name
    """As charts and tables show it; all events of a file have different names."""
    series: Name
    """Name of the series that demand leaves."""
    to: Name | None = None
    """Name of the series where it arrives, of the same quantity; None = it leaves for good."""
    share: Annotated[Share, Gt(0)]
    """Median share that has moved after the ramp."""
    range: Interval | None = None
    """80 % interval of the share; None = it is certain. A draw above 1 is 1."""
    start: str
    """A date, a time, or `+10d` after the end of the history."""
    ramp: Seconds = 0.0
    """Duration; 0 = at once."""

    stage: ClassVar[int] = 3

    def __post_init__(self) -> None:
        written(self.start)
        check_interval(self.share, self.range, "share")
        if self.range is not None and self.range[1] > 1:
            raise ValueError(f"range: {self.range[1]:g} is above 1, all there is")
        if self.series == self.to:
            raise ValueError(f"series and to are both {self.to!r}; demand moves between two")

    def progress(self, horizon: Horizon) -> Floats:
        """Progress of each step along the ramp, beyond the last step of the history."""
        return horizon.new(horizon.at_s(self.start), self.ramp)

    def lay(self, values: Floats, luck: Floats, view: View) -> Floats:
        """Remaining demand: the rest of the rest, where part has moved already."""
        import numpy as np

        share = np.minimum(drawn(self.share, self.range, luck), 1.0)
        rest = 1.0 - share * view.horizon.risen(view.horizon.at_s(self.start), self.ramp)
        moved = np.divide(share, rest, out=np.zeros_like(share), where=rest > 0) * self.progress(view.horizon)
        stays: Floats = values * (1.0 - np.minimum(moved, 1.0))
        return stays


@record
class LengthChange:
    """Prompts or outputs become longer or shorter over a ramp: another model, price or template. Multiplies series
    of tokens and the tokens of generated requests; the number of requests stays.
    """

    kind: Literal["lengths"] = "lengths"
    name: Name
    """As charts and tables show it; all events of a file have different names."""
    series: str | None = None
    """Name of a series, or a pattern such as `chat/*`; None = all."""
    prompt: Factor = 1.0
    """Factor of the prompt tokens."""
    output: Factor = 1.0
    """Factor of the output tokens."""
    start: str
    """A date, a time, or `+10d` after the end of the history."""
    ramp: Seconds = 0.0
    """Duration; 0 = at once."""

    stage: ClassVar[int] = 4

    def __post_init__(self) -> None:
        written(self.start)
        if self.prompt == self.output == 1.0:
            raise ValueError("changes nothing; give prompt or output a factor other than 1")

    def progress(self, horizon: Horizon) -> Floats:
        """Progress of each step along the ramp, beyond the last step of the history."""
        return horizon.new(horizon.at_s(self.start), self.ramp)

    def factors(self, horizon: Horizon) -> tuple[Floats, Floats]:
        """Factors of prompt and of output tokens in each step, against the end of the history."""
        new, seen = self.progress(horizon), horizon.risen(horizon.at_s(self.start), self.ramp)
        prompt, output = (
            1.0 + (factor - 1.0) * new / (1.0 + (factor - 1.0) * seen) for factor in (self.prompt, self.output)
        )
        return prompt, output

    def lay(self, values: Floats, luck: Floats, view: View) -> Floats:  # noqa: ARG002 - certain
        """Multiply a series of tokens."""
        prompt, output = self.factors(view.horizon)
        factor = {"prompt_tokens": prompt, "output_tokens": output}.get(view.counts)
        return values if factor is None else values * factor
