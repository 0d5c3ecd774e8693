"""Source of requests, as a scenario writes it; `trace.arrivals` makes them."""

from collections.abc import Iterable
from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from simcost.record import record
from simcost.trace.synthesis.gaps import Gaps, Poisson
from simcost.trace.workload.lengths import Lengths, TokenLengths
from simcost.units import ByKind, Count, PerS, PositiveSeconds, Share

Priority = Annotated[int, Ge(-1000), Le(1000)]
Tenant = Annotated[str, MinLen(1), MaxLen(80)]


@record
class AdapterMix:
    """Adapters that the requests of a workload ask for, drawn: the k-th as often as 1 / k**`skew` says (Zipf's law).
    All turns of a conversation ask for the same.
    """

    kind: Literal["mix"] = "mix"
    count: Annotated[int, Ge(1), Le(10_000)]
    """Number of adapters."""
    skew: Annotated[float, Ge(0), Le(5)] = 1.0
    """0 = all are asked for alike; the larger, the more the first are preferred."""
    share: Annotated[Share, Gt(0)] = 1.0
    """Share of the requests that ask for one; the others ask for the model itself."""
    base: str | None = None
    """Name of the model that they were trained for; None = whatever a plan serves."""


@record
class AdapterColumn:
    """Adapters that a trace names: each value of a column is one, the same in all traces of the scenario. Where the
    cell is empty, the request asks for the model itself.
    """

    kind: Literal["column"] = "column"
    column: Literal["adapter", "model", "tenant"] = "adapter"
    """The column of the stored trace: `model` where the log has the name by which the adapter was asked for, as those
    of vLLM and LiteLLM; `tenant` where each has an adapter of its own."""
    without: tuple[Annotated[str, MinLen(1)], ...] = ()
    """Values that ask for the model itself, such as its own name."""
    base: str | None = None
    """Name of the model that they were trained for; None = whatever a plan serves."""


@record
class TenantColumn:
    """Tenants that a trace names: these values of a column are one each."""

    names: Annotated[tuple[Tenant, ...], MinLen(1)]
    """Values that are tenants, in the order in which they are shown."""
    others: Tenant | None = None
    """Tenant of the requests with another value, or without one; None = each request has one of `names`."""
    column: Literal["tenant", "model", "adapter"] = "tenant"
    """The column of the stored trace."""

    def __post_init__(self) -> None:
        if len(set(self.every)) < len(self.every):
            raise ValueError("names each tenant once, and others another")

    @property
    def every(self) -> tuple[str, ...]:
        """All tenants, those of other requests last."""
        return self.names if self.others is None else (*self.names, self.others)


@record
class RecordedWorkload:
    """A stored trace, replayed. Seed index 0 replays it as recorded; each further index resamples it in
    blocks of `block`, each block from within `reach` of its own place, so that burstiness within a block and
    the daily shape stay while the rest varies. Nothing arrives after the end of the trace.
    """

    kind: Literal["trace"] = "trace"
    path: str
    """Parquet of `simcost trace import`, relative to the scenario file and inside its folder."""
    block: PositiveSeconds = 60.0
    """Length of the stretches that are resampled."""
    reach: PositiveSeconds = 900.0
    """Distance from its own place at which a stretch may be taken."""
    rate_scale: Annotated[float, Gt(0), Le(1000)] = 1.0
    """Multiplies the request rate, keeping the shape: below 1 each request is kept with this probability;
    above 1 resampled copies of the trace are added to it."""
    priority: Priority | None = None
    """Priority of its requests: the highest leave the gateway first, negative ones may be shed. None = as the trace
    says, else 0."""
    tenant: Tenant | None = None
    """Sender of the requests, such as a team or a customer; the result says what each tenant got and costs. Where one
    workload has a tenant, all have."""
    tenants: TenantColumn | None = None
    """Senders as the trace names them, in place of one `tenant` of all requests."""
    adapters: Annotated[AdapterMix | AdapterColumn | None, ByKind("mix")] = None
    """LoRA adapters that its requests ask for, drawn (`kind: mix`) or as the trace names them (`kind: column`); None =
    none."""
    repeat: bool = False
    """Start again whenever it ends, until the end of the run."""
    daily: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(24), MaxLen(24)] | None = None
    """Relative rate of each of the 24 hours that is laid over it. In the middle of each hour, linear in between.
    Requests are left out so that the busiest time is as recorded; the run starts at midnight. None = as recorded
    throughout."""

    def __post_init__(self) -> None:
        if self.daily is not None and not any(self.daily):
            raise ValueError("daily is zero throughout; give at least one positive number")
        if self.tenant is not None and self.tenants is not None:
            raise ValueError("tenant is one for all requests, and tenants are those that the trace names; remove one")


MOST_TENANTS = 2**15
"""Most tenants of a run: requests carry their numbers in two bytes."""


@record
class Sessions:
    """Conversations: each turn repeats all that was said before and adds to it, which a prefix cache can reuse."""

    trace: str | None = None
    """Parquet with `session` or `prefix_hashes`, whose conversations are resampled whole, tokens included; the
    fields below are then not used. A short trace cuts conversations off, and so will be the resampled ones."""
    mean_turns: Annotated[float, Ge(1), Le(1000)] = 1.5
    """Mean number of requests of a conversation, geometric."""
    think_median: PositiveSeconds = 130.0
    """Median time from the arrival of a turn to that of the next, log-normal."""
    think_sigma: Annotated[float, Ge(0), Le(3)] = 1.0
    """Standard deviation of its natural logarithm."""
    new_tokens_median: Annotated[float, Gt(0)] = 90.0
    """Median of the tokens that a later turn adds to the text so far, log-normal. The defaults are those of a
    public trace of conversations (Mooncake, 1 h), which starts with long prompts and goes on with short ones."""
    new_tokens_sigma: Annotated[float, Ge(0), Le(4)] = 2.4
    """Standard deviation of its natural logarithm."""
    system_tokens: Count = 0
    """Tokens at the start of every prompt that all conversations share, such as a system prompt."""


