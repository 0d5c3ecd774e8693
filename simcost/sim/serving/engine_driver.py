"""The driver of the compiled data plane: owns its arrays, feeds it batches, collects outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from simcost.errors import RunError
from simcost.ledger.requests import LatencyLimits
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER, NIL, Ints, State
from simcost.sim.serving.engine_tables import empty_state
from simcost.sim.serving.optional_parts import closed_clients, returning_clients, tenant_counts
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.pool_notes import PoolNotes
from simcost.sim.serving.pool_observation import ObservedThen, PoolObservation
from simcost.trace.requests.batch import RequestBatch, Tokens

if TYPE_CHECKING:
    from simcost.sim.serving.engine.block_state import BlockState
    from simcost.trace.workload.closed import ClosedWorkload

_NO_SESSIONS = np.empty(0, np.int64)
NO_REQUESTS = RequestBatch(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32))
_ROWS = 1 << 16


def _fixed(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only column, as those of files are: loops are compiled once, not once for each kind."""
    view = column.view()
    view.flags.writeable = False
    return view


class DataPlane:
    """Requests and engine steps of one service, up to a time that only moves forward.

    Args:
        pool: what is simulated.
        clock: the integer clock for it.
        arrivals: request batches, sorted by arrival.
        limits: what a request must keep to count as good.
        window_ns, windows: length and number of the windows that outcomes are counted in.
        salt: seeds the hashes of routing.
        on_rows: takes outcome rows (layout.R_*) as they come; None = rows are not kept.
        closed: clients who wait for the end of each request; the arrivals are then the requests in the order of their
            sending. None = requests come when they do.
        tenants: within which limits a request of each tenant is good, by name in the order of their numbers; none =
            requests have no tenants.
        kinds: pools of unlike replicas behind the gateway and router of `pool`, each with its clock, all of the same
            ticks; none = all replicas are those of `pool`.
    """

    _requests: tuple[Ints, Tokens, Tokens, Ints]

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        arrivals: Iterator[RequestBatch],
        *,
        limits: LatencyLimits,
        window_ns: int,
        windows: int,
        salt: int = 0,
        on_rows: Callable[[Ints], None] | None = None,
        closed: ClosedWorkload | None = None,
        tenants: Mapping[str, LatencyLimits] = MappingProxyType({}),
        nodes: int = 1 << 12,
        kinds: Sequence[tuple[Pool, Clock]] = (),
    ) -> None:
        from simcost.sim.by_reference import Loop  # loads numba: not where stored runs are read
        from simcost.sim.serving.engine import entries

        self.tenants = tenant_counts(tenants, clock, window_ns, windows)
        """Counts by tenant; None = requests have no tenants."""
        if self.tenants is not None:
            arrivals, on_rows = self.tenants.watched(arrivals), self.tenants.then(on_rows)
        self.clock = clock
        self.moves_alone = not kinds
        """True if one fleet has it for itself, and nothing else moves it forward."""
        self._clocks = [one for _, one in kinds] or [clock]
        self._arrivals, self._next, self._final = arrivals, 0, False
        self._admission = pool.admission
        first = next(arrivals, None)
        self.clients = returning_clients(pool, clock, windows, on_rows, first, closed)
        """Clients who send requests again; None = the engine is all there is."""
        self.closed = closed_clients(closed, clock)
        """Clients of a closed loop; None = requests come when they do."""
        self.writes_rows = on_rows is not None
        """True if rows are kept: they come in the order in which replicas are brought up to date."""
        self._on_rows = on_rows if self.clients is None else None
        self.state = empty_state(
            pool,
            clock,
            limits,
            window_ns=window_ns,
            windows=windows,
            salt=salt,
            rows=_ROWS if on_rows or self.clients or self.closed else 0,
            kinds=kinds,
        )
        self.notes = PoolNotes(self.state)
        if pool.in_blocks:
            from simcost.sim.serving.block_driver import with_blocks

            sessions = closed is None and first is not None and first.session is not None
            self.state = with_blocks(self.state, pool, clock, sessions=sessions)
        self._grow_nodes(nodes)
        if closed is not None and self.state.parameters[col.BY_SESSION]:
            self._remember_sessions(closed.most_clients)
        loop = entries.advance_informed if self.state.parameters[col.INFORMED] else entries.advance
        self._loop, self._vacate, self._count_queues = Loop(loop), Loop(entries.vacate), Loop(entries.count_queues)
        self._without_blocks: tuple[State | None, State] = None, self.state
        self._take(first)

    @property
    def blocks(self) -> BlockState | None:
        """The arrays of KV blocks; None = the engine counts tokens."""
        state: Any = self.state
        return state if len(state) > len(State._fields) else None

    def advance(self, until_ns: int) -> None:
        """Play everything strictly before `until_ns`."""
        until = until_ns * self.clock.ticks_per_ns
        while True:
            where = (self._next, self._final, until)
            if self.closed is not None:
                self._next, why = self.closed.advance(self.state, self._requests, *where)
            elif self.clients is None:
                self._next, why = self._loop((self.state,), *self._requests, *where)
            else:
                self._next, why = self.clients.advance(self.state, *where)
            if why == col.UNTIL:
                return
            if why == col.INPUT:
                self._take(next(self._arrivals, None))
            elif why in (col.OUTPUT_FULL, col.CLIENTS_FULL):
                self._hand_over_rows()
            elif why == col.MEMORY_FULL:
                self._grow_ring()
            else:
                self._grow_nodes(2 * len(self.state.nodes))

    def note(self, time_ns: int) -> int:
        """Note the pool as it is at an instant, of everything strictly before it; return the number of the note.

        Where nothing else moves the data plane the note is taken once it is played past the instant.
        """
        if not self.moves_alone or self.clients is not None or self.closed is not None:
            self.advance(time_ns)
            return self.notes.add(self.observe())
        if self.notes.is_full:
            self.advance(time_ns)
        return self.notes.wait_for(time_ns * self.clock.ticks_per_ns)

    def finish(self) -> None:
        """Hand over the rows that are left.

        Raises:
            RunError: the prefix cache was in more pieces than can be noted.
        """
        if self.blocks is not None:
            from simcost.sim.serving.block_driver import check_entries

            check_entries(self.blocks)
        if self.clients is not None:
            self.advance(int(self.state.totals[col.NOW]) // self.clock.ticks_per_ns)
            self.clients.hand_over_rows(self.state)
        if self._on_rows:
            self._hand_over_rows()

    def open(self, slot: int, kind: int = 0) -> None:
        """The replica in `slot`, of a kind, is ready: it takes requests from now on."""
        while slot >= len(self.state.load):
            self._grow_slots()
        self.state.kind[slot] = kind
        totals, replica = self.state.totals, self.state.replicas[slot]
        replica[:] = 0
        replica[[col.HEAD, col.TAIL, col.WAIT_HEAD, col.PREFILLING, col.LEAVING]] = NIL
        replica[col.IDLE_SINCE] = totals[col.NOW]
        if self.clients is not None:
            self.clients.open(slot)
        if self.blocks is not None:
            from simcost.sim.serving.block_driver import empty_slot

            empty_slot(self.blocks, slot)
        totals[col.OPENED] += 1
        replica[col.OWNER] = totals[col.OPENED] << col.SLOT_BITS | slot
        totals[col.WAKE] = col.AT_ONCE
        self.state.load[slot] = 0
        self.state.routable[totals[col.ROUTABLE]] = slot
        totals[col.ROUTABLE] += 1
        totals[col.SLOTS] = max(totals[col.SLOTS], slot + 1)
        self._limit_gate()

    def close(self, slot: int) -> None:
        """The replica in `slot` takes no more requests; it finishes those it has."""
        totals, routable = self.state.totals, self.state.routable
        before = routable[: totals[col.ROUTABLE]]
        kept = before[before != slot]
        routable[: len(kept)] = kept
        totals[col.ROUTABLE] = len(kept)
        self.state.load[slot] += col.CLOSED
        self._limit_gate()

    def vacate(self, slot: int, mode: int, most_retries: int = 2**31) -> None:
        """Take a closed replica away from its requests: they migrate, retry, or are lost (`layout.MIGRATE`)."""
        totals, rows = self.state.totals, len(self.state.rows)
        if rows and rows - totals[col.ROWS] < totals[col.IN_SYSTEM] + 1:
            if self.clients is not None or self.closed is not None:  # reads them
                self.advance(int(totals[col.NOW]) // self.clock.ticks_per_ns)
            self._hand_over_rows()
        self._vacate((self._engine(),), slot, mode, most_retries)

    def is_empty(self, slot: int) -> bool:
        """True if a replica has no requests left."""
        return int(self.state.load[slot]) % col.CLOSED == 0

    def idle_since_s(self, slot: int) -> float:
        """Time at which the replica in `slot` last ran out of work."""
        return float(self.state.replicas[slot, col.IDLE_SINCE]) * self.clock.tick_s

    def busy_s(self, slot: int) -> float:
        """Seconds with at least one request, up to now."""
        replica = self.state.replicas[slot]
        running = self.state.next_event[slot] != NEVER
        open_run = int(self.state.totals[col.NOW]) - int(replica[col.BUSY_SINCE]) if running else 0
        return (int(replica[col.BUSY]) + open_run) * self.clock.tick_s

    def observe(self) -> PoolObservation:
        """The pool now."""
        return self._observed(self.state.totals.tolist())

    def answered(self) -> tuple[int, int, int]:
        """Requests answered so far, and the tokens of their prompts and of their outputs."""
        totals = self.state.totals
        return int(totals[col.COMPLETED]), int(totals[col.COMPLETED_PROMPT]), int(totals[col.COMPLETED_OUTPUT])

    def snapshot(self, kind: int | None = None) -> Callable[[], PoolObservation]:
        """The pool now, or the replicas of a kind, to be worked out where somebody asks."""
        if kind is None and self.clients is None and not len(self.state.by_kind):
            return ObservedThen(self._observed, self.state.totals.tolist())
        seen = self.observe() if kind is None else self.of_kind(kind)
        return lambda: seen

    def _observed(self, totals: list[int]) -> PoolObservation:
        """The pool with these `totals`."""
        in_system, gate, completed = totals[col.IN_SYSTEM], totals[col.GATE_COUNT], totals[col.COMPLETED]
        running, waiting, kv_tokens, steps, hidden = totals[col.RUNNING_NOW :]
        if len(self.state.by_kind):
            hidden = sum(map(self._hidden, range(len(self.state.by_kind))))
        else:
            hidden = self._clocks[0].empty_steps(steps) + (hidden << col.COARSE)
        area = (in_system * totals[col.NOW] - totals[col.SUM_ARRIVALS] + totals[col.SUM_DEPARTURES]) % 2**64
        arrived = totals[col.ARRIVED] - (0 if self.clients is None else sum(self.clients.limited()))
        return PoolObservation(running, waiting, gate, kv_tokens, steps, hidden, in_system, arrived, completed, area)

    def of_kind(self, kind: int) -> PoolObservation:
        """The replicas of one kind now, and what waits at the gateway; arrived are the requests sent to them."""
        totals, counts = self.state.totals, self.state.by_kind[kind].tolist()
        running, waiting, kv_tokens, steps = counts[col.K_RUNNING_NOW : col.K_HIDDEN_NOW]
        at_gateway = int(totals[col.GATE_COUNT])
        return PoolObservation(
            running=running,
            waiting=waiting + at_gateway,
            at_gateway=at_gateway,
            kv_tokens=kv_tokens,
            steps=steps,
            hidden=self._hidden(kind),
            in_system=running + waiting + at_gateway,
            arrived=counts[col.K_JOINED],
            completed=counts[col.K_FINISHED],
            area=(self.observe().area - self._area_of_others(kind)) % 2**64,
        )

    def _hidden(self, kind: int) -> int:
        steps, hidden = (int(count) for count in self.state.by_kind[kind, col.K_STEPS_NOW :])
        return self._clocks[kind].empty_steps(steps) + (hidden << col.COARSE)

    def _area_of_others(self, kind: int) -> int:
        """Request-ticks at the replicas of the other kinds since the start."""
        now, area = int(self.state.totals[col.NOW]), 0
        for other, counts in enumerate(self.state.by_kind.tolist()):
            held = counts[col.K_RUNNING_NOW] + counts[col.K_WAITING_NOW]
            area += (held * now - counts[col.K_SUM_JOINED] + counts[col.K_SUM_LEFT]) * (other != kind)
        return area

    def replicas(self, slots: Ints, *, queues: bool) -> Ints:
        """The rows of the replicas in these slots as they are now; how long their queues are only if `queues`."""
        if queues:
            self._count_queues((self._engine(),))
        rows: Ints = self.state.replicas.take(slots, axis=0)
        return rows

    def _engine(self) -> State:
        """The arrays that all engines have, the same tuple as long as they are the same."""
        if self._without_blocks[0] is not self.state:
            self._without_blocks = self.state, State._make(self.state[: len(State._fields)])
        return self._without_blocks[1]

    def _limit_gate(self) -> None:
        """Update the gateway's limit, where it depends on the number of ready replicas."""
        each, ready = self._admission.max_queued_per_replica, int(self.state.totals[col.ROUTABLE])
        if each is not None:
            most = NEVER if self._admission.max_queued is None else self._admission.max_queued
            self.state.parameters[col.MAX_QUEUED] = min(most, each * ready) if ready else most

    def _take(self, following: RequestBatch | None) -> None:
        if self.clients is not None and following is not None:
            if self.blocks is None:
                self.clients.take(following, self.state)
            else:
                from simcost.sim.serving.block_driver import take_hashes

                self.state = take_hashes(self.blocks, self.clients, following)
        self._final = following is None
        batch, self._next = following or NO_REQUESTS, 0
        sessions = _NO_SESSIONS if batch.session is None else batch.session
        think_ns = np.zeros(len(batch), np.int64) if batch.think_ns is None else batch.think_ns
        tokens = _fixed(batch.prompt_tokens), _fixed(batch.output_tokens)
        self._requests = (_fixed(batch.arrival_ns), *tokens, _fixed(sessions if self.closed is None else think_ns))
        if self.clients is not None:
            self.clients.begin(*self._requests, _fixed(batch.priorities()))
        if self.state.parameters[col.BY_SESSION] and batch.session is not None:
            self._remember_sessions(int(batch.session.max(initial=0)) + 1)

    def _hand_over_rows(self) -> None:
        totals = self.state.totals
        if self.clients is not None:
            self.clients.hand_over_rows(self.state)
            self.clients.grow(self.state)
        if self._on_rows:
            self._on_rows(self.state.rows[: totals[col.ROWS]])
        if self.closed is not None:
            self.closed.forget_rows()
        if self._on_rows or self.closed is not None:
            totals[col.ROWS] = 0
        if len(self.state.rows) < 2 * (totals[col.ROWS] + totals[col.IN_SYSTEM]):
            rows = np.zeros((4 * int(totals[col.ROWS] + totals[col.IN_SYSTEM]), col.ROW), np.int64)
            rows[: totals[col.ROWS]] = self.state.rows[: totals[col.ROWS]]
            self.state = self.state._replace(rows=rows)

    def _grow_nodes(self, count: int) -> None:
        old = self.state.nodes
        if count > col.NODE_LIMIT:
            raise RunError(
                f"more than {len(old):,} requests in the system at once: the plan cannot carry this load; "
                "add replicas or set `admission: {timeout: 60s}`"
            )
        nodes = np.zeros((count, old.shape[1]), np.int64)
        nodes[: len(old)] = old
        fresh = np.arange(len(old), count)
        nodes[fresh, col.NEXT] = np.append(fresh[1:], self.state.totals[col.FREE])
        nodes[fresh, col.REQUEST] = NIL
        self.state.totals[col.FREE] = len(old)
        self.state = self.state._replace(nodes=nodes)

    def _grow_ring(self) -> None:
        ring = np.roll(self.state.memory, -int(self.state.totals[col.SENT_HEAD]), axis=0)
        self.state.totals[col.SENT_HEAD] = 0
        self.state = self.state._replace(memory=_doubled(ring, 0))

    def _remember_sessions(self, count: int) -> None:
        while len(self.state.memory) < count:
            self.state = self.state._replace(memory=_doubled(self.state.memory, 0))

    def _grow_slots(self) -> None:
        s = self.state
        self.state = s._replace(
            replicas=_doubled(s.replicas, 0),
            next_event=_doubled(s.next_event, NEVER),
            block_event=_doubled(s.block_event, NEVER),
            load=_doubled(s.load, col.CLOSED),
            kind=_doubled(s.kind, 0),
            routable=_doubled(s.routable, 0),
            heap=_doubled(s.heap, 0),
        )
        if self.blocks is not None:
            from simcost.sim.serving.block_driver import more_slots

            self.state = more_slots(self.blocks, len(self.state.load))


def _doubled(array: npt.NDArray[Any], fill: int) -> npt.NDArray[Any]:
    bigger = np.full((2 * len(array), *array.shape[1:]), fill, array.dtype)
    bigger[: len(array)] = array
    return bigger
