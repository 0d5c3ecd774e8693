"""The sentence above a spot study, and what its reader must not miss."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.compare.words import percent

Row = Mapping[str, Any]


def best_of(rows: Sequence[Row]) -> Row:
    """The cheapest policy that met the deadline in every run; on-demand only, the first row, unless others save."""
    safe = [row for row in rows[1:] if row["deadline_met"] == 1 and row["saving"] > 0]
    return min((rows[0], *safe), key=_usd)


def verdict(rows: Sequence[Row]) -> str:
    """What to do, how much it saves, and how surely."""
    base, best, runs = rows[0], best_of(rows), rows[0]["runs"]
    met = f"all of {runs:,} runs" if runs > 1 else "the one run tried, which says little"
    if best is base:
        safe = [row for row in rows[1:] if row["deadline_met"] == 1]
        if not safe:
            return f"Stay on demand: no other policy met the deadline in {met}."
        other = min(safe, key=_usd)
        more = _usd(other) / _usd(base) - 1
        cost = (
            f"costs {_percent(more)} more"
            if more >= 0
            else f"costs only {_percent(-more)} less, and no less than the work alone"
        )
        return f"Stay on demand: {other['policy']}, the cheapest to meet the deadline in {met}, {cost}."
    lo, hi = (100 * best["saving_spread"][name] for name in ("p10", "p90"))
    spread = f" ({lo:.0f} to {hi:.0f} % in eight of ten)" if runs > 1 else ""
    return f"{best['policy']} saves {_percent(best['saving'])}{spread} against on-demand and met the deadline in {met}."


def findings(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Deadlines missed, and policies that cost more than on demand."""
    base = rows[0]
    found = []
    for row in rows[1:]:
        name, more = row["policy"], _usd(row) / _usd(base) - 1
        if row["deadline_met"] < 1:
            late = f"{name} missed the deadline in {_percent(1 - row['deadline_met'])} of the runs"
            cut = f"; {_percent(1 - row['finished'])} had not ended when the trace did, and their saving is not counted"
            found.append(
                {"kind": "late", "policy": name, "message": late + (cut if row["finished"] < 1 else "") + "."}
            )
        if more > 0:
            text = f"{name} costs {_percent(more)} more than pure on-demand: its changeovers cost more than spot saves."
            found.append({"kind": "dearer", "policy": name, "message": text})
    return found


def _usd(row: Row) -> float:
    return float(row["billed_usd"]["mean"])


def _percent(share: float) -> str:
    return percent(round(share, 3))
