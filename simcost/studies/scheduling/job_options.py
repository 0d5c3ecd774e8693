"""Command-line options about jobs: the jobs, how their log is read, the price of GPUs, and policies.

Policies are written `KIND`, or `KIND:FIELD=VALUE,FIELD=VALUE`.
"""

import re
from pathlib import Path
from typing import Any, get_args

from simcost.errors import InputError, did_you_mean
from simcost.studies.argument_types import pair, positive, seconds, usd_per_h
from simcost.studies.options import Arguments, columns


def add_jobs(parser: Any) -> None:
    """Add the options that name the jobs, and say how their log is read."""
    parser.add_argument("file", type=Path, metavar="JOBS", help="a job log, or a stored trace of jobs")
    parser.add_argument("--format", default="auto", metavar="F", help="of the log (default: by its columns)")
    columns(parser)
    parser.add_argument("--pool", metavar="NAME", help="only the jobs of this pool")
    parser.add_argument("--since", metavar="ISO", help="only jobs submitted from then on")
    parser.add_argument("--window", type=seconds, metavar="TIME", help="only jobs within this time of the first")
    parser.add_argument("--timezone", default="UTC", metavar="ZONE", help="of times without one (default UTC)")


def add_price(parser: Any) -> None:
    """Add the units in which GPUs are bought, and their price."""
    parser.add_argument("--node", type=positive, default=8, metavar="N", help="GPUs of a node (default 8)")
    parser.add_argument("--price", type=usd_per_h, metavar="USD", help="per GPU and hour, e.g. $2.10/h")


NO_NODES = "`simcost train replay --nodes` goes by them"
"""Remedy of jobs that need nodes, as findings on a count of GPUs say it."""
CHECKPOINTS = {
    "checkpoint": (1800.0, "work between two checkpoints (default 30min)"),
    "write": (60.0, "to write a checkpoint (default 1min)"),
    "restart": (180.0, "to start again after a preemption (default 3min)"),
}
"""Options of checkpoints, their defaults in seconds, and what they mean."""


def add_checkpoints(parser: Any) -> None:
    """Checkpoints of jobs."""
    for name, (_, what) in CHECKPOINTS.items():
        parser.add_argument(f"--{name}", type=seconds, metavar="TIME", help=what)


def checkpoints_of(arguments: Arguments) -> Any:
    """Checkpoints of jobs. Raises InputError for an interval of 0."""
    from simcost.errors import InputError
    from simcost.plan.failures import Checkpoints

    if arguments.checkpoint == 0:
        raise InputError("--checkpoint 0: work between two checkpoints takes more than no time; write e.g. 30min")
    given = {name: getattr(arguments, name) for name in CHECKPOINTS}
    interval, write, restart = (
        default_s if given[name] is None else given[name] for name, (default_s, _) in CHECKPOINTS.items()
    )
    return Checkpoints(interval=interval, write=write, restart=restart)


def jobs_of(arguments: Arguments, **more: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The jobs that the arguments choose, and the findings in their log."""
    from simcost.trace.jobs.reader import read_jobs

    return read_jobs(
        arguments.file,
        format=arguments.format,
        mapping=dict(arguments.map),
        pool=arguments.pool,
        since=arguments.since,
        window_s=arguments.window,
        timezone=arguments.timezone,
        **more,
    )


_COMMA = re.compile(r",(?![^\[]*\])")
"""Between two fields, not within a list as [1,2]."""
SYNTAX = "KIND or KIND:FIELD=VALUE,..., e.g. easy-backfill:shadow_ties=all"


def scheduler(text: str) -> Any:
    """The scheduling policy. Raises InputError."""
    from simcost.plan.scheduling import Scheduler

    return _policy(text, Scheduler, "--policy")


def placement(text: str) -> Any:
    """The placement on nodes. Raises InputError."""
    from simcost.plan.scheduling import Placement

    return _policy(text, Placement, "--placement")


def _policy(text: str, union: Any, option: str) -> Any:
    """The member of the union of this kind, its fields as given or at their defaults."""
    kind, _, said = text.partition(":")
    known = {cls().kind: cls for cls in get_args(union)}
    if kind not in known:
        raise InputError(
            f"{option} {kind!r} is not known{did_you_mean(kind, list(known))}; there are {', '.join(known)}"
        )
    return with_words(known[kind], said, f"{option} {kind}")


def with_words(cls: Any, said: str, option: str) -> Any:
    """An object of a class from `FIELD=VALUE,FIELD=VALUE`, the others at their defaults. Raises InputError."""
    if not said:
        return cls()
    from argparse import ArgumentTypeError

    from simcost.scenario.files.parts import with_fields

    try:
        return with_fields(cls, dict(map(pair, _COMMA.split(said))))
    except (InputError, ArgumentTypeError) as error:
        raise InputError(f"{option}: {said}: {error}") from error
