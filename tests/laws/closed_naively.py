"""A closed loop of clients as the specification says it: one list of what comes, looked at from event to event."""

from dataclasses import dataclass, field
from math import inf

from stepwise import Pool, Request

STAGE, PATIENCE, FREED = range(3)


@dataclass(eq=False)
class Client:
    number: int
    open: Request | None = None
    think: int = 0
    freed_at: int | None = None  # thinks until then
    parked: bool = True


@dataclass(eq=False)
class Loop:
    pool: Pool
    requests: list[tuple[int, int, int, int]]  # earliest, prompt, output, think
    stages: list[tuple[int, int]]
    backoff: int
    clients: list[Client] = field(default_factory=list)
    free: list[tuple[Client, int]] = field(default_factory=list)
    allowed: int = 0
    sent: int = 0
    gave_up: int = 0

    def __post_init__(self) -> None:
        self.clients = [Client(k) for k in range(max(count for _, count in self.stages))]

    def play(self, until: int) -> None:
        """What happens strictly before `until`."""
        self.look()
        while True:
            change = min(self.changes(), default=(inf, 0, 0))
            sending = max(self.free[0][1], self.requests[self.sent][0]) if self.free and self.left() else inf
            boundaries = [replica.boundary for replica in self.pool.replicas if replica.boundary is not None]
            wake = self.pool.wake if self.pool.gate and self.pool.ready else inf
            now = min(change[0], sending, wake, *boundaries)
            if now >= until:
                break
            at_boundary = [replica for replica in self.pool.replicas if replica.boundary == now]
            if wake == now:
                self.pool.run_gate(int(now) + 1)
            elif any(replica.in_step for replica in at_boundary):
                self.tell(int(now))
                for replica in at_boundary:
                    replica.end_step()
            elif change[0] == now:
                self.happen(*change)
            elif sending == now:
                self.send(int(now))
            else:
                for replica in at_boundary:
                    replica.step_boundary()
            self.look()
        self.pool.catch_up(until)
        self.look()

    def left(self) -> bool:
        return self.sent < len(self.requests)

    def tell(self, now: int) -> None:
        if getattr(self.pool.engine.router, "refresh", 0) > 0:
            self.pool.tell_if_due(now)

    def changes(self) -> list[tuple[float, int, int]]:
        """Time, kind and stage or client of all that comes, while there are requests to send."""
        if not self.left():
            return []
        timeout = self.pool.engine.timeout
        found: list[tuple[float, int, int]] = [(at, STAGE, 0) for at, _ in self.stages[:1]]
        for client in self.clients:
            if client.freed_at is not None:
                found.append((client.freed_at, FREED, client.number))
            if client.open is not None and timeout is not None:
                found.append((client.open.arrival + timeout + 1, PATIENCE, client.number))
        return found

    def happen(self, now: float, kind: int, who: int) -> None:
        client = self.clients[who]
        if kind == STAGE:
            self.allowed = self.stages.pop(0)[1]
            for one in self.clients[: self.allowed]:
                if one.parked:
                    one.parked, one.freed_at = False, int(now)
        elif kind == PATIENCE:
            client.open = None
            client.freed_at = int(now) - 1 + max(client.think, 1)
            self.gave_up += 1
        else:
            client.freed_at = None
            self.free.append((client, int(now)))

    def send(self, now: int) -> None:
        client, _ = self.free.pop(0)
        if client.number >= self.allowed:
            client.parked = True
            return
        _, prompt, output, client.think = self.requests[self.sent]
        self.sent += 1
        self.pool.arrive(now, prompt, output, client.number)
        client.open = self.pool.requests[-1]

    def look(self) -> None:
        """Ends that have come; of patience clients know by themselves."""
        for client in self.clients:
            request = client.open
            if request is not None and request.status not in ("in system", "timed_out"):
                wait = max(client.think, self.backoff) if request.status == "rejected" else client.think
                client.open, client.freed_at = None, int(request.end or 0) + request.away + wait
