"""`simcost train`: queues of jobs and shared fleets; the other actions have files of their own."""

from pathlib import Path
from typing import Any

from simcost.cli import train_estimate, train_size, train_spot
from simcost.cli.jobs import add_jobs, add_price, jobs_of, named, scheduler
from simcost.cli.words import Arguments, finish, positive, seconds, seed, verb
from simcost.progress import Progress


def add(verbs: Any) -> None:
    """The verb `train`."""
    train = verbs.add_parser(
        "train", help="training: replay queues, size clusters, share fleets, spot, run costs"
    )
    actions = train.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_replay(actions)
    train_size.add(actions)
    _add_share(actions)
    train_estimate.add(actions)
    train_spot.add(actions)


def _add_replay(actions: Any) -> None:
    replay = verb(
        actions, "replay", _replay, "a job log on a cluster under a scheduler: waits, completion, use"
    )
    add_jobs(replay)
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


def _add_share(actions: Any) -> None:
    share = verb(
        actions, "share", _share, "train on what a serving fleet leaves, against two separate fleets"
    )
    add_jobs(share)
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
    add_price(share)


def _replay(arguments: Arguments) -> None:
    from simcost.sim.jobs.counts import schedule
    from simcost.sim.jobs.gang import schedule_on_nodes
    from simcost.sim.jobs.summary import replay_document
    from simcost.trace.jobs.nodes import read_nodes

    policies = [scheduler(name) for name in arguments.policy or ["fifo-skip"]]
    nodes = read_nodes(arguments.nodes).divided(arguments.divide) if arguments.nodes else None
    pools = {"pools": nodes.pool_gpus} if nodes else {}
    jobs, findings = jobs_of(arguments, limit_error=arguments.limit_error, **pools)
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


def _placement(name: str) -> Any:
    """The placement of that name on nodes."""
    from simcost.plan.placement import OnNodes

    return named(name, OnNodes, "--placement")


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


def _share(arguments: Arguments) -> None:
    from simcost.plan.checkpoints import Checkpoints
    from simcost.scenario.beside import serving_use, share

    jobs, findings = jobs_of(arguments)
    document = share(
        jobs,
        serving_use(arguments.serving, arguments.plan),
        gpus=arguments.gpus,
        checkpoints=Checkpoints(
            interval=arguments.checkpoint, write=arguments.write, restart=arguments.restart
        ),
        usd_per_gpu_h=arguments.price,
        step=arguments.node,
    )
    finish(arguments, document, findings, "train_share")
