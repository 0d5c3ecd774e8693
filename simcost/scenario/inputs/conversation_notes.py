"""Conversations of recorded requests whose turns cannot begin with the turn before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from simcost.scenario.checks.prefix_cache_checks import reads_prefixes
from simcost.tables.paths import inside
from simcost.trace.workload.spec import RecordedWorkload
from simcost.units import format_share

if TYPE_CHECKING:
    from simcost.scenario.schema.scenario import Scenario

_LOOKED_AT = 50_000
"""First requests of a trace: enough to tell a conversation from a user."""
_SOME = 0.05
"""Share of the turns from which on it is told."""


def shorter_turns(scenario: Scenario, folder: Path) -> Iterator[str]:
    """A sentence for each trace in which a prefix cache finds more than can be: turns with a shorter prompt than prompt
    and answer of the turn before, as of users in place of conversations, of a history that is cut, or of reasoning
    that the next turn leaves out.

    Raises:
        TraceError: a trace that cannot be read.
    """
    recorded = [one.path for one in scenario.workload if isinstance(one, RecordedWorkload)]
    if not recorded or not any(map(reads_prefixes, scenario.plans)):
        return
    for path in dict.fromkeys(recorded):
        turns, shorter = _turns(inside(folder, path))
        if shorter > _SOME * turns:
            yield (
                f"{path}: {shorter:,} of {turns:,} turns of its sessions ({format_share(shorter / turns)}) have a "
                "shorter prompt than prompt and answer of the turn before, and so cannot begin with them; the prefix "
                "cache takes all of it as said before, and finds too much. State `prefix_cache: {hit_share: ...}` as "
                "your engine counts it, or import a column that is a conversation."
            )


def _turns(path: Path) -> tuple[int, int]:
    """Turns after the first of each session, and those that are too short, among the first requests of a trace."""
    from simcost.trace.requests.batch import NO_SESSION
    from simcost.trace.requests.store import numbered, open_trace, read_labelled

    columns = open_trace(path).columns
    if "session" not in columns or "prefix_hashes" in columns:
        return 0, 0
    names, said, turns, shorter, count = dict[str, int](), dict[int, int](), 0, 0, 0
    for batch, labels in read_labelled(path, ["session"], _LOOKED_AT):
        sessions = numbered(labels["session"], names).tolist()
        prompts, outputs = batch.prompt_tokens.tolist(), batch.output_tokens.tolist()
        for session, prompt, output in zip(sessions, prompts, outputs, strict=True):
            if session != NO_SESSION:
                before = said.get(session)
                turns, shorter = turns + (before is not None), shorter + (before is not None and prompt < before)
                said[session] = prompt + output
        count += len(batch)
        if count >= _LOOKED_AT:
            break
    return turns, shorter
