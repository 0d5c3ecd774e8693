"""How training jobs save their work, and what a run that was stopped was worth."""

from dataclasses import dataclass
from math import ceil

from simcost.units import PositiveSeconds, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """Work is saved at regular intervals; a job that is stopped loses what it did since the last one."""

    interval: PositiveSeconds = 1800.0
    """Work between two checkpoints."""
    write: Seconds = 60.0
    """Time to write one; the gang stands still."""
    restart: Seconds = 180.0
    """Time from getting GPUs again to the first step."""

    def wall_s(self, work_s: float, *, again: bool) -> float:
        """Time on the GPUs for so much work, the last checkpoint left out.

        >>> Checkpoints(interval=10, write=1, restart=5).wall_s(25, again=True)  # 5 + 25 + 2 writes
        32
        """
        return (self.restart if again else 0) + work_s + self._writes(work_s) * self.write

    def stopped(self, work_s: float, ran_s: float, *, again: bool) -> tuple[float, float, float, float]:
        """What `ran_s` of a run of `work_s` was: work kept, work lost, checkpoints, restart; they add up to it."""
        restart = min(ran_s, self.restart) if again else 0.0
        cycle = self.interval + self.write
        whole = min(int((ran_s - restart) // cycle), self._writes(work_s))
        rest = ran_s - restart - whole * cycle
        lost = min(rest, self.interval) if whole < self._writes(work_s) else rest
        return whole * self.interval, lost, whole * self.write + rest - lost, restart

    def _writes(self, work_s: float) -> int:
        return max(ceil(work_s / self.interval) - 1, 0)
