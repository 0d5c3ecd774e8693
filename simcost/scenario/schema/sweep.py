"""Schema of sweeps: values of fields that `simcost sweep` combines, and ranges that it samples."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from simcost.record import record
from simcost.units import PositiveCount


@record
class LatinHypercube:
    """Samples that fill ranges evenly: of as many equal parts of a range as there are samples, each has one."""

    samples: PositiveCount
    """Number of samples."""
    ranges: Mapping[str, tuple[Any, ...]]
    """Least and largest value of a field by its path: `{workload.0.rate: [2/s, 8/s]}`. Where the field takes whole
    numbers, so do its samples."""


@record
class PlanSweep:
    """Plans of a sweep: each plan of the scenario with each combination of the matrix and each sample of the ranges."""

    matrix: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values of a field by its path: of the plans, as `scaling.replicas`, else of the scenario, as `workload.0.rate` or
    `seed`."""
    exclude: tuple[Mapping[str, Any], ...] = ()
    """Combinations of the matrix that are left out, each by some of its values: `{replica.precision: fp8,
    scaling.replicas: 1}`."""
    latin_hypercube: LatinHypercube | None = None
    """Ranges that are sampled."""
