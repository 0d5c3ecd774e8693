"""The jobs of a scenario: read once, the same for every plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from simcost.errors import FaultsError, InputError
from simcost.rng import stream
from simcost.scenario.inputs.file_hashes import hashes
from simcost.scenario.schema.jobs import JobLog
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.sim.jobs.document import after_last_submission
from simcost.sim.jobs.estimates import with_limits
from simcost.tables.paths import inside
from simcost.trace.jobs.jobs import NONE, Flags, Ints, Jobs
from simcost.trace.jobs.nodes import NodeTable
from simcost.trace.jobs.reader import read_jobs
from simcost.units import format_count, format_seconds

_ANY_WIDTH = np.iinfo(np.int64).max
_MAP = re.compile(r"(?:pass )?--map (?:'(\w+)=([^']+)'|(\w+)=([^\s;,()?]+))")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JobTrace:
    """The jobs that are run."""

    log: JobLog
    jobs: Jobs
    findings: tuple[str, ...]
    """Findings on what was left out or assumed when the log was read."""
    seed: int
    inputs: dict[str, str]
    """SHA-256 of the log by its name in the scenario."""
    late: int
    """Jobs submitted after the end of the run, which are left out."""

    @classmethod
    def of(
        cls,
        loaded: LoadedScenario,
        log: JobLog,
        seed: int,
        clusters: Sequence[NodeTable],
        horizon_s: float | None,
        *,
        beside_requests: bool = False,
    ) -> Self:
        """Read the jobs of a scenario.

        Args:
            loaded: the scenario.
            log: its `jobs`.
            seed: of limits that are drawn.
            clusters: the lists of nodes of its plans: jobs of pools that one of them lacks are kept out of all, and
                jobs that ask for no GPU where none of them knows CPUs.
            horizon_s: end of the run, None = when the last job has ended.
            beside_requests: jobs keep their hours of the day, as requests have theirs.

        Raises:
            InputError: a log that cannot be read, or in which no job is left.
        """
        jobs, findings = read_log(
            log,
            loaded.folder,
            pools=_pools(clusters),
            cpus=any(nodes.has_cpus for nodes in clusters),
            keep_hours=beside_requests,
        )
        findings += after_last_submission(jobs) if horizon_s is None else []
        end_s = np.inf if horizon_s is None else horizon_s
        early: Flags = jobs.submit_s < end_s
        if not early.any():
            first = format_seconds(float(jobs.submit_s[0]))
            raise InputError(
                f"{log.path}: the first job comes {first} after the hour of `since` ({log.since}), and the run ends "
                f"after {format_seconds(end_s)}; choose a later `since`, or a longer run"
            )
        return cls(
            log=log,
            jobs=jobs if early.all() else jobs[early],
            findings=tuple(finding["message"] for finding in findings),
            seed=seed,
            inputs=hashes(loaded.folder, [log.path]),
            late=int((~early).sum()),
        )

    @property
    def random(self) -> bool:
        """True if the jobs differ from one replication to the next."""
        return self.log.limits is not None and self.log.limits.sigma > 0

    @property
    def due_s(self) -> Ints | None:
        """Deadlines, NONE where a job has none; None if no job has one."""
        return self.jobs.deadline_s if (self.jobs.deadline_s != NONE).any() else None

    def sampled(self, replication: int) -> Jobs:
        """The jobs of a replication, the same for every plan."""
        if self.log.limits is None:
            return self.jobs
        return with_limits(self.jobs, self.log.limits, self._seed(replication))

    def identity(self, replication: int) -> Any:
        """All that the jobs of a replication depend on, as plain data."""
        log = asdict(self.log) | {"path": self.inputs[self.log.path]}
        known: dict[str, Any] = {"jobs": log, "pools": self.jobs.pools}
        lead_s = int(self.jobs.submit_s[0])
        known |= {"lead_s": lead_s} if lead_s else {}
        return known | ({"seed": self._seed(replication)} if self.random else {})

    def caveats(self) -> list[str]:
        """Caveats on the jobs of the result."""
        hours = format_count(self.jobs.gpu_seconds / 3600)
        count = "1 job" if len(self.jobs) == 1 else f"{format_count(len(self.jobs))} jobs"
        lines = [f"{self.log.path}: {count}, {hours} GPU-hours; each takes as long on any plan's GPUs as in the log."]
        if self.late:
            late = "1 job is" if self.late == 1 else f"{format_count(self.late)} jobs are"
            lines.append(f"{self.log.path}: {late} submitted after the end of the run.")
        if self.log.limits is not None:
            error, sigma = self.log.limits.error, self.log.limits.sigma
            again = ", drawn again in each replication" if sigma else ""
            lines.append(f"Time limits are the durations x {1 + error:g} x e^({sigma:g} z){again}.")
        return lines + [f"{self.log.path}: {finding.rstrip('.')}." for finding in self.findings]

    def _seed(self, replication: int) -> int:
        return int(stream(self.seed, "jobs", replication).integers(2**62))


def read_log(log: JobLog, folder: Path, **rules: Any) -> tuple[Jobs, list[dict[str, Any]]]:
    """The jobs of a log, and findings on it; remedies are keys of `jobs`.

    Args:
        log: the `jobs` of a scenario.
        folder: of the scenario.
        rules: further arguments of `read_jobs`.

    Raises:
        InputError: as `read_jobs`.
    """
    try:
        jobs, findings = read_jobs(
            inside(folder, log.path),
            format=log.format,
            mapping=log.map,
            pool=log.pool,
            since=log.since,
            window_s=log.window,
            timezone=log.timezone,
            limit_error=log.limit_error,
            **rules,
        )
    except FaultsError as error:
        raise FaultsError([replace(fault, message=in_keys(fault.message)) for fault in error.faults]) from error
    except InputError as error:
        raise type(error)(in_keys(str(error))) from error
    return jobs, [finding | {"message": in_keys(finding["message"])} for finding in findings]


def in_keys(message: str) -> str:
    """Message of a command that reads job logs, for a scenario: keys of `jobs` in the place of options.

    >>> in_keys("no column says how many GPUs they asked for; pass --map gpus=COLUMN; its columns are: a, b")
    'no column says how many GPUs they asked for; write `jobs.map: {gpus: COLUMN}`; its columns are: a, b'
    >>> in_keys("they were read as UTC; if they are of another one, pass --timezone")
    'they were read as UTC; if they are of another one, write `jobs.timezone`'
    """

    def mapped(found: re.Match[str]) -> str:
        ours, theirs = found[1] or found[3], found[2] or found[4]
        return f"{'write ' if found[0].startswith('pass') else ''}`jobs.map: {{{ours}: {theirs}}}`"

    return re.sub(r"pass --(timezone|format \w+)", _written, _MAP.sub(mapped, message))


def _written(option: re.Match[str]) -> str:
    return f"write `jobs.{option[1].replace(' ', ': ')}`"


def _pools(clusters: Sequence[NodeTable]) -> dict[str, int] | None:
    """Pools that every list of several pools has; None where none has several."""
    several = [nodes.pools for nodes in clusters if len(nodes.pools) > 1]
    if not several:
        return None
    common = [name for name in several[0] if all(name in names for names in several)]
    if not common:
        raise InputError("the lists of nodes have no pool in common, so no job can run on all; name pools alike")
    return dict.fromkeys(common, _ANY_WIDTH)
