"""Races between plans under common random numbers: which run to simulate next, and what needs no more.

The cheapest plan whose service level holds at its one-sided lower confidence bound wins, never by its mean. Plans are
tried in the order of the least cost that they can still have. A plan leaves

- when it misses the target even if all its other replications were perfect, with all plans that are not stronger;
- when its bound does not hold, whatever its other replications are, with all plans that are not stronger;
- when it costs more than the leader even if its other replications cost their least.

The rest stay until the probability that one of them is cheaper than the leader is below 1 - level: Student's t of the
logarithms of paired cost ratios, their variance pooled over plans of one class.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, exp, fsum, inf, log, sqrt
from statistics import fmean

from simcost.compare.entrants import Entrant, costs_no_less, no_larger_services, not_better_in
from simcost.compare.scores import (
    RunScore,
    Simulate,
    at_once,
    bound_lost,
    check_count,
    holds,
    hopeless,
    is_far,
    margin,
    misses_of,
)
from simcost.compare.significance import negligible_usd

PRIOR_WEIGHT = 2
"""Degrees of freedom that the spread which is assumed of a cost counts as."""
SMALLER = "no larger and no faster than a plan that misses the SLO"
NOT_SURE = "cannot meet the SLO at its lower confidence bound"
COSTS_MORE = "costs more than the best plan, in simulation or at its lower bound"
PROBABLY_MORE = "costs more than the best plan with the stated confidence"
OF_EQUAL_COST = "costs as much as the best plan, which was preferred"
AS_MUCH = "may cost as much as the best plan, and was not simulated to the end"


@dataclass(slots=True)
class _Runner:
    entrant: Entrant
    scores: dict[int, RunScore] = field(default_factory=dict)
    out: str = ""
    """Reason why it left; empty = it is in the race."""
    missed: bool = False
    """True if it left since it, or a stronger one, misses the SLO."""
    floor_usd: float = 0.0
    """Cost a month of a fixed fleet that it has at all times, or more."""

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
        if self.scores:
            return fmean(score.usd for score in self.scores.values())
        return max(self.entrant.bound_usd, self.floor_usd)

    def least_usd(self) -> float:
        """Mean cost if the other replications cost their least."""
        if self.complete:
            return self.usd()
        total, rest = len(self.entrant.order), len(self.entrant.order) - len(self.scores)
        usd = (fsum(score.usd for score in self.scores.values()) + rest * self.entrant.bound_usd) / total
        return max(usd, self.floor_usd)

    def next(self, alike: _Runner | None) -> list[int]:
        """Replications that are missing, those first that came closest to a miss on a plan alike, or that it missed."""
        missing = [replication for replication in self.entrant.order if replication not in self.scores]
        known = {} if alike is None else {replication: margin(score) for replication, score in alike.scores.items()}
        if len(known) < len(self.entrant.order):
            known = {replication: min(kept, 0.0) for replication, kept in known.items()}
        return sorted(missing, key=lambda replication: known.get(replication, 0.0))


class Race:
    """The race; ask `ask`, answer with `tell`, until `ask` has no more."""

    def __init__(self, entrants: Sequence[Entrant], level: float) -> None:
        self.level = level
        self._runners = {entrant.name: _Runner(entrant) for entrant in entrants}
        self._misses = Counter[tuple[str, str]]()
        """Plans that missed, by chain and by the service that missed."""
        self._missing = defaultdict[str, str](str)
        """By chain, the service that missed last."""
        self._hopeless = set[str]()
        """Hardware on which a plan with many replicas hardly served a request in time."""
        self._telling: dict[str, _Runner] = {}
        """By family, the plan that got more than half of its results last."""
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
            self._hopeless.discard(self._runners[name].entrant.hardware)
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

    def unfinished(self, most_usd: float = inf) -> list[Entrant]:
        """Plans that may hold and have not all their results, in their order; those expected to cost no more."""
        best = self._best()
        open_ = [runner for runner in self._runners.values() if not runner.out and not runner.complete]
        return [runner.entrant for runner in open_ if self._expected(runner, best) <= most_usd]

    def entrant(self, name: str) -> Entrant:
        """A plan before the race."""
        return self._runners[name].entrant

    def missed(self) -> list[str]:
        """Plans that missed the SLO, in simulation or since a stronger one did."""
        return [name for name, runner in self._runners.items() if runner.missed]

    def next_best(self, below_usd: float = inf) -> str | None:
        """The plan to simulate next for the one of least cost expected among those that may hold and have not all their
        results; None where that is not below a cost.
        """
        best = self._best()
        open_ = [runner for runner in self._runners.values() if not runner.out and not runner.complete]
        found = min(
            open_, key=lambda runner: (self._expected(runner, best), self._order[runner.entrant.name]), default=None
        )
        if found is None or self._expected(found, best) >= below_usd:
            return None
        return self._instead(found, open_).entrant.name

    def usd(self, name: str) -> float:
        """Cost a month of a plan, so far or as it is expected beside the leader."""
        return self._expected(self._runners[name], self._best())

    def next_runs(self, name: str) -> list[tuple[str, int]]:
        """Runs that a plan needs next, if it may be the best: the most telling one, then all, or half of them where one
        came too short; of futures, once one missed, as many as show that too many do. Empty if it has all, or left.
        """
        runner = self._runners[name]
        count = runner.at_once if runner.scores else 1
        if not runner.in_doubt and any(margin(score) < 0 for score in runner.scores.values()):
            count = ceil(count / 2)
        missing = runner.next(self._telling.get(runner.entrant.family))
        return [] if runner.out else [(name, replication) for replication in missing[:count]]

    def _rank(self, runner: _Runner) -> tuple[float, int]:
        return runner.usd(), self._order[runner.entrant.name]

    def _best(self) -> _Runner | None:
        found = [runner for runner in self._runners.values() if not runner.out and runner.complete]
        return min(found, key=self._rank, default=None)

    def _judge(self, runner: _Runner) -> None:
        scores, count = list(runner.scores.values()), len(runner.entrant.order)
        if 2 * len(scores) > count:
            self._telling[runner.entrant.family] = runner
        if runner.complete:
            if not scores[0].closed:
                check_count(scores, self.level)
            self._raise_floors(runner)
        if self._fails(scores, count):
            self._out(runner, misses_of(scores, count) if hopeless(scores, count) else NOT_SURE)

    def _fails(self, scores: Sequence[RunScore], count: int) -> bool:
        """True if a plan with these results cannot hold, whatever its others are."""
        lost = hopeless(scores, count) or bound_lost(scores, count, self.level)
        return lost or (len(scores) == count and not holds(scores, self.level))

    def _out(self, failed: _Runner, reason: str) -> None:
        failed.out, failed.missed = reason, True
        entrant, scores, count = failed.entrant, failed.scores, len(failed.entrant.order)
        missed = [name for name in entrant.services if self._fails(_of_service(name, scores), count)]
        self._missing[entrant.chain] = missed[0] if missed else ""
        self._misses[entrant.chain, self._missing[entrant.chain]] += 1
        fleets = [runner.entrant.counts[0] for runner in self._fleets_like(entrant)]
        if fleets and 2 * entrant.counts[0] >= max(fleets) and all(map(is_far, scores.values())):
            self._hopeless.add(entrant.hardware)
        for runner in self._runners.values():
            if not runner.out and not runner.complete and self._shows(failed, missed, runner.entrant):
                runner.out, runner.missed = SMALLER, True

    def _shows(self, failed: _Runner, missed: Sequence[str], entrant: Entrant) -> bool:
        """True if the results of a plan that missed show that another one misses too."""
        if any(name in missed for name in no_larger_services(entrant, failed.entrant)):
            return True
        known = not_better_in(entrant, failed.entrant)
        scores = [score for replication, score in failed.scores.items() if replication in known]
        return bool(scores) and self._fails(scores, len(entrant.order))

    def _raise_floors(self, fleet: _Runner) -> None:
        """Plans that have the nodes of a fixed fleet at all times cost no less."""
        for runner in self._runners.values():
            if costs_no_less(runner.entrant, fleet.entrant):
                runner.floor_usd = max(runner.floor_usd, fleet.usd())

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
            return self._instead(first, open_)
        rivals = list(self._rivals(best))
        if fsum(p for _, p in rivals) <= 1 - self.level:
            return None
        return max(rivals, key=lambda pair: (pair[1], -self._order[pair[0].entrant.name]))[0]

    def _instead(self, first: _Runner, open_: Sequence[_Runner]) -> _Runner:
        """The plan to simulate in place of one that is expected to cost least: the largest fixed fleet of hardware that
        seems hopeless, since its miss takes all along; the one that a policy has at all times, whose cost is the least
        of it; the one of its chain that is told by the fewest runs.
        """
        if first.scores:
            return first
        if first.entrant.hardware in self._hopeless and (fleets := self._fleets_like(first.entrant)):
            return max(fleets, key=lambda runner: runner.entrant.counts)
        below = [runner for runner in open_ if costs_no_less(first.entrant, runner.entrant)]
        fleet = max(below, key=lambda runner: runner.entrant.counts, default=first)
        return fleet if fleet.scores else self._in_chain(fleet, open_)

    def _fleets_like(self, entrant: Entrant) -> list[_Runner]:
        """Fixed fleets of the same hardware that may hold and have no result."""
        return [
            runner
            for runner in self._runners.values()
            if (one := runner.entrant).hardware == entrant.hardware
            and one.counts
            and one.family
            and one.family == entrant.family
            and not (one.policy or runner.out or runner.scores)
        ]

    def _in_chain(self, first: _Runner, open_: Sequence[_Runner]) -> _Runner:
        """Of a chain of plans the one to try: from the cheapest in steps that double with each miss, since a miss takes
        all smaller ones along; below one that did not miss, the middle. Of several services the one that missed last
        grows. One that missed a future is tried to its end.
        """
        name = first.entrant.chain
        if not name:
            return first
        service = self._missing[name]
        chain = [runner for runner in open_ if runner.entrant.chain == name and _differ_in(runner, first, service)]
        ranked = sorted(chain, key=lambda runner: (runner.entrant.bound_usd, self._order[runner.entrant.name]))
        tried = next((i for i, runner in enumerate(ranked) if runner.scores), None)
        if tried is not None and not ranked[tried].in_doubt:
            return ranked[(tried - 1) // 2] if tried else first
        if tried is not None:
            return ranked[tried]
        return ranked[min((1 << self._misses[name, service]) - 1, len(ranked) - 1)]

    def _expected(self, runner: _Runner, best: _Runner | None) -> float:
        """Cost a month that is expected: by the paired ratios to the leader where there is one."""
        if best is None or not runner.scores or runner.complete or best.usd() <= 0:
            return runner.usd()
        expected = best.usd() * exp(fmean(_ratios(runner, best)))
        return max(expected, runner.entrant.bound_usd, runner.floor_usd)

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


def _of_service(name: str, scores: Mapping[int, RunScore]) -> list[RunScore]:
    return [score.of_service(name) for score in scores.values()]


def _differ_in(runner: _Runner, other: _Runner, service: str) -> bool:
    """True if plans have the same services but for one; of one service always."""
    mine, theirs = runner.entrant.services, other.entrant.services
    return all(part == theirs.get(name) for name, part in mine.items() if name != service)


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
