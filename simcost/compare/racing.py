"""Races between plans under common random numbers: which run to simulate next, and what needs no more.

The cheapest plan whose service level holds at its one-sided lower confidence bound wins, never by its mean. Plans are
tried in the order of the least cost that they can still have. A plan leaves

- when it misses the target even if all its other replications were perfect, with all plans that are not stronger;
- when its bound does not hold, whatever its other replications are, with all plans that are not stronger;
- when it costs more than the leader even if its other replications cost their least.

The rest stay until the probability that one of them is cheaper than the leader is below 1 - level: Student's t of the
logarithms of paired cost ratios, their variance pooled over plans of one class.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, fsum, log, sqrt
from statistics import fmean

from simcost.compare.scores import RunScore, Simulate, at_once, bound_lost, holds, hopeless, misses_allowed
from simcost.compare.significance import negligible_usd
from simcost.slo import FUTURES
from simcost.units import plural

PRIOR_WEIGHT = 2
"""Degrees of freedom that the spread which is assumed of a cost counts as."""
SMALLER = "no larger and no faster than a plan that misses the SLO"
MISSES = "misses the SLO in simulation"
NOT_SURE = "cannot meet the SLO at its lower confidence bound"
COSTS_MORE = "costs more than the best plan, in simulation or at its lower bound"
PROBABLY_MORE = "costs more than the best plan with the stated confidence"
OF_EQUAL_COST = "costs as much as the best plan, which was preferred"
AS_MUCH = "may cost as much as the best plan, and was not simulated to the end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A plan before the race."""

    name: str
    bound_usd: float
    """Least cost a month."""
    chain: str = ""
    """Plans that differ in their sizes alone have one chain: more never serve worse."""
    sizes: tuple[float, ...] = ()
    family: str = ""
    """Plans that can be compared in strength have one family; empty = with no other."""
    policy: str = ""
    """Of scaling, sizes left out; empty = all replicas are there throughout, with which no policy serves better."""
    counts: tuple[float, ...] = ()
    """Most, fewest and first replicas."""
    hardware: str = ""
    """Replicas alike."""
    outruns: frozenset[str] = frozenset()
    """Hardware of the family that is not faster, its own included."""
    kind: str = ""
    """Class of plans whose costs vary alike."""
    spread: float = 0.1
    """Relative standard deviation of its cost over replications that is assumed before any is known."""
    order: tuple[int, ...] = ()
    """Replications, the most telling first."""
    weights_bytes: float = 0.0
    """Of plans that cost the same and serve as well the one with more wins: fewer bits, or a smaller model, may cost
    quality."""


@dataclass(slots=True)
class _Runner:
    entrant: Entrant
    scores: dict[int, RunScore] = field(default_factory=dict)
    out: str = ""
    """Reason why it left; empty = it is in the race."""
    missed: bool = False
    """True if it left since it, or a stronger one, misses the SLO."""

    @property
    def complete(self) -> bool:
        return len(self.scores) == len(self.entrant.order)

    @property
    def at_once(self) -> int:
        """Replications to simulate next."""
        return at_once(list(self.scores.values()), len(self.entrant.order))

    @property
    def in_doubt(self) -> bool:
        """True if it has missed a future, and few more would show that it misses the SLO."""
        return self.at_once < len(self.entrant.order) - len(self.scores)

    def usd(self) -> float:
        """Mean cost so far; the bound before."""
        return fmean(score.usd for score in self.scores.values()) if self.scores else self.entrant.bound_usd

    def least_usd(self) -> float:
        """Mean cost if the other replications cost their least."""
        total, rest = len(self.entrant.order), len(self.entrant.order) - len(self.scores)
        return (fsum(score.usd for score in self.scores.values()) + rest * self.entrant.bound_usd) / total

    def next(self) -> list[int]:
        return [replication for replication in self.entrant.order if replication not in self.scores]


