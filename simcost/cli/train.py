"""`simcost train`: queues of jobs, cluster sizes, shared fleets, spot, and the bill for a run."""

import argparse
from pathlib import Path
from typing import Any

from simcost.cli import train_run
from simcost.cli.words import Arguments, columns, finish, natural, positive, seconds, seed, usd_per_h, verb
from simcost.progress import Progress


def add(verbs: Any) -> None:
    """The verb `train`."""
    train = verbs.add_parser(
        "train", help="training: replay queues, size clusters, share fleets, spot, run costs"
    )
    actions = train.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_replay(actions)
    _add_size(actions)
    _add_share(actions)
    train_run.add(actions)


def _add_replay(actions: Any) -> None:
    replay = verb(
        actions, "replay", _replay, "a job log on a cluster under a scheduler: waits, completion, use"
    )
    _add_jobs(replay)
    cluster = replay.add_mutually_exclusive_group(required=True)
    cluster.add_argument("--gpus", type=positive, metavar="N", help="one pool of GPUs, without nodes")
    cluster.add_argument(
        "--nodes", type=Path, metavar="CSV", help="the nodes: node,gpus[,pool,cpu_milli,...]"
    )
    replay.add_argument(
        "--divide", type=positive, default=1, metavar="N", help="the nodes of each pool by this"
    )
    replay.add_argument(
        "--policy", action="append", default=[], metavar="P", help="repeatable (default: fifo-skip)"
    )
    replay.add_argument(
        "--placement", default="consolidate", metavar="P", help="on nodes (default: consolidate)"
    )
    replay.add_argument("--limit-error", type=float, default=0.0, metavar="X",
                        help="time limits that the log lacks are duration x (1 + X)")  # fmt: skip
    seed(replay)


def _add_size(actions: Any) -> None:
    size = verb(actions, "size", _size, "the smallest cluster that keeps a wait, and what a policy is worth")
    _add_jobs(size)
    size.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="P",
        help="repeatable (default: fifo-skip, easy-backfill)",
    )
    size.add_argument("--wait", type=seconds, required=True, metavar="TIME", help="longest wait, e.g. 1h")
    size.add_argument(
        "--percentile", type=_percent, default=0.95, metavar="P", help="of the wait (default 95)"
    )
    _add_price(size)


def _add_share(actions: Any) -> None:
    share = verb(
        actions, "share", _share, "train on what a serving fleet leaves, against two separate fleets"
    )
    _add_jobs(share)
    share.add_argument(
        "--serving", type=Path, required=True, metavar="DIR", help="results folder of `simcost run`"
    )
    share.add_argument("--plan", metavar="NAME", help="its plan (default: the best)")
    share.add_argument("--gpus", type=positive, required=True, metavar="N", help="GPUs of the shared fleet")
    for option, default_s, what in (
        ("--checkpoint", 1800.0, "work between two checkpoints (default 30min)"),
        ("--write", 60.0, "to write a checkpoint (default 1min)"),
        ("--restart", 180.0, "to start again after a preemption (default 3min)"),
    ):
        share.add_argument(option, type=seconds, default=default_s, metavar="TIME", help=what)
    _add_price(share)


def _add_jobs(parser: Any) -> None:
    """Which jobs, and how their log is read."""
    parser.add_argument("file", type=Path, metavar="JOBS", help="a job log, or a stored trace of jobs")
    parser.add_argument("--format", default="auto", metavar="F", help="of the log (default: by its columns)")
    columns(parser)
    parser.add_argument("--pool", metavar="NAME", help="only the jobs of this pool")
    parser.add_argument("--since", metavar="ISO", help="only jobs submitted from then on")
    parser.add_argument("--window", type=seconds, metavar="TIME", help="and within this time of the first")


def _add_price(parser: Any) -> None:
    parser.add_argument("--node", type=positive, default=8, metavar="N", help="GPUs of a node (default 8)")
    parser.add_argument("--price", type=usd_per_h, metavar="USD", help="per GPU and hour, e.g. $2.10/h")


