"""Mean tokens of requests of which a scenario states the medians."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from simcost.trace.synthesis.gaps import Poisson
from simcost.trace.workload.lengths import Lengths, limited_mean
from simcost.trace.workload.spec import RecordedWorkload, Stream, Synthetic, traces

if TYPE_CHECKING:
    from simcost.scenario.schema.scenario import Scenario

_SHOWN = 3
_WHOLE = 100.0


def mean_tokens(scenario: Scenario) -> Iterator[str]:
    """A sentence where long requests lift the means above the medians: an average that is written as a median is not
    that of the requests drawn. Of many streams the first are told.
    """
    told = [sentence for where, stream in _streams(scenario) for sentence in _sentences(where, stream)]
    yield from told[:_SHOWN]
    if len(told) > _SHOWN:
        yield f"Means of {len(told) - _SHOWN:,} further streams of requests are above the medians stated, likewise."


def _streams(scenario: Scenario) -> Iterator[tuple[str, Stream]]:
    """The streams that are drawn, each with its place in the scenario; empty where there is one only."""
    found: list[tuple[str, Stream]] = []
    for number, workload in enumerate(scenario.workload):
        place = "workload" if len(scenario.workload) == 1 else f"workload[{number}]"
        if isinstance(workload, RecordedWorkload):
            continue
        if isinstance(workload, Synthetic) and workload.clients:
            found += [(f"{place}.clients[{i}]", client) for i, client in enumerate(workload.clients)]
        else:
            found.append((place, Stream(lengths=workload.lengths)))
    if scenario.demand is not None:
        found += [(f"demand.requests[{i}]", stream) for i, stream in enumerate(scenario.demand.requests)]
    for place, stream in found:
        yield ("" if len(found) == 1 else f" of {place}"), stream


def _sentences(where: str, stream: Stream) -> Iterator[str]:
    """The means of a stream that draws log-normal tokens by medians."""
    lengths = stream.lengths or Lengths()
    resampled = traces(stream if stream.lengths is None else replace(stream, gaps=Poisson()))
    if resampled or not isinstance(lengths, Lengths) or not max(lengths.prompt_sigma, lengths.output_sigma):
        return
    sides = (
        (lengths.prompt_median, lengths.prompt_sigma, stream.prompt_scale),
        (lengths.output_median, lengths.output_sigma, stream.output_scale),
    )
    limit = inf if stream.max_tokens is None else float(stream.max_tokens)
    means = [
        limited_mean(median * scale, sigma, min(lengths.max_tokens * scale, limit)) for median, sigma, scale in sides
    ]
    first = " that begins a conversation" if stream.sessions is not None else ""
    scaled = ", times the scales of the stream" if (stream.prompt_scale, stream.output_scale) != (1.0, 1.0) else ""
    instead = [median * (median * scale / mean) for (median, _, scale), mean in zip(sides, means, strict=True)]
    yield (
        f"Tokens of a request{where}{first}: {means[0]:,.0f} of the prompt and {means[1]:,.0f} of the output in the "
        f"mean, of medians of {lengths.prompt_median:,.6g} and {lengths.output_median:,.6g} (log-normal{scaled}). "
        f"If these are averages of yours, write {_rounded(instead[0])} and {_rounded(instead[1])}."
    )


def _rounded(tokens: float) -> str:
    """Tokens in three digits, or whole."""
    return f"{tokens:,.0f}" if tokens >= _WHOLE else f"{tokens:.3g}"