class Race:
    """The race; ask `ask`, answer with `tell`, until `ask` has no more."""

    def __init__(self, entrants: Sequence[Entrant], level: float) -> None:
        self.level = level
        self._runners = {entrant.name: _Runner(entrant) for entrant in entrants}
        self._misses = Counter[str]()
        """Plans that missed, by chain."""
        self._order = {entrant.name: i for i, entrant in enumerate(entrants)}

    def ask(self) -> list[tuple[str, int]]:
        """Runs to make next, of one plan; none when the race is over."""
        runner = self._chosen()
        if runner is None:
            return []
        best, runs = self._best(), self.next_runs(runner.entrant.name)
        likely = best is None or self._expected(runner, best) < best.usd()
        return runs if likely else runs[:1]

    def tell(self, found: Mapping[tuple[str, int], RunScore]) -> None:
        """Take in the results of runs."""
        for (name, replication), score in found.items():
            self._runners[name].scores[replication] = score
        for name in dict.fromkeys(name for name, _ in found):
            self._judge(self._runners[name])

    def drop(self, name: str, reason: str) -> None:
        """Take a plan out, since it failed elsewhere."""
        self._runners[name].out = reason

    def reason(self, name: str) -> str:
        """Reason why a plan left the race; empty = it did not."""
        return self._runners[name].out

    @property
    def leader(self) -> str | None:
        """The cheapest plan that holds so far; None = none does."""
        best = self._best()
        return best.entrant.name if best else None

    def holding(self) -> list[str]:
        """Plans that hold, the cheapest first."""
        found = [runner for runner in self._runners.values() if not runner.out and runner.complete]
        return [runner.entrant.name for runner in sorted(found, key=self._rank)]

    def scores(self, name: str) -> dict[int, RunScore]:
        """Results of a plan by replication."""
        return self._runners[name].scores

    def simulated(self) -> list[str]:
        """Plans with a result, in their order."""
        return [name for name, runner in self._runners.items() if runner.scores]

    def least_usd(self) -> float | None:
        """No plan that may meet the SLO costs less a month; None = no plan may."""
        return min((runner.least_usd() for runner in self._runners.values() if not runner.out), default=None)

    def open_usd(self) -> dict[str, float]:
        """Least cost a month of each plan that has not left; of one with all its results their mean."""
        return {name: runner.least_usd() for name, runner in self._runners.items() if not runner.out}

    def confidence(self) -> float:
        """Probability that no plan of the race is cheaper than the leader, by Bonferroni's inequality."""
        best = self._best()
        return 0.0 if best is None else max(1 - fsum(p for _, p in self._rivals(best)), 0.0)

    def excluded(self, named: Collection[str]) -> dict[str, int]:
        """Plans by the reason why they are not the answer, but for those that the answer names."""
        best, counts = self._best(), Counter[str]()
        for name, runner in self._runners.items():
            if runner.out:
                counts[runner.out] += 1
            elif best is not None and name not in named:
                usd = runner.least_usd()
                counts[OF_EQUAL_COST if runner.complete and _as_much(usd, best.usd()) else _costs(usd, best.usd())] += 1
        return dict(counts)

    def unfinished(self) -> list[Entrant]:
        """Plans that may hold and have not all their results, in their order."""
        return [runner.entrant for runner in self._runners.values() if not runner.out and not runner.complete]

    def entrant(self, name: str) -> Entrant:
        """A plan before the race."""
        return self._runners[name].entrant

    def missed(self) -> list[str]:
        """Plans that missed the SLO, in simulation or since a stronger one did."""
        return [name for name, runner in self._runners.items() if runner.missed]

    def next_best(self) -> str | None:
        """Of the plans that may hold and have not all their results, the one with the least cost expected."""
        best = self._best()
        open_ = [runner for runner in self._runners.values() if not runner.out and not runner.complete]
        found = min(
            open_, key=lambda runner: (self._expected(runner, best), self._order[runner.entrant.name]), default=None
        )
        return found.entrant.name if found else None

    def usd(self, name: str) -> float:
        """Cost a month of a plan, so far or as it is expected beside the leader."""
        return self._expected(self._runners[name], self._best())

    def next_runs(self, name: str) -> list[tuple[str, int]]:
        """Runs that a plan needs next, if it may be the best: the most telling one, which may show that it misses, then
        all; of futures, once one has missed, as many as show that too many do. None = it has all, or has left.
        """
        runner = self._runners[name]
        count = runner.at_once if runner.scores else 1
        return [] if runner.out else [(name, replication) for replication in runner.next()[:count]]

    def _rank(self, runner: _Runner) -> tuple[float, int]:
        return runner.usd(), self._order[runner.entrant.name]

    def _best(self) -> _Runner | None:
        found = [runner for runner in self._runners.values() if not runner.out and runner.complete]
        return min(found, key=self._rank, default=None)

    def _judge(self, runner: _Runner) -> None:
        scores, count = list(runner.scores.values()), len(runner.entrant.order)
        if hopeless(scores, count):
            self._out(runner, misses_of(scores, count))
        elif bound_lost(scores, count, self.level) or (runner.complete and not holds(scores, self.level)):
            self._out(runner, NOT_SURE)

    def _out(self, failed: _Runner, reason: str) -> None:
        failed.out, failed.missed = reason, True
        self._misses[failed.entrant.chain] += 1
        for runner in self._runners.values():
            if not runner.out and not runner.complete and is_no_stronger(runner.entrant, failed.entrant):
                runner.out, runner.missed = SMALLER, True

    def _chosen(self) -> _Runner | None:
        """The plan with the least cost expected while that is below the leader's; then the one most likely cheaper."""
        best = self._best()
        open_ = [runner for runner in self._runners.values() if not runner.out and not runner.complete]
        if best is not None:
            open_ = [runner for runner in open_ if runner.least_usd() < best.usd()]
        if not open_:
            return None
        first = min(open_, key=lambda runner: (self._expected(runner, best), self._order[runner.entrant.name]))
        if best is None or self._expected(first, best) < best.usd():
            return first if first.scores else self._in_chain(first, open_)
        rivals = list(self._rivals(best))
        if fsum(p for _, p in rivals) <= 1 - self.level:
            return None
        return max(rivals, key=lambda pair: (pair[1], -self._order[pair[0].entrant.name]))[0]

    def _in_chain(self, first: _Runner, open_: Sequence[_Runner]) -> _Runner:
        """Of a chain of plans the one to try: from the cheapest in steps that double with each miss, since a miss takes
        all smaller ones along; below one that did not miss, the middle. One that missed a future is tried to its end.
        """
        if not first.entrant.chain:
            return first
        chain = [runner for runner in open_ if runner.entrant.chain == first.entrant.chain]
        ranked = sorted(chain, key=lambda runner: (runner.entrant.bound_usd, self._order[runner.entrant.name]))
        tried = next((i for i, runner in enumerate(ranked) if runner.scores), None)
        if tried is not None and not ranked[tried].in_doubt:
            return ranked[(tried - 1) // 2] if tried else first
        if tried is not None:
            return ranked[tried]
        return ranked[min((1 << self._misses[first.entrant.chain]) - 1, len(ranked) - 1)]

    def _expected(self, runner: _Runner, best: _Runner | None) -> float:
        """Cost a month that is expected: by the paired ratios to the leader where there is one."""
        if best is None or not runner.scores or best.usd() <= 0:
            return runner.usd()
        return max(best.usd() * exp(fmean(_ratios(runner, best))), runner.entrant.bound_usd)

    def _rivals(self, best: _Runner) -> Iterator[tuple[_Runner, float]]:
        """Plans that may still be cheaper than the leader, and the probability of it."""
        open_ = [runner for runner in self._runners.values() if not runner.out and not runner.complete]
        open_ = [runner for runner in open_ if runner.least_usd() < best.usd()]
        spread = {kind: self._spread(kind, best) for kind in {runner.entrant.kind for runner in open_}}
        for runner in open_:
            if not runner.scores:
                yield runner, 0.5
                continue
            ratios = _ratios(runner, best)
            variance, freedom = spread[runner.entrant.kind]
            yield runner, _below(-fmean(ratios) * sqrt(len(ratios) / variance), freedom)

    def _spread(self, kind: str, best: _Runner) -> tuple[float, int]:
        """Variance of a paired ratio of a class, and its degrees of freedom."""
        alike = [runner for runner in self._runners.values() if runner is not best and runner.entrant.kind == kind]
        assumed = max(runner.entrant.spread for runner in (best, *alike))
        squares, freedom = PRIOR_WEIGHT * assumed**2, PRIOR_WEIGHT
        for runner in alike:
            if len(runner.scores) > 1:
                ratios = _ratios(runner, best)
                squares += fsum((ratio - fmean(ratios)) ** 2 for ratio in ratios)
                freedom += len(ratios) - 1
        return squares / freedom, freedom


def _as_much(usd: float, best_usd: float) -> bool:
    return abs(usd - best_usd) <= negligible_usd(best_usd)


def _costs(least_usd: float, best_usd: float) -> str:
    """Reason why a plan that may hold was not simulated to the end."""
    if least_usd > best_usd and not _as_much(least_usd, best_usd):
        return COSTS_MORE
    return AS_MUCH if least_usd >= best_usd else PROBABLY_MORE


def misses_of(scores: Sequence[RunScore], replications: int) -> str:
    """Reason of a plan that misses the SLO even if its other replications were perfect; of futures, how many tell it.

    >>> from simcost.compare.scores import futures_score
    >>> misses_of([futures_score(1.0, 0.1, met=False)] * 2, 10)
    'misses the SLO in 2 of 10 futures or more, the busiest first'
    """
    check = scores[0].checks[0]
    if check.name != FUTURES:
        return MISSES
    enough = misses_allowed(replications, 1 - check.target) + 1
    return f"misses the SLO in {enough} of {plural(replications, 'future')} or more, the busiest first"


def is_no_stronger(entrant: Entrant, other: Entrant) -> bool:
    """True if it is the other plan with no more of anything: of replicas, or on hardware that is not faster."""
    if entrant.family and entrant.family == other.family and other.policy in ("", entrant.policy):
        return entrant.hardware in other.outruns and _at_most(entrant.counts, other.counts)
    return bool(entrant.chain) and entrant.chain == other.chain and _at_most(entrant.sizes, other.sizes)


def _at_most(mine: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    return len(mine) == len(theirs) and all(one <= other for one, other in zip(mine, theirs, strict=True))


def _ratios(runner: _Runner, best: _Runner) -> list[float]:
    """Logarithms of its cost over the leader's, replication by replication."""
    return [log(max(score.usd, 1e-9) / max(best.scores[r].usd, 1e-9)) for r, score in runner.scores.items()]


def _below(t: float, freedom: int) -> float:
    """Probability of a Student's t up to this value."""
    from scipy.special import stdtr

    return float(stdtr(freedom, t))


def run_race(race: Race, simulate: Simulate) -> None:
    """Run a race to its end."""
    while asked := race.ask():
        race.tell(simulate(asked))
