"""Fit of the step-time model to published measurements: physics first, factors after, all shrunk to their parents.

Each coefficient of a `HardwareFit` is a mean over accelerators times a deviation of the accelerator. On top, each
configuration has factors on the whole step and on its fixed times, one of each for every cell that holds it. Deviations
and factors are pulled to 1 with the sigmas below, so that few rows move them little: a maximum a posteriori estimate,
by Gauss-Newton steps with Huber weights.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from serving_rows import Measurement, schedule

from simcost.catalog.facts import HardwareFit
from simcost.perf import roofline
from simcost.perf.memory import gemm_rate

Numbers = NDArray[np.float64]
Name = tuple[object, ...]

COEFFICIENTS: dict[str, tuple[float | dict[str, float], float, float]] = {
    "gemm_efficiency": ({"bf16": 0.7, "fp8": 0.55, "fp4": 0.45}, 0.3, 0.15),
    "expert_gemm_efficiency": ({"bf16": 0.4, "fp8": 0.35, "fp4": 0.25}, 0.5, 0.2),
    "weight_efficiency": (0.85, 0.15, 0.08),
    "expert_weight_efficiency": (0.7, 0.3, 0.2),
    "attention_efficiency": (0.5, 0.4, 0.2),
    "kv_efficiency": (0.8, 0.2, 0.12),
    "layer_s": (2e-5, 0.7, 0.25),
    "expert_layer_s": (1e-5, 1.0, 0.5),
    "step_s": (1e-3, 1.0, 0.3),
    "sequence_s": (5e-6, 1.0, 0.4),
    "allreduce_s": ({"fabric": 1e-5, "PCIe": 3e-5}, 0.7, 0.3),
    "allreduce_efficiency": ({"fabric": 0.5, "PCIe": 0.5}, 0.5, 0.2),
}
"""Start value (by rate or link), and the sigmas of its logarithm: of the mean, and of an accelerator around it."""
FIXED = ("layer_s", "expert_layer_s", "step_s", "sequence_s")
FACTOR_SIGMAS = (0.10, 0.15, 0.10, 0.10, 0.12)
"""Of class and engine, model, accelerator and precision, these with the model, parallelism."""
FIXED_SIGMAS = (0.30, 0.25, 0.0, 0.0, 0.25)
ROW_SIGMA, HUBER = 0.10, 1.5
LEAF_ROWS = 8
"""From so many rows on, more rows of a configuration weigh no more: they share its errors."""
UNCERTAIN = 0.4
"""Weight of a row whose configuration is not stated in full."""
BINS_PER_E = 5


@dataclass(slots=True)
class Group:
    """Measurements of one configuration from one source, their steps summed by rows."""

    rows: list[Measurement]
    bins: Numbers
    weights: Numbers
    starts: NDArray[np.int64]
    linear: Numbers
    """Prompt tokens, sequences, KV tokens, pairs of each measurement, weighted as its steps are."""
    measured: Numbers
    """Logarithms of seconds."""
    names: dict[str, tuple[Name, Name]] = field(default_factory=dict)
    factors: list[Name] = field(default_factory=list)
    fixed: list[Name] = field(default_factory=list)

    @property
    def head(self) -> Measurement:
        """One of them."""
        return self.rows[0]

    @property
    def rate(self) -> str:
        """Rate of its matrix products."""
        return gemm_rate(self.head.accelerator, self.head.spec.precision)

    @property
    def row_weights(self) -> Numbers:
        """Of the residuals."""
        certain = np.array([1.0 if row.certain else UNCERTAIN for row in self.rows])
        weights: Numbers = certain * np.sqrt(min(1.0, LEAF_ROWS / len(self.rows))) / ROW_SIGMA
        return weights

    def predicted(self, fit: HardwareFit) -> Numbers:
        """Logarithms of the seconds that a fit gives."""
        row = self.head
        base = roofline.base_s(fit, row.accelerator, row.model, row.spec, self.bins)
        per = roofline.slopes(fit, row.accelerator, row.model, row.spec)
        slopes = np.array([per.prompt_token_s, per.sequence_s, per.kv_token_s, per.pair_s])
        logarithms: Numbers = np.log(np.add.reduceat(self.weights * base, self.starts) + self.linear @ slopes)
        return logarithms

    def subset(self, kept: Iterable[int]) -> "Group":
        """The group with some of its rows."""
        kept = list(kept)
        ends = np.append(self.starts[1:], len(self.bins))
        parts = [slice(self.starts[i], ends[i]) for i in kept]
        sizes = [part.stop - part.start for part in parts]
        return Group(
            rows=[self.rows[i] for i in kept],
            bins=np.concatenate([self.bins[part] for part in parts]),
            weights=np.concatenate([self.weights[part] for part in parts]),
            starts=np.cumsum([0, *sizes])[:-1],
            linear=self.linear[kept],
            measured=self.measured[kept],
            names=self.names,
            factors=self.factors,
            fixed=self.fixed,
        )


def cells(row: Measurement) -> list[Name]:
    """The cells of a configuration, from wide to narrow: class, engine, accelerator, precision, model, tp, pp, dp."""
    spec, model = row.spec, row.model.name
    of, on, anywhere = (row.model_class, spec.engine or ""), (spec.accelerator, spec.precision), ("", "")
    no_layout = ("", "", "")
    return [
        (*of, *anywhere, "", *no_layout),
        (*of, *anywhere, model, *no_layout),
        (*of, *on, "", *no_layout),
        (*of, *on, model, *no_layout),
        (*of, *on, model, spec.tp, spec.pp, spec.dp),
    ]


def groups(rows: Sequence[Measurement]) -> list[Group]:
    """Measurements by configuration and source; those that do not fit their replica are left out."""
    found: dict[tuple[str, ...], list[Measurement]] = defaultdict(list)
    for row in rows:
        found[(*row.leaf, str(row.spec))].append(row)
    return [group for _, members in sorted(found.items()) if (group := _group(members))]


def _group(rows: list[Measurement]) -> Group | None:
    parts = [(row, summed) for row in rows if (summed := _summed(row)) is not None]
    if not parts:
        return None
    sizes = [len(bins) for _, (bins, _, _) in parts]
    row = parts[0][0]
    rate, link = gemm_rate(row.accelerator, row.spec.precision), link_kind(row)
    names: dict[str, tuple[Name, Name]] = {}
    for name, (start, _, _) in COEFFICIENTS.items():
        unused = (name.startswith("expert") and not row.model.experts) or (
            name.startswith("allreduce") and row.spec.accelerators == 1
        )
        if not unused:
            by = (link if name.startswith("allreduce") else rate) if isinstance(start, dict) else ""
            names[name] = ("mean", name, by), ("deviation", name, by, row.accelerator.name)
    levels = cells(row)
    return Group(
        rows=[member for member, _ in parts],
        bins=np.concatenate([bins for _, (bins, _, _) in parts]),
        weights=np.concatenate([weights for _, (_, weights, _) in parts]),
        starts=np.cumsum([0, *sizes])[:-1],
        linear=np.array([linear for _, (_, _, linear) in parts]),
        measured=np.log([member.measured_s for member, _ in parts]),
        names=names,
        factors=[("factor", *cell) for cell, sigma in zip(levels, FACTOR_SIGMAS, strict=True) if sigma],
        fixed=[("fixed", *cell) for cell, sigma in zip(levels, FIXED_SIGMAS, strict=True) if sigma],
    )


def link_kind(row: Measurement) -> Literal["fabric", "PCIe"]:
    return "PCIe" if row.accelerator.link.startswith("PCIe") else "fabric"


def _summed(row: Measurement) -> tuple[Numbers, Numbers, Numbers] | None:
    """The steps of a benchmark by rows in bins of their logarithm, weighted as its metric weights them."""
    found = schedule(row)
    if found is None:
        return None
    run, outputs = found
    weight = {"tpot": run.tpot, "latency": np.ones_like(run.rows), "throughput": np.full_like(run.rows, 1 / outputs)}
    each = weight[row.metric]
    used = each > 0
    rows, each, many = run.rows[used], each[used], (each * run.repeats)[used]
    sequences, kv, pairs = run.sequences[used], run.kv_tokens[used], run.pairs[used]
    linear = np.array([many @ (rows - sequences), many @ sequences, many @ kv, each @ pairs])
    _, index = np.unique(np.floor(np.log(rows) * BINS_PER_E), return_inverse=True)
    weights = np.bincount(index, many).astype(np.float64)
    return np.bincount(index, many * rows) / weights, weights, linear


class Estimate:
    """Values of all coefficients and factors, as logarithms; what has no rows is at its start."""

    def __init__(self, found: Sequence[Group]) -> None:
        self.names: list[Name] = []
        start, sigma = [], []
        index: dict[Name, int] = {}
        for group in found:
            for name, value, spread in _priors(group):
                if name not in index:
                    index[name] = len(self.names)
                    self.names.append(name)
                    start.append(value)
                    sigma.append(spread)
        self.index = index
        self.start, self.sigma = np.array(start), np.array(sigma)
        self.values = self.start.copy()

    def log(self, name: Name) -> float:
        """The logarithm of a value, 0 where nothing is known."""
        return float(self.values[self.index[name]]) if name in self.index else 0.0

    def coefficient(self, name: str, by: str, accelerator: str) -> float:
        """A coefficient of an accelerator; of the mean with an empty name."""
        start = COEFFICIENTS[name][0]
        mean = ("mean", name, by if isinstance(start, dict) else "")
        value = self.log(mean) if mean in self.index else np.log(start[by] if isinstance(start, dict) else start)
        return float(np.exp(value + self.log(("deviation", *mean[1:], accelerator))))

    def residuals(self, group: Group) -> Numbers:
        """Logarithms of predicted / measured."""
        factor = sum(self.log(name) for name in group.factors)
        return group.predicted(self._fit(group)) + factor - group.measured

    def _fit(self, group: Group, changed: str = "", by: float = 0.0) -> HardwareFit:
        fixed = sum(self.log(name) for name in group.fixed)
        values: dict[str, Any] = dict.fromkeys(COEFFICIENTS, 1.0)
        for name, (mean, deviation) in group.names.items():
            value = self.log(mean) + self.log(deviation) + (fixed if name in FIXED else 0.0)
            values[name] = float(np.exp(value + (by if name == changed else 0.0)))
        return HardwareFit(
            accelerator=group.head.accelerator.name,
            link=link_kind(group.head),
            precision=gemm_rate(group.head.accelerator, group.head.spec.precision),
            rows=0,
            source="fit",
            as_of="unknown",
            quality="B",
            **values,
        )

    def improve(self, found: Sequence[Group], steps: int, longest: float = 0.7) -> None:
        """Gauss-Newton steps over the groups, none longer than `longest` in any logarithm, halved until they help."""
        cost = self._cost(found)
        for _ in range(steps):
            curvature = np.diag(self.sigma**-2.0)
            slope = (self.values - self.start) / self.sigma**2
            for group in found:
                at, jacobian, residuals = self._linearized(group)
                scaled = np.abs(residuals * group.row_weights)
                weights = group.row_weights**2 * np.minimum(1.0, HUBER / np.maximum(scaled, 1e-9))
                curvature[np.ix_(at, at)] += (jacobian.T * weights) @ jacobian
                slope[at] += jacobian.T @ (weights * residuals)
            change = np.clip(-np.linalg.solve(curvature, slope), -longest, longest)
            before = self.values
            for halvings in range(5):
                self.values = before + change * 0.5**halvings
                if (after := self._cost(found)) < cost:
                    cost = after
                    break
            else:
                self.values = before
                return

    def _cost(self, found: Sequence[Group]) -> float:
        """Huber loss of the scaled residuals, and the squares of what is shrunk."""
        cost = float(np.sum(((self.values - self.start) / self.sigma) ** 2)) / 2
        for group in found:
            scaled = np.abs(self.residuals(group) * group.row_weights)
            cost += float(np.sum(np.where(scaled < HUBER, scaled**2 / 2, HUBER * (scaled - HUBER / 2))))
        return cost

    def _linearized(self, group: Group) -> tuple[list[int], Numbers, Numbers]:
        """Indices of the values of a group, the derivatives of its residuals, and the residuals."""
        small = 1e-4
        residuals = self.residuals(group)
        base = residuals + group.measured - sum(self.log(name) for name in group.factors)
        columns: dict[int, Numbers] = {}
        fixed = np.zeros_like(base)
        for name, pair in group.names.items():
            derivative = (group.predicted(self._fit(group, name, small)) - base) / small
            columns |= {self.index[which]: derivative for which in pair if which in self.index}
            fixed = fixed + (derivative if name in FIXED else 0.0)
        columns |= {self.index[name]: fixed for name in group.fixed if name in self.index}
        columns |= {self.index[name]: np.ones_like(base) for name in group.factors if name in self.index}
        return list(columns), np.column_stack(list(columns.values())), residuals


def _priors(group: Group) -> Iterable[tuple[Name, float, float]]:
    """Names, start values and sigmas of what a group depends on."""
    for name, (mean, deviation) in group.names.items():
        start, of_mean, of_accelerator = COEFFICIENTS[name]
        yield mean, float(np.log(start[str(mean[2])] if isinstance(start, dict) else start)), of_mean
        yield deviation, 0.0, of_accelerator
    for sigmas, names in ((FACTOR_SIGMAS, group.factors), (FIXED_SIGMAS, group.fixed)):
        for sigma, factor in zip([s for s in sigmas if s], names, strict=True):
            yield factor, 0.0, sigma
