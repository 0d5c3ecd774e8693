"""Share of a cluster that placements allocate, as parts."""

from collections.abc import Mapping

from simcost.present.format import count, share
from simcost.present.parts import Part, Table, notes
from simcost.studies.scheduling.packing import OrderSpread, PackingResult

SHOWN = ("50", "80", "90", "100")


def parts(result: PackingResult) -> list[Part]:
    """Parts below the verdict, on every screen: a row for each placement."""
    times = f"mean of {result.orders} orders of arrival" if result.orders > 1 else "one order of arrival"
    return [
        Part(title=f"GPUs allocated when so many have been requested ({times})", rows=allocated(result)),
        Part(title="Idle GPUs that no typical job could use, and GPUs refused", rows=fragmented(result)),
        notes(result),
    ]


def allocated(result: PackingResult) -> Table:
    """Share of the GPUs that each placement allocates."""
    return [
        {
            "placement": placement.placement,
            **_levels(result, placement.allocated),
            "at the end": _spread(placement.allocated_at_end),
        }
        for placement in result.placements
    ]


def fragmented(result: PackingResult) -> Table:
    """Share of the GPUs that lie idle in pieces too small."""
    return [
        {
            "placement": placement.placement,
            **_levels(result, placement.fragmented),
            "GPUs refused": count(placement.refused_gpus),
        }
        for placement in result.placements
    ]


def _levels(result: PackingResult, spreads: Mapping[str, OrderSpread]) -> dict[str, str]:
    known = [at for at in SHOWN if all(at in placement.allocated for placement in result.placements)]
    return {f"at {at} %": _spread(spreads[at]) for at in known}


def _spread(of: OrderSpread) -> str:
    return f"{share(of.mean)} ± {share(of.sd)}" if of.sd else share(of.mean)
