"""Words of the command line about jobs: which jobs, how their log is read, what GPUs cost."""

from pathlib import Path
from typing import Any

from simcost.studies.options import Arguments, columns, positive, seconds, usd_per_h


def add_jobs(parser: Any) -> None:
    """Which jobs, and how their log is read."""
    parser.add_argument("file", type=Path, metavar="JOBS", help="a job log, or a stored trace of jobs")
    parser.add_argument("--format", default="auto", metavar="F", help="of the log (default: by its columns)")
    columns(parser)
    parser.add_argument("--pool", metavar="NAME", help="only the jobs of this pool")
    parser.add_argument("--since", metavar="ISO", help="only jobs submitted from then on")
    parser.add_argument("--window", type=seconds, metavar="TIME", help="and within this time of the first")
    parser.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="of times without one (default UTC)"
    )


def add_price(parser: Any) -> None:
    """What GPUs are bought in, and for how much."""
    parser.add_argument("--node", type=positive, default=8, metavar="N", help="GPUs of a node (default 8)")
    parser.add_argument("--price", type=usd_per_h, metavar="USD", help="per GPU and hour, e.g. $2.10/h")


def add_checkpoints(parser: Any) -> None:
    """How jobs save their work."""
    for option, default_s, what in (
        ("--checkpoint", 1800.0, "work between two checkpoints (default 30min)"),
        ("--write", 60.0, "to write a checkpoint (default 1min)"),
        ("--restart", 180.0, "to start again after a preemption (default 3min)"),
    ):
        parser.add_argument(option, type=seconds, default=default_s, metavar="TIME", help=what)


def checkpoints_of(arguments: Arguments) -> Any:
    """How jobs save their work. Raises InputError for an interval of 0."""
    from simcost.errors import InputError
    from simcost.plan.checkpoints import Checkpoints

    if arguments.checkpoint == 0:
        raise InputError(
            "--checkpoint 0: work between two checkpoints takes more than no time; write e.g. 30min"
        )
    return Checkpoints(interval=arguments.checkpoint, write=arguments.write, restart=arguments.restart)


def jobs_of(arguments: Arguments, **more: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The jobs that the arguments choose, and what was found in their log."""
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
