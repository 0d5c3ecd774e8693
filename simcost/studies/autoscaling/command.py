"""`simcost autoscale`: autoscalers as they are, from their manifests."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.studies.argument_types import natural, pair, span
from simcost.studies.options import Arguments, NamedOnce, columns, sourced, study

if TYPE_CHECKING:
    from simcost.studies.autoscaling.result import AutoscaleReplay


def add(verbs: Any) -> None:
    """The verb `autoscale`."""
    autoscale = verbs.add_parser("autoscale", help="autoscalers: replay recorded metrics through a manifest")
    actions = autoscale.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_replay(actions)


def _add_replay(actions: Any) -> None:
    replay = study(
        actions,
        "replay",
        _replay,
        "autoscaling.view",
        "replicas that the autoscaler of a manifest requests at each sync, given recorded metrics, and why",
    )
    replay.add_argument(
        "manifest",
        type=Path,
        help="HPA, KEDA, Knative, Ray Serve, Application Auto Scaling or Dynamo planner: YAML or JSON",
    )
    replay.add_argument(
        "metrics",
        type=Path,
        help="recorded metrics, CSV or Parquet: time, pod (or none: a total), metric, value",
    )
    replay.add_argument("--name", metavar="NAME", help="which object of the manifest, where it holds several")
    replay.add_argument(
        "--metric",
        action=NamedOnce,
        nargs="+",
        type=pair,
        default=[],
        metavar="NAME=RECORDED",
        help="name in the recording of a metric of the manifest",
    )
    replay.add_argument(
        "--closed-loop",
        action="store_true",
        help="replicas are those desired at the sync before, at the first sync those recorded, if any",
    )
    replay.add_argument(
        "--start",
        type=natural,
        metavar="N",
        help="replicas at the first sync, where they are not recorded or with --closed-loop",
    )
    replay.add_argument(
        "--stale",
        type=span,
        metavar="TIME",
        help="age at which a sample counts no more (default: its usual gap)",
    )
    replay.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="of times without one, e.g. Europe/Berlin (default UTC)"
    )
    columns(replay)


def _replay(arguments: Arguments) -> "AutoscaleReplay":
    from simcost.studies.autoscaling.study import autoscale_replay

    result = autoscale_replay(
        arguments.manifest,
        arguments.metrics,
        name=arguments.name,
        recorded=dict(arguments.metric),
        mapping=dict(arguments.map),
        closed=arguments.closed_loop,
        start=arguments.start,
        valid_s=arguments.stale,
        timezone=arguments.timezone,
    )
    return sourced(arguments, result, result.findings, [arguments.manifest, arguments.metrics])
