"""Requests of the clients of ServeGen: drawn window by window from their rates, gaps and token lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from simcost.errors import InputError
from simcost.outputs import check_outputs
from simcost.rng import stream
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.series.from_servegen import Client, TokenLaw, read_clients, token_laws
from simcost.units import NS_PER_S, format_seconds

if TYPE_CHECKING:
    from simcost.tables.cells import Floats, Ints


@dataclass(frozen=True, slots=True)
class _Sender:
    client: Client
    prompts: list[TokenLaw | None]
    outputs: list[TokenLaw | None]
    rng: np.random.Generator


def synthesize_clients(
    path: Path, out: Path, *, seed: int, horizon_s: float, progress: Callable[[int, float], None] | None = None
) -> dict[str, Any]:
    """Draw the requests of clients from their first window on, and store them as a trace, the client as tenant.

    Args:
        path: `chunk-N-trace.csv` with its lengths beside it, or a folder of clients.
        out: the Parquet file to write.
        seed: of the random numbers.
        horizon_s: length of the trace.
        progress: called with the rows written and the share of the horizon done.

    Returns:
        file, rows, span_s, rate_per_s, seed, and `cut`, which is nothing here.

    Raises:
        FaultsError: lines or lengths at fault.
        InputError: a horizon beyond the last window, or a file that cannot be written.
    """
    clients = read_clients(path)
    check_outputs([out], [client.path for client in clients])
    step_s, windows = clients[0].step_s, len(clients[0].rate)
    if horizon_s > windows * step_s:
        raise InputError(f"{path}: its windows cover {format_seconds(windows * step_s)}; give a --horizon up to that")
    senders = [
        _Sender(one, token_laws(one, "prompt_tokens"), token_laws(one, "output_tokens"), stream(seed, one.name))
        for one in clients
    ]
    horizon_ns = round(horizon_s * NS_PER_S)
    source = f"ServeGen {path.name}, seed {seed}"
    with TraceWriter(out, source=source, span_ns=horizon_ns, optional=["tenant"]) as writer:
        for window in range(-int(-horizon_s // step_s)):
            table = pa.concat_tables(_window(senders, window, step_s))
            table = table.filter(pa.array(table["arrival_ns"].to_numpy() < horizon_ns)).sort_by("arrival_ns")
            writer.write(table)
            if progress is not None:
                progress(writer.rows, min((window + 1) * step_s / horizon_s, 1.0))
    rate = writer.rows / horizon_s
    cut = {"prompt": 0, "output": 0}
    return {"file": str(out), "rows": writer.rows, "span_s": horizon_s, "rate_per_s": rate, "seed": seed, "cut": cut}


def _window(senders: list[_Sender], window: int, step_s: int) -> Iterator[pa.Table]:
    """The requests of a window, client by client."""
    for sender in senders:
        prompts, outputs = sender.prompts[window], sender.outputs[window]
        count = round(float(sender.client.rate[window]) * step_s)
        if prompts is None or outputs is None:
            count = 0
        at_s = _arrivals(sender, window, count) * step_s
        columns = {
            "arrival_ns": ((window * step_s + at_s) * NS_PER_S).astype(np.int64),
            "prompt_tokens": _drawn(prompts, count, sender.rng),
            "output_tokens": _drawn(outputs, count, sender.rng),
            "tenant": [sender.client.name] * count,
        }
        yield pa.table(columns, schema=_SCHEMA)


_SCHEMA = pa.schema(
    {"arrival_ns": pa.int64(), "prompt_tokens": pa.int64(), "output_tokens": pa.int64(), "tenant": pa.string()}
)


def _arrivals(sender: _Sender, window: int, count: int) -> Floats:
    """Arrivals as shares of the window: gaps of its law, stretched to fill it, from a random place in it on.

    Without a law they are even. The random place keeps the last requests of all clients from meeting at its end.
    """
    law, shape, rng = sender.client.law[window], float(sender.client.shape[window]), sender.rng
    if not law or count < 2:
        return rng.random(count)
    gaps = rng.standard_gamma(shape, count) if law == "Gamma" else rng.weibull(shape, count)
    total = gaps.sum()
    if not 0 < total < np.inf:
        return rng.random(count)
    result: Floats = (np.cumsum(gaps) / total + rng.random()) % 1.0
    return result


def _drawn(law: TokenLaw | None, count: int, rng: np.random.Generator) -> Ints:
    """Tokens of so many requests, at least 1 each, as a trace needs."""
    if law is None or not count:
        return np.zeros(0, np.int64)
    drawn: Ints = rng.choice(law.tokens, count, p=law.share / law.share.sum())
    return np.maximum(drawn, 1)
