"""Final answers to the clients of services that send requests on: service levels, number and traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

from simcost.compare.results import Forwarded
from simcost.ledger.answers import Answers
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.bills import PurchasedNodes
from simcost.scenario.runs.contributions import ServedSide
from simcost.scenario.runs.forwarding import ForwardedRequests, Ints, numbers_there
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.service_stages import Key, Stage, StoredService, placed
from simcost.scenario.runs.tables import quantiles
from simcost.scenario.storage.ledgers import ROWS, load_ledger
from simcost.slo import assess


def with_final_answers(
    services: ResolvedServices,
    stages: Sequence[Stage],
    arrivals: Mapping[str, Arrivals],
    sides: Mapping[Key, ServedSide],
) -> dict[Key, ServedSide]:
    """The services that send requests on, judged by the final answers, and those that get some, with their number."""
    runs, found = placed(stages), dict[Key, ServedSide]()
    for plan in (one.name for one in services.loaded.first.scenario.plans):
        forwarding = services.forwarding(plan)
        concerned = {*forwarding, *(name for one in forwarding.values() for name in one.targets())}
        for replication in services.replications if concerned else ():
            keys = {name: (plan, name, replication) for name in concerned}
            own = {name: sides[key] for name, key in keys.items()}
            joint = _FinalAnswers({name: runs[key] for name, key in keys.items()}, own, arrivals)
            found |= {key: joint.judged(services, name) for name, key in keys.items()}
    return found


def sending_final_answers(nodes: Sequence[PurchasedNodes], sides: Sequence[ServedSide]) -> list[PurchasedNodes]:
    """Nodes that services share, which send to clients what those services do; it stands with the first kind."""
    gb_out = fsum(one.usage.gb_out for side in sides for one in side.bought)
    return [replace(one, usage=replace(one.usage, gb_out=0.0 if kind else gb_out)) for kind, one in enumerate(nodes)]


def _sending(side: ServedSide, share: float) -> ServedSide:
    """A service that sends this share of its answers to clients."""

    def less(usage: LedgerUsage) -> LedgerUsage:
        return replace(usage, gb_out=usage.gb_out * share)

    def of(bought: Sequence[PurchasedNodes]) -> list[PurchasedNodes]:
        return [replace(one, usage=less(one.usage)) for one in bought]

    pools = tuple(replace(pool, usage=less(pool.usage), bought=tuple(of(pool.bought))) for pool in side.pools)
    return replace(side, usage=less(side.usage), bought=of(side.bought), pools=pools)


@dataclass(frozen=True, slots=True)
class _Link:
    """Requests that one service sends on to another."""

    target: str
    requests: ForwardedRequests
    numbers: Ints
    """Their numbers there."""


class _FinalAnswers:
    """Final answers of the services of a plan in a replication.

    Args:
        runs: by service, of those that send requests on or get some.
        sides: what their replicas did.
        arrivals: the own requests of each service.
    """

    def __init__(
        self, runs: Mapping[str, StoredService], sides: Mapping[str, ServedSide], arrivals: Mapping[str, Arrivals]
    ) -> None:
        self._runs, self._sides = runs, sides
        self._links: dict[str, list[_Link]] = {name: [] for name in runs}
        self._found: dict[str, Answers] = {}
        for target, run in runs.items():
            sent = [one.requests() for one in run.incoming]
            numbers = numbers_there(arrivals[target].of(run.replication), sent) if sent else []
            for one, requests, there in zip(run.incoming, sent, numbers, strict=True):
                self._links[one.source].append(_Link(target, requests, there))

    def judged(self, services: ResolvedServices, name: str) -> ServedSide:
        """A service with the service levels of the final answers to its clients. Answers that further ones replace are
        not sent; those of its replicas are as often replaced as those of an API that answers an overflow.
        """
        side, links = self._sides[name], self._links[name]
        answered = [link.requests.numbers[link.requests.escalated] for link in links]
        received = sum(len(link.numbers) for each in self._links.values() for link in each if link.target == name)
        forwarded = Forwarded(
            sends=bool(links),
            escalated=sum(map(len, answered)),
            replaced_prompt_tokens=sum(int(self._of(name).prompt_tokens[numbers].sum()) for numbers in answered),
            replaced_output_tokens=sum(
                int(link.requests.batch.output_tokens[link.requests.escalated].sum()) for link in links
            ),
            fell_back=sum(int((~link.requests.escalated).sum()) for link in links),
            received=received,
            own_attainment=side.served.slo.attainment,
        )
        served = replace(side.served, forwarded=forwarded)
        if not links:
            return replace(side, served=served)
        ledger = load_ledger(self._runs[name].folder)
        final = self._of(name).outcomes(ledger.outcomes, ledger.horizon_s)
        report = assess(replace(ledger, outcomes=final), services.questions[name].loaded.scenario.slo)
        latency = None if side.latency is None else quantiles(final)
        judged = replace(side, served=replace(served, slo=report), latency=latency)
        _, _, by_api = ledger.outcomes.overflowed or (0, 0, 0)
        generated = ledger.outcomes.generated_tokens + by_api
        return _sending(judged, 1 - forwarded.replaced_output_tokens / (generated or 1))

    def _of(self, name: str) -> Answers:
        if name not in self._found:
            answers = Answers.read(self._runs[name].folder / ROWS, self._sides[name].served.requests["arrived"])
            for link in self._links[name]:
                answers = answers.sent_on(link.requests.numbers, self._of(link.target).of(link.numbers))
            self._found[name] = answers
        return self._found[name]
