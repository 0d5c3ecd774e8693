"""`simcost train replay`: a job log on a cluster under one policy or several."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from simcost.progress import Progress
from simcost.studies.argument_types import number, positive, quantity
from simcost.studies.options import Arguments, finish, seed, verb
from simcost.studies.scheduling.job_options import SYNTAX, add_jobs, jobs_of, placement, scheduler, with_words
from simcost.units import BYTES_PER_S


def add(actions: Any) -> None:
    """The action `replay`."""
    replay = verb(actions, "replay", _replay, "a job log on a cluster under a scheduler: waits, completion, use")
    add_jobs(replay)
    replay.add_argument(
        "--gpus", type=positive, metavar="N", help="one pool of GPUs; with --nodes: how many those have"
    )
    replay.add_argument(
        "--nodes",
        type=Path,
        metavar="CSV",
        help="the nodes: node,gpus[,pool,rack,domain,gpu_type,cpu_milli,...]",
    )
    replay.add_argument("--divide", type=positive, default=1, metavar="N", help="the nodes of each pool by this")
    replay.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="P",
        help=f"repeatable (default: fifo-skip); {SYNTAX}",
    )
    replay.add_argument(
        "--placement",
        default="consolidate",
        metavar="P",
        help="on nodes (default: consolidate); count: any free GPUs of the pool",
    )
    replay.add_argument(
        "--quotas", type=Path, metavar="CSV", help="of quotas: queue,nominal[,borrowing_limit,lending_limit]"
    )
    replay.add_argument("--shares", type=Path, metavar="CSV", help="of fair-share: path,shares, as physics/alice,2")
    _add_disruptions(replay)
    seed(replay, of_scenario=False)


def _add_disruptions(replay: Any) -> None:
    """Add the options of sampled limits, failures and checkpoints."""
    replay.add_argument(
        "--limit-error",
        type=number,
        default=0.0,
        metavar="X",
        help="time limits that the log lacks are duration x (1 + X)",
    )
    replay.add_argument(
        "--limit-sigma",
        type=number,
        metavar="S",
        help="all time limits are drawn: duration x (1 + X) x e^(S z), z standard normal",
    )
    replay.add_argument(
        "--failures",
        nargs="?",
        const="",
        metavar="F=V,...",
        help="nodes fail, e.g. per_node_day=0.0065,repair=2h,intervals=young",
    )
    replay.add_argument(
        "--checkpoints",
        nargs="?",
        const="",
        metavar="F=V,...",
        help="jobs write checkpoints, e.g. interval=30min,write=1min,restart=3min",
    )
    replay.add_argument(
        "--bandwidth",
        type=quantity(BYTES_PER_S),
        metavar="RATE",
        help="of checkpoints, e.g. 2GB/s: writing takes the job's state / this",
    )


def _replay(arguments: Arguments) -> None:
    from simcost.errors import TraceError
    from simcost.sim.jobs.document import after_last_submission, rejections, replay_document
    from simcost.studies.scheduling.packing import policies_verdict

    where = placement(arguments.placement)
    nodes = _nodes(arguments)
    names = arguments.policy or ["fifo-skip"]
    policies = [_policy(text, arguments, nodes) for text in names]
    _check_used(arguments, policies)
    counted = nodes is None or where.kind == "count"
    disruptions = _disruptions(arguments, nodes, counted=counted)
    pools = {"pools": _pools(policies, nodes), "gpu_types": nodes.gpu_types} if nodes else {}
    cpus = not counted and nodes is not None and nodes.has_cpus
    jobs, findings = jobs_of(arguments, limit_error=arguments.limit_error, cpus=cpus, **pools)
    jobs, said = _prepared(jobs, arguments, counted=counted)
    said += after_last_submission(jobs)
    said += [finding for policy in policies for finding in _of_shares(policy, jobs, arguments.shares)][:1]
    documents = []
    with Progress("replay", quiet=arguments.quiet):
        for policy in policies:
            try:
                ledger = _ledger(jobs, nodes, arguments.gpus, policy, where, disruptions)
            except TraceError as error:
                raise TraceError(f"{arguments.nodes}: {error}") from error
            documents.append(replay_document(jobs, ledger, policy))
            told = rejections(jobs, ledger) + _of_quotas(policy, ledger.gpus) + _of_policy(policy, jobs, disruptions)
            said += [finding for finding in told if finding not in said]
    several = {"verdict": policies_verdict(names, documents), "policies": documents}
    document = documents[0] if len(documents) == 1 else several
    files = [path for path in (arguments.nodes, arguments.quotas, arguments.shares) if path]
    finish(arguments, document, findings + said, "scheduling.view", files=[arguments.file, *files])


def _check_used(arguments: Arguments, policies: list[Any]) -> None:
    """Raise InputError for an option that would change nothing."""
    from simcost.errors import InputError

    kinds = {policy.kind for policy in policies}
    for option, kind in (("shares", "fair-share"), ("quotas", "quotas")):
        if getattr(arguments, option) and kind not in kinds:
            raise InputError(f"--{option} is for the policy {kind}; add --policy {kind}, or leave --{option} away")
    no_effect = arguments.divide != 1 or arguments.placement not in ("consolidate", "count")
    if arguments.nodes is None and no_effect:
        raise InputError("--placement and --divide are of nodes; give --nodes CSV, or leave them away")


def _of_shares(policy: Any, jobs: Any, file: Path | None) -> list[dict[str, Any]]:
    """The finding on shares of users that have no job."""
    paths = policy.shares if policy.kind == "fair-share" and file else ()
    accounts = {path.rpartition("/")[0] for path in paths}
    strangers = [path for path in paths if path not in accounts and path.rpartition("/")[2] not in jobs.users]
    message = f"{file}: no job is of the users at the end of {', '.join(strangers)}"
    return [{"kind": "shares", "count": len(strangers), "message": message}] if strangers else []


def _of_quotas(policy: Any, gpus: int) -> list[dict[str, Any]]:
    """The finding on quotas that do not add up to the GPUs of the cluster."""
    from simcost.plan.scheduling import Quotas

    message = policy.misfit(gpus) if isinstance(policy, Quotas) else ""
    return [{"kind": "quotas", "count": len(policy.queues), "message": message}] if message else []


def _of_policy(policy: Any, jobs: Any, disruptions: dict[str, Any]) -> list[dict[str, Any]]:
    """Findings on the order of the jobs, and on those that others or failures stop."""
    from simcost.sim.jobs.document import in_whole_seconds, marks_without_effect, of_order, unsaved_work

    how = disruptions.get("failures"), disruptions.get("checkpoints")
    marks = marks_without_effect(jobs, f"others under {policy.kind}") if policy.discipline == "remaining" else []
    return [*marks, *of_order(jobs, policy), *unsaved_work(jobs, policy, *how), *in_whole_seconds(jobs, how[1])]


def _nodes(arguments: Arguments) -> Any:
    """The nodes, those of the pool asked for; None = a count of GPUs. Raises InputError without either, or if the two
    differ.
    """
    from simcost.errors import InputError
    from simcost.trace.jobs.nodes import read_nodes

    if arguments.nodes is None and arguments.gpus is None:
        raise InputError("how large is the cluster? give --gpus N, or --nodes CSV")
    if arguments.nodes is None:
        return None
    nodes = read_nodes(arguments.nodes).divided(arguments.divide)
    if arguments.pool in nodes.pools:
        nodes = nodes.of_pool(arguments.pool)
    total = int(nodes.gpus.sum())
    if arguments.gpus not in (None, total):
        raise InputError(
            f"--gpus {arguments.gpus:,}, but the nodes of {arguments.nodes} have {total:,}; leave --gpus away"
        )
    return nodes


def _policy(text: str, arguments: Arguments, nodes: Any) -> Any:
    """A policy with its label in tables."""
    from simcost.errors import InputError
    from simcost.plan.scheduling import Quota
    from simcost.trace.jobs.quotas import read_quotas, read_shares

    policy = scheduler(text)
    if policy.kind == "fair-share" and arguments.shares:
        return replace(policy, shares=read_shares(arguments.shares))
    if policy.kind != "quotas":
        return policy
    if arguments.quotas:
        rows = read_quotas(arguments.quotas)
    elif nodes is not None:
        rows = {name: (gpus, None, None) for name, gpus in nodes.pool_gpus.items()}
    else:
        raise InputError("quotas need --quotas CSV with queue,nominal[,borrowing_limit,lending_limit], or --nodes")
    queues = {
        name: Quota(nominal=nominal, borrowing_limit=borrows, lending_limit=lends)
        for name, (nominal, borrows, lends) in rows.items()
    }
    return replace(policy, queues=queues)


def _pools(policies: list[Any], nodes: Any) -> dict[str, int]:
    """GPUs by pool: those of the nodes, or the queues that have quotas, which may use them all."""
    queues = [name for policy in policies if policy.kind == "quotas" for name in policy.queues]
    gpus: dict[str, int] = nodes.pool_gpus
    return dict.fromkeys(queues, sum(gpus.values())) if queues else gpus


def _disruptions(arguments: Arguments, nodes: Any, *, counted: bool) -> dict[str, Any]:
    """Failures, checkpoints and the seed, as the engines take them; `counted`: on a count of GPUs."""
    from simcost.errors import InputError
    from simcost.plan.failures import Checkpoints, ClusterFailures

    given = {"failures": ClusterFailures, "checkpoints": Checkpoints}
    found = {
        name: with_words(cls, said, f"--{name}")
        for name, cls in given.items()
        if (said := getattr(arguments, name)) is not None
    }
    if (failures := found.get("failures")) is not None:
        if counted and failures.repair:
            raise InputError(
                "--failures: repair is of gangs on nodes (--nodes); of a count of GPUs others stand in at once"
            )
        if nodes is not None:
            found["failures"] = _of_nodes(failures, nodes, counted=counted)
    return {"seed": _seed(arguments), **found}


def _of_nodes(failures: Any, nodes: Any, *, counted: bool) -> Any:
    """Failures on a count of the GPUs of nodes, with the size of these. Raises InputError where it is not one."""
    from simcost.errors import InputError

    if failures.gpus_per_node is not None:
        raise InputError("--failures: gpus_per_node is of --gpus; --nodes says it of each node: leave it away")
    sizes = sorted(set(nodes.gpus.tolist()))
    if counted and len(sizes) > 1:
        raise InputError(
            f"--failures: the nodes have {', '.join(map(str, sizes))} GPUs, and a count of GPUs knows one size; take a "
            "placement on nodes, or --gpus with gpus_per_node"
        )
    return replace(failures, gpus_per_node=sizes[0]) if counted else failures


def _seed(arguments: Arguments) -> int:
    """The seed, 1 where none is given."""
    return 1 if arguments.seed is None else int(arguments.seed)


def _prepared(jobs: Any, arguments: Arguments, *, counted: bool) -> tuple[Any, list[dict[str, Any]]]:
    """The jobs with the limits and checkpoints asked for, and what a replay assumes of them."""
    from simcost.errors import InputError
    from simcost.plan.scheduling import EstimateError
    from simcost.scenario.files.parts import with_fields
    from simcost.sim.jobs.document import assumptions
    from simcost.sim.jobs.estimates import with_limits, with_writes

    if arguments.limit_sigma is not None:
        fields = {"error": arguments.limit_error, "sigma": arguments.limit_sigma}
        jobs = with_limits(jobs, with_fields(EstimateError, fields), _seed(arguments))
    if arguments.bandwidth is not None:
        jobs = with_writes(jobs, arguments.bandwidth)
        if arguments.checkpoints is None and arguments.failures is None:
            raise InputError("--bandwidth is of checkpoints, which no job writes; pass --checkpoints, or leave it away")
    return jobs, assumptions(jobs, counted=counted)


def _ledger(jobs: Any, nodes: Any, gpus: int, policy: Any, where: Any, disruptions: dict[str, Any]) -> Any:
    """One replay; raises TraceError for nodes that placement cannot take."""
    from simcost.sim.jobs.simulate import schedule
    from simcost.sim.jobs.simulate_on_nodes import schedule_on_nodes

    if nodes is None:
        return schedule(jobs, gpus, policy, **disruptions)
    if where.kind == "count":
        return schedule(jobs, nodes.pool_gpus, policy, **disruptions)
    return schedule_on_nodes(jobs, nodes, _rigid(policy), where, **disruptions)


def _rigid(policy: Any) -> Any:
    """A policy that places gangs on nodes; raises InputError for the others."""
    from typing import get_args

    from simcost.errors import InputError
    from simcost.plan.scheduling import Rigid

    known = get_args(Rigid)
    if not isinstance(policy, known):
        names = ", ".join(cls().kind for cls in known)
        raise InputError(
            f"{policy.kind} works on GPU counts (--gpus, or --placement count); on nodes there are {names}"
        )
    return policy
