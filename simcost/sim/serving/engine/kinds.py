"""Kinds of replicas: the row of each in the tables of the engines, and counters by kind.

Where all replicas are alike, `kind` has one dimension and is never read: the row is 0, and nothing is counted by kind.
"""

from simcost.sim.compiled import in_two_forms
from simcost.sim.serving.engine import layout as col

Now = tuple[int, int, int, int, int]
"""Of a replica: running, waiting, tokens in the KV cache, steps of the run in progress, and what is hidden of them."""


def _first(kind: col.Ints, r: int) -> int:
    return 0


def _own(kind: col.Ints, r: int) -> int:
    return kind[r, 0]


def _nothing(kind: col.Ints, by_kind: col.Ints, r: int, column: int, amount: int) -> None:
    pass


def _counted(kind: col.Ints, by_kind: col.Ints, r: int, column: int, amount: int) -> None:
    by_kind[kind[r, 0], column] += amount


def _no_notes(kind: col.Ints, by_kind: col.Ints) -> None:
    pass


def _begun(kind: col.Ints, by_kind: col.Ints) -> None:
    for one in range(len(by_kind)):
        by_kind[one, col.K_RUNNING_NOW] = by_kind[one, col.K_WAITING_NOW] = by_kind[one, col.K_KV_NOW] = 0
        by_kind[one, col.K_STEPS_NOW] = by_kind[one, col.K_STEPS]
        by_kind[one, col.K_HIDDEN_NOW] = by_kind[one, col.K_HIDDEN]


def _not_noted(kind: col.Ints, by_kind: col.Ints, r: int, now: Now) -> None:
    pass


def _noted(kind: col.Ints, by_kind: col.Ints, r: int, now: Now) -> None:
    for i in range(5):
        by_kind[kind[r, 0], col.K_RUNNING_NOW + i] += now[i]


def _all_fit(kind: col.Ints, engines: col.Ints, r: int, tokens: int) -> bool:
    return True


def _fits_own(kind: col.Ints, engines: col.Ints, r: int, tokens: int) -> bool:
    return tokens <= engines[kind[r, 0], col.CAPACITY] - engines[kind[r, 0], col.DRAFT_SLOTS]


def _no(kind: col.Ints) -> bool:
    return False


def _yes(kind: col.Ints) -> bool:
    return True


row_of = in_two_forms(_first, _own, 1)
"""Row of replica r in `engines` and `base`."""
count_by_kind = in_two_forms(_nothing, _counted, 1)
"""Add an amount to a counter of the kind of replica r."""
begin_kinds = in_two_forms(_no_notes, _begun, 1)
"""Begin the counters of NOW."""
note_kind = in_two_forms(_not_noted, _noted, 1)
"""Add replica r to the counters of NOW."""
fits = in_two_forms(_all_fit, _fits_own, 1)
"""True if replica r can ever hold so many tokens; a request that no replica can is turned away as it arrives."""
are_unlike = in_two_forms(_no, _yes, 1)
"""True if replicas are of several kinds."""
