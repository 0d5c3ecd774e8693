"""Mean tokens of requests of which a scenario states the medians."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simcost.trace.workload.lengths import Lengths
from simcost.trace.workload.spec import Synthetic

if TYPE_CHECKING:
    from simcost.scenario.schema.scenario import Scenario


def mean_tokens(scenario: Scenario) -> Iterator[str]:
    """A sentence where long requests lift the means above the medians: an average that is written as a median is not
    that of the requests drawn.
    """
    for workload in scenario.open_workloads():
        if not isinstance(workload, Synthetic) or workload.clients:
            continue
        lengths = workload.lengths
        if isinstance(lengths, Lengths) and lengths.trace is None and max(lengths.prompt_sigma, lengths.output_sigma):
            yield _sentence(lengths)


def _sentence(lengths: Lengths) -> str:
    prompt, output = lengths.means()
    return (
        f"Tokens of a request: {prompt:,.0f} of the prompt and {output:,.0f} of the output in the mean, of medians of "
        f"{lengths.prompt_median:,.6g} and {lengths.output_median:,.6g} (log-normal). If these are averages of yours, "
        f"write {lengths.prompt_median**2 / prompt:,.3g} and {lengths.output_median**2 / output:,.3g}."
    )
