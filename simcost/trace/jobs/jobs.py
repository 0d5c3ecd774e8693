"""Training jobs as columns, seconds from the first of them; they are never Python objects."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
NONE = -1
"""Stands for a deadline that is not set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Jobs:
    """A job trace: arrays of equal length, sorted by `submit_s` (stable: equal times keep the order of the log)."""

    job_id: npt.NDArray[Any]
    """As text, unique."""
    submit_s: Ints
    """From second 0: the submission of the first job kept, or the hour of the choice; floor of fractions."""
    duration_s: Ints
    """Service time on the GPUs asked for, without queueing; ceiling of fractions, at least 1."""
    gpus: Ints
    """Gang size; 0 = CPU only."""
    gpu_milli: Ints
    """Thousandths of a GPU, 1 to 1000; below 1000 only where gpus is 1."""
    cpu_milli: Ints
    memory_mib: Ints
    """Asked for; 0 = not a constraint."""
    priority: Ints
    """Larger = more urgent."""
    limit_s: Ints
    """The user's estimate, at least `duration_s`, as backfill uses it."""
    deadline_s: Ints
    """Absolute; NONE = none."""
    min_gpus: Ints
    max_gpus: Ints
    """Elastic range; both are `gpus` where a job is rigid."""
    pool: Ints
    """Index into `pools`: virtual cluster, queue or partition."""
    user: Ints
    """Index into `users`."""
    gpu_type: Ints
    """Index into `gpu_types`; the type is a list joined by `|`, empty = any."""
    status: Ints
    """Index into STATUS: the recorded outcome. Failed and killed jobs occupied GPUs all the same."""
    preemptible: Flags
    spot_ok: Flags
    pools: tuple[str, ...]
    users: tuple[str, ...]
    gpu_types: tuple[str, ...] = ("",)
    start_utc: str | None = None
    """ISO time of second 0, where known."""
    first_s: float | None = None
    """Second 0 on the clock of a log without dates; None = not known."""
    source: str = ""
    recorded_wait_s: Ints | None = None
    """Waiting time in the log, where it has one; NONE = never started."""
    running: Flags | None = None
    """They had not ended when the log did, to which their durations reach; None = all had."""
    state_bytes: npt.NDArray[np.float64] | None = None
    """Size of a checkpoint, where known; NaN = not of this job, as for the next three."""
    ckpt_interval_s: npt.NDArray[np.float64] | None = None
    """Work between two checkpoints."""
    ckpt_write_s: npt.NDArray[np.float64] | None = None
    """Time to write one."""
    restart_s: npt.NDArray[np.float64] | None = None
    """Time from getting GPUs again to the first step."""
    after: npt.NDArray[np.object_] | None = None
    """Ids of the jobs that must have ended before each may start, as tuples; None where no job depends on another."""
    users_known: bool = False
    extra: dict[str, float] = field(default_factory=dict)
    """Facts of the whole log, for describe."""

    @classmethod
    def of(cls, *, submit_s: Any, duration_s: Any, gpus: Any, **columns: Any) -> Self:
        """Jobs from their columns; those not given are as in a log that lacks them: no limits beyond the duration,
        no deadlines, one pool, one user, whole GPUs of any type, preemptible.
        """
        submit, duration, width = (np.asarray(one, np.int64) for one in (submit_s, duration_s, gpus))
        none, full = np.zeros(len(submit), np.int64), np.ones(len(submit), np.int64)
        known: dict[str, Any] = {
            "job_id": np.array([str(i) for i in range(len(submit))], object),
            "gpu_milli": 1000 * full,
            "cpu_milli": none,
            "memory_mib": none,
            "priority": none,
            "limit_s": duration,
            "deadline_s": NONE * full,
            "min_gpus": width,
            "max_gpus": width,
            "pool": none,
            "user": none,
            "gpu_type": none,
            "status": none,
            "preemptible": full > 0,
            "spot_ok": none > 0,
            "pools": ("",),
            "users": ("",),
        }
        given = {
            name: np.asarray(column, known[name].dtype) if isinstance(known.get(name), np.ndarray) else column
            for name, column in columns.items()
        }
        return cls(submit_s=submit, duration_s=duration, gpus=width, **known | given)

    def __len__(self) -> int:
        return len(self.submit_s)

    def __getitem__(self, rows: slice | npt.NDArray[np.generic]) -> "Jobs":
        """Some of the jobs, in their order; times stay as they are."""
        from dataclasses import fields, replace

        chosen = {
            one.name: getattr(self, one.name)[rows]
            for one in fields(self)
            if isinstance(getattr(self, one.name), np.ndarray)
        }
        return replace(self, **chosen)

    @property
    def whole_gpus(self) -> Floats:
        """GPUs of each job, parts of a GPU counted as such."""
        held: Floats = self.gpus * self.gpu_milli / 1000.0
        return held

    @property
    def work_gpu_s(self) -> Floats:
        """GPU-seconds that each job takes without interruption."""
        work: Floats = self.whole_gpus * self.duration_s
        return work

    @property
    def gpu_seconds(self) -> float:
        """Work of all jobs."""
        return float(np.dot(self.whole_gpus, self.duration_s))


CHECKPOINTS = ("ckpt_interval_s", "ckpt_write_s", "restart_s")
"""Columns that say how a job saves its work."""
STATUS = ("passed", "failed", "killed", "unknown")
