"""A tree of minima over the places of a queue, compiled: node 1 is the root, the places are the leaves."""

from simcost.sim.compiled import Ints, lean


@lean
def set_leaf(tree: Ints, leaf: int, value: int) -> None:
    """Give a leaf, by its number in the tree, a value, and the nodes above it their least one."""
    tree[leaf] = value
    while leaf > 1:
        leaf >>= 1
        least = min(tree[2 * leaf], tree[2 * leaf + 1])
        if tree[leaf] == least:
            return
        tree[leaf] = least
