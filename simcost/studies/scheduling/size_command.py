"""`simcost train size`: how many GPUs a queue of jobs needs."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.progress import Progress
from simcost.studies.argument_types import natural, positive, seconds, usd_per_h
from simcost.studies.options import Arguments, check_belongs, sourced, study
from simcost.studies.scheduling.job_options import (
    CHECKPOINTS,
    NO_NODES,
    SYNTAX,
    add_checkpoints,
    add_jobs,
    add_price,
    checkpoints_of,
    jobs_of,
    scheduler,
)

if TYPE_CHECKING:
    from simcost.studies.scheduling.sizing import SizingResult


def add(actions: Any) -> None:
    """The action `size`."""
    size = study(
        actions,
        "size",
        _size,
        "scheduling.size_view",
        "the smallest cluster that meets a queueing-delay target, and what a policy is worth",
    )
    add_jobs(size)
    size.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="P",
        help=f"repeatable (default: fifo-skip, easy-backfill); {SYNTAX}",
    )
    size.add_argument("--wait", type=seconds, required=True, metavar="TIME", help="longest wait, e.g. 1h")
    size.add_argument("--percentile", type=_percent, default=0.95, metavar="P", help="of the wait (default 95)")
    add_price(size)
    size.add_argument(
        "--gpus", type=positive, action="append", default=[], metavar="N", help="another size to evaluate"
    )
    beside = size.add_argument_group("spot beside it")
    beside.add_argument("--spot-trace", type=Path, metavar="TRACE", help="availability of spot nodes: mixes are sized")
    beside.add_argument("--trace", metavar="NAME", help="which trace of the file")
    beside.add_argument("--spot", type=usd_per_h, metavar="USD", help="per GPU and hour on spot")
    add_checkpoints(beside)


def _size(arguments: Arguments) -> "SizingResult":
    from simcost.sim.jobs.document import after_last_submission, assumptions, marks_without_effect, of_order
    from simcost.sim.jobs.simulate import schedule
    from simcost.studies.scheduling.sizing import SizingTarget, size_of_jobs

    if not arguments.spot_trace:
        check_belongs(arguments, ("trace", "spot", *CHECKPOINTS), "--spot-trace")
    jobs, findings = jobs_of(arguments, cpus=False)
    findings += assumptions(jobs, counted=True, remedy=NO_NODES) + after_last_submission(jobs)
    names = arguments.policy or ["fifo-skip", "easy-backfill"]
    policies = {name: _sized(name) for name in names}
    findings += [said for policy in policies.values() for said in of_order(jobs, policy)]
    asked = SizingTarget(
        wait_s=arguments.wait,
        percentile=arguments.percentile,
        step=arguments.node,
        usd_per_gpu_h=arguments.price,
        also=tuple(arguments.gpus),
    )
    with Progress("size", quiet=arguments.quiet):
        result = size_of_jobs(jobs, lambda gpus, name: schedule(jobs, gpus, policies[name]), names, asked)
        if arguments.spot_trace:
            result = _with_mixes(result, jobs, arguments, asked)
            findings += marks_without_effect(jobs, "spot nodes that go", spot=True)
    return sourced(arguments, result, [*findings, *result.findings])


def _sized(name: str) -> Any:
    """A policy. Raises InputError for quotas, which are of a cluster of known size."""
    from simcost.errors import InputError

    policy = scheduler(name)
    if policy.kind == "quotas":
        raise InputError(
            "--policy quotas: quotas are GPUs of a cluster of known size, which is searched here; "
            "`simcost train replay --quotas` replays them"
        )
    return policy


def _with_mixes(result: "SizingResult", jobs: Any, arguments: Arguments, asked: Any) -> "SizingResult":
    """And the mixes of reserved and spot GPUs that keep the target."""
    from simcost.studies.scheduling.spot_mix import MIXED_UNDER, SpotMix, mixes
    from simcost.trace.spot import one_trace

    trace = one_trace(arguments.spot_trace, arguments.trace)
    spot = SpotMix(trace=trace, usd_per_gpu_h=arguments.spot, checkpoints=checkpoints_of(arguments))
    mix = mixes(jobs, spot, asked)
    others = {sized.policy for sized in result.policies} - {MIXED_UNDER}
    if others:
        mix = replace(mix, verdict=f"Under {MIXED_UNDER}, {mix.verdict[0].lower()}{mix.verdict[1:]}")
    return replace(result, verdict=f"{result.verdict} {mix.verdict}", mix=mix)


def _percent(text: str) -> float:
    value = natural(text)
    if not 1 <= value <= 99:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentile from 1 to 99")
    return value / 100.0
