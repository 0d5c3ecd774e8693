"""Small tasks for workers: they import nothing of the simulator, so that processes start at once."""

import os
import signal
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path
from time import process_time, sleep
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.execution.task import Tell
from simcost.outputs import new_draft, whole_file


def versions() -> dict[str, str]:
    return {"engine": "1", "python": "3"}


@dataclass(slots=True, kw_only=True)
class SmallRun:
    """A number, and what happens when it is worked on."""

    number: int
    replication: int = 0
    kind: str = ""
    share: float = 0.0

    @property
    def label(self) -> str:
        return f"run {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Squares:
    """The square of a number, the process that found it, and what it is told to do before."""

    folder: Path
    numbers: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0))

    def check_inputs(self) -> None:
        if (self.folder / "refused").exists():
            raise InputError("inputs are others")

    def __call__(self, run: SmallRun, tell: Tell) -> tuple[int, int]:
        tell(0.5)
        match run.kind:
            case "killed once" if not (self.folder / f"{run.number}.tried").exists():
                (self.folder / f"{run.number}.tried").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            case "killed":
                new_draft(self.folder).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            case "wrong":
                raise InputError(f"run {run.number} is wrong")
            case "broken":
                raise ZeroDivisionError
            case "logs":
                getLogger("simcost.small").warning("said once")
            case "endless":
                with whole_file(self.folder / f"{run.number}.found") as draft:
                    draft.touch()
                    (self.folder / f"{run.number}.begun").touch()
                    sleep(60)
            case "slow":
                sleep(0.3)
            case "busy":
                until = process_time() + 0.3
                while process_time() < until:
                    pass
        return int(run.number**2 + self.numbers.sum()), os.getpid()
