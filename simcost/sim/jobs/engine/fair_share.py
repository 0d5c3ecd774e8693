"""The tree of fair shares of Slurm's classic fair-share plugin, compiled.

A user's normalised share S is the product of the shares among siblings up the tree. Usage is the decayed GPU-seconds
over those of the pool; below an account, effective usage is U_E = U_A + (U_E of the account - U_A) x share among
siblings. The factor is 2^(-U_E / S). Source: https://slurm.schedmd.com/classic_fair_share.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simcost.errors import InputError
from simcost.sim.compiled import NIL, Ints, lean
from simcost.sim.jobs.engine.state import GROUP

_LN_2 = 0.6931471805599453


@lean
def decay(tree: Any, seconds: int, half_life: float) -> None:
    """Let usage decay, and add the running jobs."""
    factor = 0.5 ** (seconds / half_life)
    for i in range(len(tree)):
        one = tree[i]
        one.usage = one.usage * factor + one.running * (1.0 - factor) * half_life / _LN_2


@lean
def weigh(tree: Any) -> None:
    """Bring the factors up to date."""
    total = 0.0
    for i in range(len(tree)):
        total += tree[i].usage
        tree[i].effective_usage = tree[i].usage
    for i in range(len(tree) - 1, -1, -1):
        if tree[i].parent != NIL:
            tree[tree[i].parent].effective_usage += tree[i].effective_usage
    for i in range(len(tree)):
        one = tree[i]
        effective_usage = one.effective_usage / total if total > 0 else 0.0
        if one.parent != NIL:
            effective_usage += (tree[one.parent].effective_usage - effective_usage) * one.fraction
        one.effective_usage = effective_usage
        one.factor = 2.0 ** (-effective_usage / one.share)


def share_tree(users: Sequence[str], shares: Mapping[str, float]) -> tuple[Any, Ints]:
    """The tree, parents first, and the leaf of each user.

    Args:
        users: of the jobs.
        shares: by path, e.g. `{"physics": 3, "physics/alice": 2}`: shares among the siblings. Users that are the
            end of no path, and accounts that have no shares of their own, have 1, right below the root.

    Raises:
        InputError: a user at the end of two paths, or with users of its own.
    """
    paths = {path: float(number) for path, number in shares.items()}
    for path in shares:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            paths.setdefault("/".join(parts[:depth]), 1.0)
    place = _places(users, paths)
    for user in users:
        paths.setdefault(place[user], 1.0)
    names = sorted(paths, key=lambda path: (path.count("/"), path))
    index = {name: i for i, name in enumerate(names)}
    above = {name: name.rpartition("/")[0] for name in names}
    total: dict[str, float] = {}
    for name in names:
        total[above[name]] = total.get(above[name], 0.0) + paths[name]
    tree = np.zeros(len(names), GROUP)
    for i, name in enumerate(names):
        parent = index.get(above[name], NIL)
        fraction = paths[name] / total[above[name]]
        share = fraction * (tree[parent]["share"] if parent != NIL else 1.0)
        tree[i]["parent"], tree[i]["fraction"], tree[i]["share"] = parent, fraction, share
    return tree, np.array([index[place[user]] for user in users], np.int64)


def _places(users: Sequence[str], paths: Mapping[str, float]) -> dict[str, str]:
    """The path that ends in each user."""
    accounts = {path.rpartition("/")[0] for path in paths}
    result: dict[str, str] = {user: user for user in users}
    seen: set[str] = set()
    for path in paths:
        name = path.rpartition("/")[2]
        if name in result:
            if path in accounts or name in seen:
                what = "has users of its own" if path in accounts else "is at the end of two paths"
                raise InputError(f"shares: user {name!r} {what}; name each user once, as account/user")
            seen.add(name)
            result[name] = path
    return result
