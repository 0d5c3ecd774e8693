"""`simcost train`: shared fleets; the other actions have files of their own."""

from pathlib import Path
from typing import Any

from simcost.studies.argument_types import positive
from simcost.studies.options import Arguments, finish, verb
from simcost.studies.scheduling import pack_command, replay_command, size_command
from simcost.studies.scheduling.job_options import (
    NO_NODES,
    add_checkpoints,
    add_jobs,
    add_price,
    checkpoints_of,
    jobs_of,
)
from simcost.studies.spot import command as train_spot
from simcost.studies.training_cost import command as train_estimate


def add(verbs: Any) -> None:
    """The verb `train`."""
    train = verbs.add_parser("train", help="training: replay queues, size clusters, share fleets, spot, run costs")
    actions = train.add_subparsers(title="actions", required=True, metavar="ACTION")
    replay_command.add(actions)
    size_command.add(actions)
    _add_share(actions)
    pack_command.add(actions)
    train_estimate.add(actions)
    train_spot.add(actions)


def _add_share(actions: Any) -> None:
    share = verb(actions, "share", _share, "train on what a serving fleet leaves, against two separate fleets")
    add_jobs(share)
    share.add_argument("--serving", type=Path, required=True, metavar="DIR", help="results folder of `simcost run`")
    share.add_argument("--plan", metavar="NAME", help="its plan (default: the best)")
    share.add_argument("--gpus", type=positive, required=True, metavar="N", help="GPUs of the shared fleet")
    add_checkpoints(share)
    add_price(share)


def _share(arguments: Arguments) -> None:
    from simcost.sim.jobs.document import assumptions, marks_without_effect, other_hours
    from simcost.studies.scheduling.sharing import serving_use, share

    jobs, findings = jobs_of(arguments, cpus=False, keep_hours=True)
    result = share(
        jobs,
        serving_use(arguments.serving, arguments.plan),
        gpus=arguments.gpus,
        checkpoints=checkpoints_of(arguments),
        usd_per_gpu_h=arguments.price,
        step=arguments.node,
    )
    told = [
        *findings,
        *assumptions(jobs, counted=True, remedy=NO_NODES),
        *marks_without_effect(jobs, "requests"),
        *other_hours(jobs, arguments.timezone),
        *result.findings,
    ]
    finish(arguments, result, told, "scheduling.share_view", files=[arguments.file, arguments.serving / "result.json"])
