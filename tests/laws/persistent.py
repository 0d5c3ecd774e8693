"""Clients who send requests again and tenants with rate limits, as the specification says it: one list, looked at from
event to event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from stepwise import MASK, Pool, Request, splitmix64, ticks

from simcost.plan.rate_limits import RateLimits
from simcost.plan.serving import Retries

ONE = 2**20  # the bucket counts in these parts of a retry
NAMES = {"rejected": "rejected", "timed_out": "timeout", "lost": "lost"}


@dataclass(eq=False)
class Asked:
    """What a client wants to know, however often it asks."""

    number: int
    first: int
    prompt: int
    output: int
    session: int
    priority: int
    prefix: tuple[int, ...]
    tenant: int = 0
    sendings: list[Request] = field(default_factory=list)
    status: str = "in system"
    end: int | None = None


@dataclass(eq=False)
class Tenant:
    """A tenant and its token buckets; None = no limits."""

    limits: RateLimits | None
    since: int = 0
    requests: float = inf
    tokens: float = inf
    spent: int = 0
    limited: int = 0

    def __post_init__(self) -> None:
        if self.limits is not None:
            self.requests, self.tokens = self.limits.most_requests(), self.limits.most_tokens()

    def admits(self, asked: Asked, open_sendings: int, now: int) -> bool:
        limits = self.limits
        if limits is None:
            return True
        minute, elapsed = ticks(60.0), float(now - self.since)
        requests = self.requests + elapsed * ((limits.requests_per_min or 0.0) / minute)
        tokens = self.tokens + elapsed * ((limits.tokens_per_min or 0.0) / minute)
        self.requests = min(requests, limits.most_requests())
        self.tokens = min(tokens, limits.most_tokens()) - self.spent
        self.since, self.spent = now, 0
        cost = {"prompt": asked.prompt, "total": asked.prompt + asked.output, "answered": 0}[limits.counted]
        enough = self.tokens > 0 and self.tokens >= cost
        if not (enough and self.requests >= 1 and open_sendings < (limits.concurrent or inf)):
            self.limited += 1
            return False
        self.requests -= 1
        self.tokens -= cost
        return True


class Clients:
    def __init__(self, pool: Pool, retries: Retries, rates: Sequence[RateLimits | None] = ()) -> None:
        self.pool, self.retries = pool, retries
        self.tenants = [Tenant(rate) for rate in rates]
        self.follows = any(rate is not None and rate.needs_answers() for rate in rates)
        self.known_until = 0
        self.asked: list[Asked] = []
        self.open: list[tuple[Request, Asked]] = []  # sendings whose clients wait, oldest first
        self.later: list[tuple[int, int, Asked]] = []  # time, order, who sends again
        self.scheduled = self.sent_again = self.budget_refused = 0
        self.bucket = retries.burst * ONE

    def play(self, arrivals: list[tuple[int, int, int, int, int, tuple[int, ...], int]], until: int) -> None:
        """What happens strictly before `until`; the arrivals are those that do."""
        self.look()
        arrivals = list(arrivals)
        timeout = self.pool.engine.timeout
        while True:
            new = arrivals[0][0] if arrivals else inf
            again = min(self.later)[0] if self.later else inf
            oldest = self.open[0] if self.open and timeout is not None else None
            gone = oldest[0].arrival + timeout + 1 if oldest and timeout is not None else inf
            longest = self.pool.longest_wait()
            waits = [r.arrival + longest for r in self.pool.gate] if longest is not None else []
            expires = max(min(waits), self.pool.control_at) if waits else inf
            if min(new, again, gone, expires) >= until:
                break
            if expires < gone and expires <= min(new, again):
                self.pool.run_gate(int(expires))
                self.pool.drop_late_at_gate(int(expires))
                self.look()
            elif oldest is not None and gone <= min(new, again):
                self.pool.catch_up(int(gone))
                self.look()
                if oldest in self.open:
                    self.fail(*oldest, "timed_out", int(gone) - 1)
            elif self.follows and self.known_until < min(new, again):
                self.known_until = int(min(new, again))
                self.pool.catch_up(self.known_until)
                self.look()
            elif new <= again:
                asked = Asked(len(self.asked), *arrivals.pop(0))
                now = asked.first
                self.asked.append(asked)
                if self.retries.budget is not None:
                    most = self.retries.burst * ONE
                    self.bucket = min(self.bucket + round(self.retries.budget * ONE), most)
                self.send(asked, now)
            else:
                due, order, asked = min(self.later)
                self.later.remove((due, order, asked))
                self.sent_again += 1
                self.send(asked, due)
        self.pool.catch_up(until)
        self.pool.control_at = until
        self.look()

    def send(self, asked: Asked, now: int) -> None:
        request = self.arrive(asked, now)
        asked.sendings.append(request)
        self.open.append((request, asked))
        self.look()

    def arrive(self, asked: Asked, now: int) -> Request:
        if self.tenants:
            self.pool.run_gate(now + 1)
            self.look()
            tenant = self.tenants[asked.tenant]
            if not tenant.admits(asked, sum(one.tenant == asked.tenant for _, one in self.open), now):
                request = Request(len(self.pool.requests), now, asked.prompt, asked.output)
                request.status, request.end = "rejected", now
                self.pool.requests.append(request)
                self.pool.refused.append(request)
                return request
        self.pool.arrive(now, asked.prompt, asked.output, asked.session, asked.priority, asked.prefix)
        return self.pool.requests[-1]

    def look(self) -> None:
        """Answers and refusals that have come."""
        for request, asked in list(self.open):
            if request.status == "completed":
                self.open.remove((request, asked))
                asked.status, asked.end = "completed", int(request.end or 0) + request.away
                if self.tenants and (limits := self.tenants[asked.tenant].limits) and limits.counted == "answered":
                    self.tenants[asked.tenant].spent += asked.prompt + asked.output
        whose = dict(self.open)
        for request in self.pool.refused:
            if request in whose:
                self.fail(request, whose[request], request.status, int(request.end or 0))
        self.pool.refused.clear()

    def fail(self, request: Request, asked: Asked, status: str, now: int) -> None:
        self.open.remove((request, asked))
        sent = len(asked.sendings)
        fits = asked.prompt + asked.output <= self.pool.engine.capacity
        again = NAMES[status] in self.retries.on and sent < self.retries.attempts and fits
        if again and self.retries.budget is not None:
            if self.bucket >= ONE:
                self.bucket -= ONE
            else:
                self.budget_refused += 1
                again = False
        if not again:
            asked.status, asked.end = status, now
            return
        salt = self.pool.engine.salt
        draw = splitmix64(splitmix64((asked.number ^ salt) & MASK) ^ (sent << 32))
        wait = ticks(self.retries.delays_s()[sent - 1])
        wait -= int((draw >> 11) * 2.0**-53 * self.retries.jitter * wait)
        due = now + (max(wait, 1) if status == "timed_out" else wait)
        self.later.append((due, self.scheduled, asked))
        self.scheduled += 1