@record
class Stream:
    """Requests of one client, or of many clients alike."""

    share: Annotated[float, Gt(0)] = 1.0
    """Share of all requests, relative to the other clients."""
    gaps: Gaps = field(default_factory=Poisson)
    """Gaps between requests, or between starts of conversations; the rate is set elsewhere."""
    lengths: Annotated[TokenLengths | None, ByKind("log-normal")] = None
    """Tokens of prompts and outputs; None = those that `gaps` resamples along, else the defaults."""
    sessions: Sessions | None = None
    """Turns of conversations; None = single requests. `lengths` then says how conversations begin, and how long
    outputs are."""
    prompt_scale: Annotated[float, Gt(0), Le(1000)] = 1.0
    """Multiplies the tokens of prompts."""
    output_scale: Annotated[float, Gt(0), Le(1000)] = 1.0
    """Multiplies the tokens of outputs."""
    max_tokens: Annotated[int, Ge(2)] | None = None
    """Context limit, prompt + output: a longer prompt, then a longer output, is cut; None = no limit."""
    priority: Priority = 0
    """Priority of its requests: the highest leave the gateway first, negative ones may be shed."""
    tenant: Tenant | None = None
    """Sender of the requests, such as a team or a customer; the result says what each tenant got and costs. Where one
    stream has a tenant, all have."""


@record
class Synthetic:
    """Non-homogeneous arrivals: mean rate x daily shape x weekly shape x a Gamma level per burst window.

    The run starts at midnight. Given the levels, arrivals are a Poisson process. With `clients` their gaps take
    the place of the levels.
    """

    kind: Literal["synthetic"] = "synthetic"
    rate: PerS
    """Mean request rate over the run."""
    priority: Priority | None = None
    """Of its requests at the gateway: the highest leave it first, negative ones may be shed. None = as its clients
    say, else 0."""
    tenant: Tenant | None = None
    """Sender of the requests; None = as its clients say, else there are no tenants."""
    adapters: AdapterMix | None = None
    """LoRA adapters that its requests ask for; None = none."""
    daily: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(24), MaxLen(24)] | None = None
    """Relative rate in the middle of each of the 24 hours of the day, linear in between; None = that of a public
    chat service (Azure, May 2024)."""
    weekly: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(7), MaxLen(7)] | None = None
    """Relative rate of each day of the week, the first day of the run first; None = all equal."""
    burst_cv: Annotated[float, Ge(0), Le(10)] = 0.2
    """Coefficient of variation of the level from one burst window to the next; 0 = Poisson."""
    burst_window: PositiveSeconds = 10.0
    """Duration of a level."""
    lengths: Annotated[TokenLengths, ByKind("log-normal")] = field(default_factory=Lengths)
    """Tokens of prompts and outputs."""
    clients: tuple[Stream, ...] = ()
    """Streams that add up to the rate, each with gaps and tokens of its own, instead of the burst levels and
    `lengths`. Burst lives in few clients. Empty = one stream of the levels and `lengths`."""

    def __post_init__(self) -> None:
        if self.clients and (self.burst_cv, self.burst_window, self.lengths) != (0.2, 10.0, Lengths()):
            raise ValueError("clients have gaps and lengths of their own; leave out burst_cv, burst_window, lengths")
        for name, shape in (("daily", self.daily), ("weekly", self.weekly)):
            if shape is not None and not any(shape):
                raise ValueError(f"{name} is zero throughout; give at least one positive number")


Workload = RecordedWorkload | Synthetic


def stream_tenants(streams: Iterable[Stream]) -> tuple[str, ...]:
    """Tenants of streams, each once, in order."""
    return tuple(dict.fromkeys(stream.tenant for stream in streams if stream.tenant is not None))


def tenants(workloads: Iterable[Workload]) -> tuple[str, ...]:
    """Tenants of workloads, each once, in order; a request has the number of its tenant in them."""
    return tuple(dict.fromkeys(name for workload in workloads for name in workload_tenants(workload)))


def workload_tenants(workload: Workload) -> tuple[str, ...]:
    """Tenants of one workload, each once, in order."""
    if workload.tenant is not None:
        return (workload.tenant,)
    if isinstance(workload, RecordedWorkload):
        return () if workload.tenants is None else workload.tenants.every
    return stream_tenants(workload.clients)


def traces(stream: Stream) -> list[str]:
    """The traces that a stream draws from, in order."""
    parts = (stream.gaps, stream.lengths, stream.sessions)
    return [name for part in parts if (name := getattr(part, "trace", None)) is not None]


def workload_traces(workload: Workload) -> list[str]:
    """The traces that a workload replays or draws from, in order."""
    if isinstance(workload, RecordedWorkload):
        return [workload.path]
    named = getattr(workload.lengths, "trace", None)
    return ([] if named is None else [named]) + [name for client in workload.clients for name in traces(client)]
