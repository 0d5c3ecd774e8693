"""`simcost train pack`: how much of a cluster can be allocated before fragmentation stops it."""

from pathlib import Path
from typing import Any

from simcost.progress import Progress
from simcost.studies.argument_types import number, positive
from simcost.studies.options import Arguments, finish, seed, verb
from simcost.studies.scheduling.job_options import add_jobs, jobs_of, placement

_ORDERS = 1000
_MOST = 10
_OF_TIMES = ("limit_assumed", "limit_raised", "gap")
"""Findings about times, which do not matter here."""


def add(actions: Any) -> None:
    """The action `pack`."""
    pack = verb(actions, "pack", _pack, "share of a cluster that can be allocated before fragmentation stops it")
    add_jobs(pack)
    pack.add_argument("--nodes", type=Path, required=True, metavar="CSV", help="the nodes, as for replay")
    pack.add_argument(
        "--placement",
        action="append",
        default=[],
        metavar="P",
        help="repeatable (default: fgd, best-fit, random)",
    )
    pack.add_argument(
        "--orders",
        type=positive,
        default=5,
        metavar="N",
        help="in which the jobs arrive, shuffled (default 5)",
    )
    pack.add_argument(
        "--until",
        type=number,
        default=1.3,
        metavar="X",
        help="demand that arrives / GPUs there are (default 1.3)",
    )
    seed(pack, of_scenario=False)


def _pack(arguments: Arguments) -> None:
    from simcost.errors import InputError
    from simcost.sim.jobs.packing import fits_empty, pack
    from simcost.studies.scheduling.packing import packing
    from simcost.trace.jobs.nodes import read_nodes

    names = arguments.placement or ["fgd", "best-fit", "random"]
    placements = {name: placement(name) for name in names}
    if "count" in names:
        raise InputError("--placement count looks at no nodes, so nothing is fragmented; name another")
    if not 0 < arguments.until <= _MOST or arguments.orders > _ORDERS:
        raise InputError(f"give --until above 0, to {_MOST}, and --orders to {_ORDERS:,}")
    nodes = read_nodes(arguments.nodes)
    jobs, findings = jobs_of(arguments, gpu_types=nodes.gpu_types)
    jobs, too_wide = _fitting(jobs, fits_empty(jobs, nodes), int(nodes.gpus.sum()))
    first = 1 if arguments.seed is None else arguments.seed
    with Progress("pack", quiet=arguments.quiet):
        result = packing(
            lambda name, order: pack(jobs, nodes, placements[name], seed=order, until=arguments.until),
            list(placements),
            range(first, first + arguments.orders),
            gpus=int(nodes.gpus.sum()),
        )
    told = [*(said for said in findings if said["kind"] not in _OF_TIMES), *too_wide]
    finish(arguments, result, told, "scheduling.pack_view", files=[arguments.file, arguments.nodes])


def _fitting(jobs: Any, fits: Any, gpus: int) -> tuple[Any, list[dict[str, Any]]]:
    """The jobs that fit on the empty cluster, and a finding on the others. Raises InputError if none is left."""
    from simcost.errors import InputError
    from simcost.trace.jobs.rejections import finding, kept_out

    if fits.all():
        return jobs, []
    first, count = int((~fits).argmax()), int((~fits).sum())
    said = (
        f"{kept_out(count)}: the empty cluster of {gpus:,} GPUs has no room for them; first: job "
        f"{jobs.job_id[first]}: {jobs.gpus[first]:,} GPUs"
    )
    if not fits.any():
        raise InputError(f"{jobs.source}: no job is left: {said}")
    return jobs[fits], [finding("too_wide", count, said) | {"dropped": True}]
