"""`simcost train replay`: a job log on a cluster under one policy or several."""

from pathlib import Path
from typing import Any

from simcost.cli.jobs import add_jobs, jobs_of
from simcost.cli.policies import SYNTAX, placement, scheduler
from simcost.cli.words import Arguments, finish, positive, seed, verb
from simcost.progress import Progress


def add(actions: Any) -> None:
    """The action `replay`."""
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
    replay.add_argument("--policy", action="append", default=[], metavar="P",
                        help=f"repeatable (default: fifo-skip); {SYNTAX}")  # fmt: skip
    replay.add_argument("--placement", default="consolidate", metavar="P",
                        help="on nodes (default: consolidate); count: any free GPUs of the pool")  # fmt: skip
    replay.add_argument("--limit-error", type=float, default=0.0, metavar="X",
                        help="time limits that the log lacks are duration x (1 + X)")  # fmt: skip
    replay.add_argument("--limit-sigma", type=float, metavar="S",
                        help="all time limits are drawn: duration x (1 + X) x e^(S z), z standard normal")  # fmt: skip
    seed(replay)


def _replay(arguments: Arguments) -> None:
    from simcost.sim.jobs.summary import replay_document
    from simcost.trace.jobs.nodes import read_nodes

    policies = [scheduler(text) for text in arguments.policy or ["fifo-skip"]]
    where = placement(arguments.placement)
    nodes = read_nodes(arguments.nodes).divided(arguments.divide) if arguments.nodes else None
    pools = {"pools": nodes.pool_gpus} if nodes else {}
    jobs, findings = jobs_of(arguments, limit_error=arguments.limit_error, **pools)
    jobs = _with_limits(jobs, arguments)
    documents = []
    with Progress("replay", quiet=arguments.quiet):
        for policy in policies:
            ledger = _ledger(jobs, nodes, arguments.gpus, policy, where, arguments.seed or 0)
            documents.append(replay_document(jobs, ledger, policy))
    document = documents[0] if len(documents) == 1 else {"policies": documents}
    finish(arguments, document, findings, "train")


def _with_limits(jobs: Any, arguments: Arguments) -> Any:
    """The jobs with the limits asked for."""
    if arguments.limit_sigma is None:
        return jobs
    from simcost.plan.scheduling import EstimateError
    from simcost.scenario.parts import with_fields
    from simcost.sim.jobs.estimates import with_limits

    error = with_fields(EstimateError, {"error": arguments.limit_error, "sigma": arguments.limit_sigma})
    return with_limits(jobs, error, arguments.seed or 0)


def _ledger(jobs: Any, nodes: Any, gpus: int, policy: Any, where: Any, seed: int) -> Any:
    """One replay."""
    from simcost.sim.jobs.counts import schedule
    from simcost.sim.jobs.gang import schedule_on_nodes

    if nodes is None:
        return schedule(jobs, gpus, policy, seed=seed)
    if where.kind == "count":
        return schedule(jobs, nodes.pool_gpus, policy, seed=seed)
    return schedule_on_nodes(jobs, nodes, _ordered(policy), where, seed=seed)


def _ordered(policy: Any) -> Any:
    """A policy that places gangs on nodes; raises InputError for the others."""
    from typing import get_args

    from simcost.errors import InputError
    from simcost.sim.jobs.gang import Ordered

    known = get_args(Ordered)
    if not isinstance(policy, known):
        names = ", ".join(cls().kind for cls in known)
        raise InputError(
            f"{policy.kind} works on GPU counts (--gpus, or --placement count); on nodes there are {names}"
        )
    return policy