def _jobs(arguments: Arguments, **more: Any) -> tuple[Any, list[dict[str, Any]]]:
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


def _replay(arguments: Arguments) -> None:
    from simcost.sim.jobs.counts import schedule
    from simcost.sim.jobs.gang import schedule_on_nodes
    from simcost.sim.jobs.summary import replay_document
    from simcost.trace.jobs.nodes import read_nodes

    policies = [_scheduler(name) for name in arguments.policy or ["fifo-skip"]]
    nodes = read_nodes(arguments.nodes).divided(arguments.divide) if arguments.nodes else None
    pools = {"pools": nodes.pool_gpus} if nodes else {}
    jobs, findings = _jobs(arguments, limit_error=arguments.limit_error, **pools)
    documents = []
    with Progress("replay", quiet=arguments.quiet):
        for policy in policies:
            if nodes is None:
                ledger = schedule(jobs, arguments.gpus, policy)
            else:
                placement = _placement(arguments.placement)
                ledger = schedule_on_nodes(jobs, nodes, _ordered(policy), placement, seed=arguments.seed or 0)
            documents.append(replay_document(jobs, ledger, policy))
    document = documents[0] if len(documents) == 1 else {"policies": documents}
    finish(arguments, document, findings, "train")


def _size(arguments: Arguments) -> None:
    from simcost.compare.sizing import Question, size
    from simcost.sim.jobs.counts import schedule

    jobs, findings = _jobs(arguments)
    names = arguments.policy or ["fifo-skip", "easy-backfill"]
    policies = {name: _scheduler(name) for name in names}
    span_s = float(jobs.submit_s[-1] - jobs.submit_s[0]) or 1.0
    asked = Question(
        wait_s=arguments.wait,
        percentile=arguments.percentile,
        step=arguments.node,
        usd_per_gpu_h=arguments.price,
    )
    with Progress("size", quiet=arguments.quiet):
        document = size(
            lambda gpus, name: schedule(jobs, gpus, policies[name]),
            names,
            asked,
            offered=jobs.gpu_seconds / span_s,
            widest=int(jobs.gpus.max()),
        )
    finish(arguments, document, findings, "train_size")


def _scheduler(name: str) -> Any:
    """The policy of that name, with its defaults."""
    from simcost.plan.scheduling import Scheduler

    return _named(name, Scheduler, "--policy")


def _placement(name: str) -> Any:
    """The placement of that name on nodes."""
    from simcost.plan.placement import OnNodes

    return _named(name, OnNodes, "--placement")


def _ordered(policy: Any) -> Any:
    """A policy that places gangs on nodes; raises InputError for the others."""
    from typing import get_args

    from simcost.errors import InputError
    from simcost.sim.jobs.gang import Ordered

    known = get_args(Ordered)
    if not isinstance(policy, known):
        names = ", ".join(cls().kind for cls in known)
        raise InputError(f"{policy.kind} works on GPU counts (--gpus); on nodes there are {names}")
    return policy


def _named(name: str, union: Any, option: str) -> Any:
    """The class of a union that has this kind, with its defaults."""
    from typing import get_args

    from simcost.errors import InputError, did_you_mean

    known = {cls().kind: cls for cls in get_args(union)}
    if name not in known:
        raise InputError(
            f"{option} {name!r} is none{did_you_mean(name, list(known))}; there are {', '.join(known)}"
        )
    return known[name]()


def _share(arguments: Arguments) -> None:
    from simcost.scenario.beside import serving_use, share
    from simcost.sim.jobs.beside import Checkpoints

    jobs, findings = _jobs(arguments)
    document = share(
        jobs,
        serving_use(arguments.serving, arguments.plan),
        gpus=arguments.gpus,
        checkpoints=Checkpoints(
            interval_s=arguments.checkpoint, write_s=arguments.write, restart_s=arguments.restart
        ),
        usd_per_gpu_h=arguments.price,
        step=arguments.node,
    )
    finish(arguments, document, findings, "train_share")


def _percent(text: str) -> float:
    value = natural(text)
    if not 1 <= value <= 99:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentile from 1 to 99")
    return value / 100.0
