"""The settlement of one clock-hour as the providers tell it, one unit of usage at a time: slow and obvious."""

from dataclasses import dataclass, field
from typing import Any

SIZES = {"large": 4.0, "xlarge": 8.0, "2xlarge": 16.0, "4xlarge": 32.0}
RIGID = {"g5"}


@dataclass
class Use:
    account: str
    zone: str
    family: str
    size: str
    usd: float
    hours: float
    left: float = 0.0


@dataclass
class Reserved:
    account: str
    zone: str | None
    family: str
    size: str
    count: int
    usd: float
    left: float = 0.0
    taken: dict[int, float] = field(default_factory=dict)


@dataclass
class Plan:
    account: str
    family: str | None  # None: compute
    usd_per_h: float
    discount: float
    left: float = 0.0
    taken: dict[int, float] = field(default_factory=dict)


def settle_hour(uses: list[Use], reserved: list[Reserved], plans: list[Plan]) -> dict[str, Any]:
    """Hours left on demand, and what each commitment covered and lost."""
    for use in uses:
        use.left = use.hours
    for one in reserved:
        one.left = one.count * (1.0 if one.zone or one.family in RIGID else SIZES[one.size])
    for zonal in (True, False):
        for own in (True, False):
            for one in reserved:
                if (one.zone is not None) == zonal:
                    _apply_reserved(one, uses, own)
    for plan in plans:
        plan.left = plan.usd_per_h
    for pool in ([p for p in plans if p.family], [p for p in plans if not p.family]):
        for own in (True, False):
            _apply_pool(pool, uses, own)
    fixed = sum(one.count * one.usd for one in reserved) + sum(plan.usd_per_h for plan in plans)
    return {
        "total": fixed + sum(use.left * use.usd for use in uses),
        "left": [use.left for use in uses],
        "unused": [plan.left for plan in plans],
    }


def _mine(account: str, use: Use, own: bool) -> bool:
    if account == "":
        return own
    return (use.account == account) == own


def _apply_reserved(one: Reserved, uses: list[Use], own: bool) -> None:
    for use in sorted(uses, key=lambda use: SIZES[use.size]):
        if use.family != one.family or not _mine(one.account, use, own):
            continue
        rigid = one.zone is not None or one.family in RIGID
        if rigid and (use.size != one.size or one.zone not in (None, use.zone)):
            continue
        each = 1.0 if rigid else SIZES[use.size]
        hours = min(use.left, one.left / each)
        use.left -= hours
        one.left -= hours * each


def _apply_pool(plans: list[Plan], uses: list[Use], own: bool) -> None:
    pairs = [
        (plan.discount, use.usd * (1 - plan.discount), i, j)
        for j, plan in enumerate(plans)
        for i, use in enumerate(uses)
        if _mine(plan.account, use, own) and plan.family in (None, use.family)
    ]
    for _, rate, i, j in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])):
        hours = min(uses[i].left, max(plans[j].left, 0.0) / rate)
        uses[i].left -= hours
        plans[j].left -= hours * rate
