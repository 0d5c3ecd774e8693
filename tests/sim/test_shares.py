"""The tree of fair shares, by hand."""

import numpy as np
import pytest
from support.jobs_of import jobs_of

from simcost.errors import InputError
from simcost.plan.scheduling import FairShare
from simcost.sim.jobs.engine.fair_share import share_tree, weigh
from simcost.sim.jobs.simulate import schedule


def test_normalised_shares_and_effective_usage() -> None:
    """Physics has 3 of 4 shares, alice 2 of its 3. Alice and carol have used the same, bob nothing.

    Slurm: U_E = U_A + (U_E of the account - U_A) x share among siblings, F = 2^(-U_E / S).
    """
    shares = {"physics": 3, "physics/alice": 2, "physics/bob": 1, "biology/carol": 5}
    tree, leaf = share_tree(["alice", "bob", "carol"], shares)
    assert tree["share"][leaf].tolist() == pytest.approx([3 / 4 * 2 / 3, 3 / 4 / 3, 1 / 4])
    tree["usage"][leaf] = [100, 0, 100]
    weigh.py_func(tree.view(np.recarray))
    assert tree["effective_usage"][leaf].tolist() == pytest.approx([0.5, 0.5 / 3, 0.5])
    assert tree["factor"][leaf].tolist() == pytest.approx([2**-1, 2 ** -(0.5 / 3 / 0.25), 2**-2])


def test_without_a_tree_all_users_are_alike() -> None:
    tree, leaf = share_tree(["a", "b", "c", "d"], {})
    assert tree["share"][leaf].tolist() == [0.25] * 4
    weigh.py_func(tree.view(np.recarray))
    assert tree["factor"].tolist() == [1.0] * 4


@pytest.mark.slow
def test_more_shares_go_first() -> None:
    """Two users with one job of a GPU each have run; the next of who has more shares starts first."""
    jobs = jobs_of([0, 1, 2, 3], [10, 10, 10, 10], [1, 1, 1, 1], user=[0, 1, 0, 1], users=("a", "b"))
    for shares, start in (({"a": 9, "b": 1}, [0, 10, 20, 30]), ({"a": 1, "b": 9}, [0, 10, 30, 20])):
        policy = FairShare(weight_age=0, shares=shares)
        assert schedule(jobs, 1, policy).outcomes.start_s.tolist() == start


@pytest.mark.slow
def test_priority_weighs_in() -> None:
    jobs = jobs_of([0, 1, 2], [10, 10, 10], [1, 1, 1], priority=[0, 1, 5])
    policy = FairShare(weight_age=0, weight_fair=0, weight_priority=10)
    assert schedule(jobs, 1, policy).outcomes.start_s.tolist() == [0, 20, 10]


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ({"x/alice": 1, "y/alice": 1}, "'alice' is at the end of two paths"),
        ({"alice/x": 1}, "'alice' has users of its own"),
    ],
)
def test_bad_trees(shares: dict[str, float], why: str) -> None:
    jobs = jobs_of([0], [1], [1], users=("alice",), user=np.zeros(1))
    with pytest.raises(InputError, match=why):
        schedule(jobs, 1, FairShare(shares=shares))
