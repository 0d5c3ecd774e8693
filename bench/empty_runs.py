"""Runs without content, by which `engines.py` measures what an engine adds to each."""

from dataclasses import dataclass

from simcost.execution.task import Tell


@dataclass(slots=True, kw_only=True)
class EmptyRun:
    """A number."""

    number: int
    share: float = 0.0

    @property
    def label(self) -> str:
        """Name of it in messages."""
        return f"run {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """A task that returns at once."""

    def __call__(self, run: EmptyRun, tell: Tell) -> int:
        """The number."""
        del tell
        return run.number


def versions() -> dict[str, str]:
    """Nothing depends on any."""
    return {}
