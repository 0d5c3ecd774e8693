"""Words of the command line about jobs: which jobs, how their log is read, what GPUs cost."""

from pathlib import Path
from typing import Any

from simcost.cli.words import Arguments, columns, positive, seconds, usd_per_h


def add_jobs(parser: Any) -> None:
    """Which jobs, and how their log is read."""
    parser.add_argument("file", type=Path, metavar="JOBS", help="a job log, or a stored trace of jobs")
    parser.add_argument("--format", default="auto", metavar="F", help="of the log (default: by its columns)")
    columns(parser)
    parser.add_argument("--pool", metavar="NAME", help="only the jobs of this pool")
    parser.add_argument("--since", metavar="ISO", help="only jobs submitted from then on")
    parser.add_argument("--window", type=seconds, metavar="TIME", help="and within this time of the first")


def add_price(parser: Any) -> None:
    """What GPUs are bought in, and for how much."""
    parser.add_argument("--node", type=positive, default=8, metavar="N", help="GPUs of a node (default 8)")
    parser.add_argument("--price", type=usd_per_h, metavar="USD", help="per GPU and hour, e.g. $2.10/h")


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
        **more,
    )
