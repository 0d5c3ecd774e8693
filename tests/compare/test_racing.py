"""Races: on spaces that can be enumerated the winner is the enumerated one, with a part of the runs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.compare.entrants import Entrant, ServicePart
from simcost.compare.racing import Race, run_race
from simcost.compare.scores import (
    RunScore,
    bound_lost,
    futures_score,
    holds,
    hopeless,
    lower_bounds,
    misses_allowed,
    proves_to_hold,
)
from simcost.errors import InputError
from simcost.slo import Check

REPLICATIONS, LEVEL = 5, 0.95


def test_shares_that_are_all_the_same_are_no_surer_than_their_requests() -> None:
    def bound(share: float, judged: int, count: int = 2, target: float = 0.95) -> float | None:
        checks = (Check.of("attainment", share, target),)
        return lower_bounds([RunScore(usd=1.0, checks=checks, judged=(judged,))] * count, 0.95)[0].measured

    assert bound(1.0, 17) == pytest.approx(0.05 ** (1 / 34))
    assert bound(1.0, 100_000) == pytest.approx(1.0, abs=2e-5)
    few, many = bound(0.97, 100), bound(0.97, 100_000)
    assert few is not None and many is not None and few < many < 0.97  # noqa: PT018
    assert bound(1.0, 17, count=1) == 1.0  # a single one counts as it is
    assert bound(1.0, 17, target=1.0) == 1.0  # all must be good, and were


def test_a_race_ends_where_no_result_can_show_that_a_plan_holds() -> None:
    """All of twice 17 requests were good: with 95 % confidence 0.05 ** (1 / 34) = 91.6 % or more of others are."""
    good = RunScore(usd=1.0, checks=(Check.of("b: attainment", 1.0, 0.92),), judged=(17,))
    race = Race([Entrant(name="one", bound_usd=1.0, order=(0, 1))], LEVEL)
    with pytest.raises(InputError, match="b: attainment: 34 requests in 2 replications do not show 92 %"):
        run_race(race, lambda asked: dict.fromkeys(asked, good))


def test_a_slow_plan_of_clients_that_wait_ends_no_race() -> None:
    """A faster one is asked for more, and shows what it keeps."""
    entrants = [Entrant(name=name, bound_usd=usd, order=(0, 1)) for name, usd in (("slow", 1.0), ("fast", 2.0))]
    race, check = Race(entrants, LEVEL), (Check.of("attainment", 1.0, 0.92),)
    scores = {
        "slow": RunScore(usd=1.0, checks=check, judged=(17,), closed=True),
        "fast": RunScore(usd=2.0, checks=check, judged=(170,), closed=True),
    }
    run_race(race, lambda asked: {key: scores[key[0]] for key in asked})
    assert race.holding() == ["fast"]


def score(usd: float, attainment: float) -> RunScore:
    return RunScore(usd=usd, checks=(Check.of("attainment", attainment, 0.99),))


class Spaces:
    """A random space: chains of fleets of one to some replicas, and autoscaled plans whose cost is known loosely."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        speed = np.exp(0.2 * rng.permutation([-1.28, -0.52, 0.0, 0.52, 1.28]))
        slowest, *others = (int(i) for i in np.argsort(-speed))
        order = (slowest, *others[::-1])
        self.entrants: list[Entrant] = []
        self.truth: dict[tuple[str, int], RunScore] = {}
        for chain in range(int(rng.integers(4, 7))):
            need, price = rng.uniform(1.5, 7), rng.uniform(300, 3000)
            for n in range(1, 9):
                loss = 0.002 * (need * speed / n) ** rng.uniform(5, 7)
                usd = price * n * (1 + 0.001 * rng.normal(size=REPLICATIONS))
                self._add(f"{chain} x {n}", 0.98 * price * n, str(chain), (n,), "fixed", order, usd, loss)
        for i in range(int(rng.integers(4, 10))):
            usd = rng.uniform(2000, 6000) * speed**0.6 * np.exp(0.01 * rng.normal(size=REPLICATIONS))
            loss = rng.uniform(0, 0.015) * speed
            self._add(f"scaled {i}", float(usd.min() * rng.uniform(0.6, 0.95)), "", (), "scaled", order, usd, loss)
        self.runs = 0

    def _add(
        self,
        name: str,
        bound: float,
        chain: str,
        sizes: tuple[float, ...],
        kind: str,
        order: tuple[int, ...],
        usd: np.ndarray,
        loss: np.ndarray,
    ) -> None:
        self.entrants.append(
            Entrant(
                name=name,
                bound_usd=bound,
                chain=chain,
                sizes=sizes,
                kind=kind,
                spread=0.01 if chain else 0.1,
                order=order,
            )
        )
        for r in range(REPLICATIONS):
            self.truth[name, r] = score(float(usd[r]), float(np.clip(1 - loss[r], 0, 1)))

    def scores(self, name: str) -> list[RunScore]:
        return [self.truth[name, r] for r in range(REPLICATIONS)]

    def usd(self, name: str) -> float:
        return float(np.mean([one.usd for one in self.scores(name)]))

    def simulate(self, asked: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
        self.runs += len(asked)
        return {key: self.truth[key] for key in asked}

    def enumerated(self) -> str | None:
        held = [entrant.name for entrant in self.entrants if holds(self.scores(entrant.name), LEVEL)]
        return min(held, key=self.usd, default=None)


@pytest.mark.slow
def test_the_winner_is_that_of_the_enumeration_with_a_part_of_its_runs() -> None:
    found, runs, every = 0, 0, 0
    for seed in range(100):
        space = Spaces(seed)
        race = Race(space.entrants, LEVEL)
        run_race(race, space.simulate)
        runs, every = runs + space.runs, every + len(space.truth)
        best = space.enumerated()
        found += race.leader == best
        assert race.least_usd() is None or best is None or race.least_usd() <= space.usd(best) * (1 + 1e-12)
        if race.leader and best:
            assert space.usd(race.leader) <= 1.02 * space.usd(best)
            assert holds(space.scores(race.leader), LEVEL)
            assert race.confidence() >= LEVEL
            left = len(space.entrants) - sum(race.excluded(race.holding()).values())
            assert left == len(race.holding()), "every plan is counted once"
    assert found >= 98
    assert runs <= 0.15 * every


def test_a_plan_is_feasible_by_its_lower_bound_and_not_by_its_mean() -> None:
    scores = [score(1, value) for value in (1.0, 1.0, 1.0, 0.98, 0.98)]
    assert np.mean([0.992]) >= 0.99
    [bound] = lower_bounds(scores, 0.95)
    assert bound.measured == pytest.approx(0.992 - 2.131847 * 0.010954 / 5**0.5, abs=1e-5)
    assert not holds(scores, 0.95)
    assert holds([score(1, 0.99)] * 3, 0.95), "no spread is exact"
    slow = [RunScore(usd=1, checks=(Check.of("ttft_s p95", value, 2.0),)) for value in (1.0, 1.9, 2.05)]
    assert not holds(slow, 0.95)


def test_no_share_is_below_0_at_its_bound() -> None:
    """Two runs of 1 and 30 % had a bound of -76 %, and missed a target of 0 %."""
    for target in (0.0, 0.5):
        scores = [RunScore(usd=1.0, checks=(Check.of("attainment", share, target),)) for share in (0.01, 0.3)]
        [bound] = lower_bounds(scores, 0.95)
        assert bound.measured == 0.0
        assert holds(scores, 0.95) is (target == 0.0)
        assert target or not bound_lost(scores, 2, 0.95)


def test_futures_are_counted() -> None:
    """A future meets the SLO or misses it: as many must meet it as the risk asks for, as in `simcost run`."""
    futures = [RunScore(usd=1, checks=(Check.of("futures", met, 0.8),)) for met in (0.0, 1.0, 1.0, 1.0, 1.0)]
    assert [bound.measured for bound in lower_bounds(futures, 0.95)] == [0.8]
    assert holds(futures, 0.95)
    assert not bound_lost(futures[:1], 5, 0.95)
    assert not holds(futures[:4], 0.95)
    assert hopeless(futures[:1], 4), "one of four is more than a fifth"


def test_a_plan_leaves_once_no_result_can_save_it() -> None:
    assert hopeless([score(1, 0.94)], 5), "0.94 and four times 1 are less than 0.99 on average"
    assert not hopeless([score(1, 0.96)], 5)
    assert hopeless([RunScore(usd=1, checks=(Check.of("errors", 0.6, 0.1),))], 5)
    assert hopeless([RunScore(usd=1, checks=(Check.of("ttft_s p95", None, 2.0),))], 5)


@given(
    st.lists(st.floats(0.9, 1.0), min_size=1, max_size=4),
    st.lists(st.floats(0.9, 1.0), min_size=9, max_size=9),
    st.sampled_from([3, 5, 10]),
)
def test_a_bound_that_is_lost_is_not_won_back_by_any_result(
    known: list[float], others: list[float], replications: int
) -> None:
    known = known[:replications]
    scores = [score(1, value) for value in known]
    if bound_lost(scores, replications, LEVEL):
        rest = [score(1, value) for value in others[: replications - len(known)]]
        perfect = [score(1, 1.0)] * (replications - len(known))
        assert not holds([*scores, *rest], LEVEL)
        assert not holds([*scores, *perfect], LEVEL)


def test_a_bound_is_lost_before_the_mean() -> None:
    assert bound_lost([score(1, 0.98)], 5, LEVEL)
    assert not hopeless([score(1, 0.98)], 5)
    assert not bound_lost([score(1, 0.985)], 5, LEVEL)


def test_without_a_plan_that_holds_there_is_no_leader() -> None:
    entrants = [
        Entrant(name=str(n), bound_usd=n, chain="c", sizes=(n,), kind="fixed", order=(0, 1)) for n in range(1, 9)
    ]
    race = Race(entrants, LEVEL)
    asked: list[str] = []

    def simulate(runs: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
        asked.extend(name for name, _ in runs)
        return {key: score(1, 0.5) for key in runs}

    run_race(race, simulate)
    assert race.leader is None
    assert race.least_usd() is None
    assert asked == ["1", "3", "7", "8"], "in steps that double: smaller ones miss, too"
    assert sum(race.excluded([]).values()) == 8


def test_a_miss_takes_out_all_that_is_no_stronger_and_nothing_else() -> None:
    def entrant(name: str, usd: float, policy: str, counts: tuple[float, ...], fast: bool) -> Entrant:
        outruns = dict.fromkeys(("fast", "slow") if fast else ("slow",), frozenset({0, 1}))
        hardware = "fast" if fast else "slow"
        return Entrant(
            name=name,
            bound_usd=usd,
            family="l40s",
            policy=policy,
            counts=counts,
            hardware=hardware,
            outruns=outruns,
            order=(0, 1),
        )

    race = Race(
        [
            entrant("fast x 2", 1, "", (2, 2, 2), fast=True),
            entrant("slow x 2", 2, "", (2, 2, 2), fast=False),
            entrant("slow up to 2", 2, "a", (2, 1, 1), fast=False),
            entrant("fast up to 3", 2, "a", (3, 1, 1), fast=True),
            entrant("slow x 3", 3, "", (3, 3, 3), fast=False),
        ],
        LEVEL,
    )
    race.tell({("fast x 2", 0): score(1, 0.5)})
    assert race.missed() == ["fast x 2", "slow x 2", "slow up to 2"]
    race.tell({("fast up to 3", 0): score(1, 0.5)})
    assert "slow x 3" not in race.missed(), "a policy that misses says nothing of a fixed fleet"


def test_hardware_that_is_faster_in_some_replications_is_told_by_the_others() -> None:
    """The slow one may be faster in replication 1 alone, where a miss of the fast one says nothing of it."""
    outruns = {"fast": frozenset({0, 1}), "slow": frozenset({0})}
    common = {"family": "l40s", "counts": (2.0, 2.0, 2.0), "order": (0, 1)}

    def race_of() -> Race:
        fast = Entrant(name="fast", bound_usd=1, hardware="fast", outruns=outruns, **common)
        return Race([fast, Entrant(name="slow", bound_usd=1, hardware="slow", **common)], LEVEL)

    race = race_of()
    race.tell({("fast", 1): score(1, 0.5)})
    assert race.missed() == ["fast"]
    race = race_of()
    race.tell({("fast", 0): score(1, 0.5)})
    assert race.missed() == ["fast", "slow"]


def two_services(name: str, usd: float, chat: int, search: int, chain: str = "") -> Entrant:
    services = {"chat": ServicePart(alike="c", counts=(chat,)), "search": ServicePart(alike="s", counts=(search,))}
    sizes = (float(chat), float(search)) if chain else ()
    return Entrant(name=name, bound_usd=usd, chain=chain, sizes=sizes, services=services, order=(0, 1))


def of_two(usd: float, chat: float, search: float) -> RunScore:
    checks = (Check.of("chat: attainment", chat, 0.9), Check.of("search: attainment", search, 0.9))
    return RunScore(usd=usd, checks=checks, judged=(1000, 1000))


def test_a_miss_of_one_service_takes_out_all_plans_with_no_more_of_it() -> None:
    """On other nodes too; the service that kept its target says nothing."""
    plans = [("1 and 1", 1, 1), ("1 and 9 elsewhere", 1, 9), ("2 and 1", 2, 1), ("2 and 2 elsewhere", 2, 2)]
    race = Race([two_services(name, i, chat, search) for i, (name, chat, search) in enumerate(plans)], LEVEL)
    race.tell({("1 and 1", 0): of_two(1, chat=0.5, search=1.0)})
    assert race.missed() == ["1 and 1", "1 and 9 elsewhere"]


def test_of_several_services_the_one_that_missed_grows() -> None:
    entrants = [
        two_services(f"{chat} and {search}", chat + search + chat / 100, chat, search, chain="c")
        for chat in range(1, 9)
        for search in range(1, 9)
    ]
    race, asked = Race(entrants, LEVEL), list[str]()

    def simulate(runs: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
        asked.extend(name for name, _ in runs)
        plan = race.entrant(runs[0][0])
        chat, search = plan.sizes
        kept = of_two(plan.bound_usd, float(chat >= 4), float(search >= 2))
        return dict.fromkeys(runs, kept)

    run_race(race, simulate)
    assert race.leader == "4 and 2"
    assert len(asked) <= 0.15 * 2 * len(entrants)


def test_a_policy_costs_no_less_than_the_fixed_fleet_that_it_has_at_all_times() -> None:
    """Its own bound is lower by what it may leave unserved, so that each policy was simulated beside the leader."""
    common = {"nodes": "on demand", "order": (0, 1), "family": "l40s", "hardware": "h"}
    fleet = Entrant(name="fleet", bound_usd=100, counts=(2, 2, 2), chain="f", sizes=(2,), **common)
    from_two = Entrant(name="from 2", bound_usd=99, policy="p", counts=(9, 2, 2), **common)
    from_one = Entrant(name="from 1", bound_usd=50, policy="q", counts=(9, 1, 1), **common)
    usd = {"fleet": 110.0, "from 2": 110.0, "from 1": 130.0}
    race, asked = Race([from_two, from_one, fleet], LEVEL), list[tuple[str, int]]()

    def simulate(runs: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
        asked.extend(runs)
        return {key: score(usd[key[0]], 1.0) for key in runs}

    run_race(race, simulate)
    assert race.leader == "fleet"
    assert race.least_usd() == race.open_usd()["from 2"] == 110
    assert "from 2" not in {name for name, _ in asked}
    assert "from 1" in {name for name, _ in asked}, "fewer nodes may cost less"


def test_the_replication_that_told_most_of_a_plan_alike_comes_first() -> None:
    entrants = [Entrant(name=name, bound_usd=usd, family="f", order=(0, 1, 2)) for name, usd in (("a", 1), ("b", 2))]
    race = Race(entrants, LEVEL)
    race.tell({("a", 0): score(1, 1.0), ("a", 1): score(1, 0.999), ("a", 2): score(1, 0.985)})
    assert race.reason("a"), "its bound does not hold"
    assert race.next_runs("b") == [("b", 2)]
    race.tell({("b", 2): score(2, 1.0)})
    assert race.next_runs("b") == [("b", 1), ("b", 0)], "all that are left, since it may well hold"


def test_hardware_that_hardly_serves_anything_is_left_by_its_largest_fleet() -> None:
    common = {"order": (0, 1), "family": "l4", "hardware": "h", "outruns": {"h": frozenset({0, 1})}}
    fleets = [
        Entrant(name=f"{n}", bound_usd=10 * n, counts=(n, n, n), chain="f", sizes=(n,), **common) for n in range(1, 9)
    ]
    policies = [Entrant(name=f"to {n}", bound_usd=n, policy=f"{n}", counts=(n, 1, 1), **common) for n in (8, 9)]
    race, asked = Race([*policies, *fleets], LEVEL), list[str]()

    def simulate(runs: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
        asked.extend(name for name, _ in runs)
        return {key: score(1, 0.01) for key in runs}

    run_race(race, simulate)
    assert asked == ["to 8", "8", "to 9"]
    assert len(race.missed()) == 10


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.2, 0.5]))
def test_a_plan_that_misses_is_simulated_in_the_busiest_futures_alone(seed: int, risk: float) -> None:
    """The winner is that of the enumeration, and no smaller fleet needs more futures than show that it misses."""
    rng = np.random.default_rng(seed)
    needed = rng.integers(1, 9, 10)  # replicas with which each future meets the SLO
    order = tuple(int(i) for i in np.argsort(-needed, kind="stable"))
    fleets = range(1, 13)
    entrants = [
        Entrant(name=str(n), bound_usd=n, chain="fleets", sizes=(float(n),), order=order, kind="fixed") for n in fleets
    ]
    race, allowed = Race(entrants, LEVEL), round(risk * 10)

    def simulate(asked: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
        return {
            (name, future): futures_score(float(name), risk, met=int(name) >= needed[future]) for name, future in asked
        }

    run_race(race, simulate)
    best = next(n for n in fleets if sum(n < needed) <= allowed)
    assert race.leader == str(best)
    assert all(len(race.scores(str(n))) <= allowed + 1 for n in fleets if n < best)
    assert misses_allowed(10, risk) == allowed


def test_a_plan_is_proved_on_fresh_futures_as_far_as_shows_that_it_misses() -> None:
    def held(*missed: int) -> tuple[bool, list[int]]:
        made = list[int]()

        def simulate(asked: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], RunScore]:
            made.extend(future for _, future in asked)
            return {key: futures_score(1.0, 0.1, met=key[1] not in missed) for key in asked}

        return proves_to_hold([("plan", future) for future in range(9, -1, -1)], simulate, LEVEL), made

    assert held() == (True, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    assert held(9, 8) == (False, [9, 8])
    assert held(9, 6) == (False, [9, 8, 7, 6])
    assert held(9) == (True, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    assert held(3, 4)[0] is False
