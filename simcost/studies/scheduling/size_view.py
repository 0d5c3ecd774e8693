"""Number of GPUs that a queue needs."""

from simcost.present.format import amount, count, percentile, seconds, share, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.scheduling import size_charts
from simcost.studies.scheduling.sizing import ClusterSize, MixResult, SizedPolicy, SizingResult


def parts(result: SizingResult) -> list[Part]:
    """Parts below the verdict, on every screen."""
    offered = f"offered load: {amount(result.offered_gpus)} GPUs on average"
    curves = [Part(title=policy.policy, rows=curve(result, policy), left=0) for policy in result.policies]
    return [
        Part(title="Policies", titled=False, rows=policies(result), said=[offered]),
        *([Part(title="The sizes asked for", rows=asked(result))] if asked(result) else []),
        Part(title="Waiting against size", chart=lambda: size_charts.curves(result)),
        *(_mix(result.mix) if result.mix else []),
        *curves,
        notes(result),
    ]


def _mix(mix: MixResult) -> list[Part]:
    drawn = [Part(title="Reserved and spot", chart=lambda: size_charts.mixes(mix))]
    title = "Reserved GPUs combined with spot"
    return [
        Part(title=title, rows=mixes(mix), said=mix.notes, left=0),
        *(drawn if mix.best.usd_per_month is not None else []),
    ]


def policies(result: SizingResult) -> Table:
    """One row a policy: the smallest cluster that keeps the target."""
    return [{"policy": policy.policy, **_cells(result, policy)} for policy in result.policies]


def asked(result: SizingResult) -> Table:
    """One row per size asked for and policy."""
    return [{"policy": policy.policy, **_cells(result, point)} for policy in result.policies for point in policy.at]


def curve(result: SizingResult, sized_policy: SizedPolicy) -> Table:
    """One row a size."""
    return [_cells(result, point) for point in sized_policy.curve]


def mixes(mix: MixResult) -> Table:
    """One row per number of reserved GPUs."""
    return [
        {
            "reserved": count(row.base_gpus),
            "spot, at most": "not enough" if row.spot_gpus is None else count(row.spot_gpus),
            "$/month": usd(row.usd_per_month),
            "target wait": seconds(row.wait_s.target if row.wait_s else None),
            "spot GPU-h/month": count(row.spot_gpu_hours_per_month),
            "preemptions": count(row.preemptions),
            "redone": share(row.redone_share),
        }
        for row in mix.mixes
    ]


def _cells(result: SizingResult, point: ClusterSize | SizedPolicy) -> dict[str, str]:
    target = f"{percentile(result.target.percentile)} wait"
    return {
        "GPUs": count(point.gpus),
        "$/month": usd(point.usd_per_month),
        target: seconds(point.wait_s.target),
        "mean wait": seconds(point.wait_s.mean),
        "utilisation": share(point.utilisation),
    }
