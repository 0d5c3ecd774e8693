"""The nodes of a cluster, as `--nodes NODES.csv` gives them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.errors import InputError, TraceError, columns_said
from simcost.tables.cells import as_text
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.header import peek
from simcost.tables.typed import TypedTable, read_typed

Ints = npt.NDArray[np.int64]

_GPUS_PER_PHILLY_NODE = 8
_MOST = 1_000_000
_SLICE = 100_000
_WHAT = "list of nodes, as CSV with node,gpus[,pool,cpu_milli,memory_mib,gpu_type,rack,domain]"


def _form(key: Column, count: Column, *others: Column) -> DeclaredTable:
    return DeclaredTable(what=_WHAT, columns=(key, count, *others), missing=f"give a {_WHAT}")


def _key(name: str, *aliases: str) -> Column:
    return Column(name=name, aliases=aliases, required=True, filled=True, unique=True)


def _count(name: str, *aliases: str, needed: bool = False) -> Column:
    most = _MOST if needed else 2**53
    return Column(name=name, aliases=aliases, kind="whole", low=0, high=most, required=needed, filled=True)


POOLS = _form(_key("pool", "vc"), _count("nodes", "node num", needed=True))
"""The Philly pools."""
NODES = _form(
    _key("node", "sn"),
    _count("gpus", "gpu", needed=True),
    Column(name="pool"),
    _count("cpu_milli"),
    _count("memory_mib"),
    Column(name="gpu_type", aliases=("model",)),
    Column(name="rack"),
    Column(name="domain"),
)
"""Our own, and Alibaba's openb clusters."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeTable:
    """The nodes of a cluster in the order of their list: arrays of equal length."""

    names: tuple[str, ...]
    gpus: Ints
    """0 = a node of CPUs only."""
    cpu_milli: Ints
    """0 = not known, so no constraint; as for memory."""
    memory_mib: Ints
    pool: Ints
    """Index into `pools`."""
    gpu_type: Ints
    """Index into `gpu_types`."""
    pools: tuple[str, ...]
    gpu_types: tuple[str, ...] = ("",)
    domain: Ints | None = None
    """NVLink domain, numbered; None = not known, as for racks."""
    rack: Ints | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def pool_gpus(self) -> dict[str, int]:
        """GPUs of each pool, in the order of the list."""
        total = np.bincount(self.pool, weights=self.gpus, minlength=len(self.pools))
        return {name: int(count) for name, count in zip(self.pools, total, strict=True)}

    @property
    def has_cpus(self) -> bool:
        """True if the CPUs of a node are known, for which jobs without a GPU may wait."""
        return bool(self.cpu_milli.any())

    def divided(self, by: int) -> "NodeTable":
        """A smaller cluster: of each pool the first max(1, n // by) nodes. Raises InputError for by < 1."""
        if by < 1:
            raise InputError(f"nodes cannot be divided by {by}; give 1 or more")
        count = np.bincount(self.pool, minlength=len(self.pools))
        kept = np.maximum(count // by, 1)
        order = np.argsort(self.pool, kind="stable")
        first = np.cumsum(count) - count
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order)) - first[self.pool[order]]
        return self[rank < kept[self.pool]]

    def of_pool(self, name: str) -> "NodeTable":
        """The nodes of one pool."""
        chosen = self[self.pool == self.pools.index(name)]
        return replace(chosen, pools=(name,), pool=np.zeros(len(chosen), np.int64))

    def __getitem__(self, chosen: npt.NDArray[np.bool_]) -> "NodeTable":
        """The nodes flagged; the pools stay."""
        names = tuple(name for name, keep in zip(self.names, chosen, strict=True) if keep)
        return replace(
            self,
            names=names,
            gpus=self.gpus[chosen],
            cpu_milli=self.cpu_milli[chosen],
            memory_mib=self.memory_mib[chosen],
            pool=self.pool[chosen],
            gpu_type=self.gpu_type[chosen],
            domain=None if self.domain is None else self.domain[chosen],
            rack=None if self.rack is None else self.rack[chosen],
        )


def read_nodes(path: Path) -> NodeTable:
    """The nodes of a cluster, from CSV (also .gz) or Parquet.

    Three shapes, told apart by their header: `vc,node num` (the Philly pools, 8 GPUs a node),
    `sn,cpu_milli,memory_mib,gpu,model` (Alibaba's openb clusters) and the generic `node,gpus` with
    `pool,cpu_milli,memory_mib,gpu_type` where they are known, and `rack,domain` for the topology.

    Raises:
        FaultsError: cells that are missing, no whole numbers or negative; nodes or pools named twice.
        TraceError: a file that cannot be read or has none of these headers, or without a GPU.
    """
    head = peek(path, _WHAT)
    matched = ((form, *form.match(head.names)) for form in (NODES, POOLS))
    form, theirs, faults = next((each for each in matched if not each[0].lacking(each[1])), (None, {}, []))
    if form is None:
        raise TraceError(f"{path}: not a list of nodes; {columns_said(head.names)}; give a {_WHAT}")
    form.refuse(faults, head.names, path)
    table = read_typed(path, head, form, theirs)
    node_table = _counted(table) if form is POOLS else _listed(table)
    if not node_table.gpus.any():
        raise TraceError(f"{path}: no node has a GPU; give a {_WHAT}")
    return node_table


def _counted(table: TypedTable) -> NodeTable:
    """Pools with their number of nodes."""
    pools, count = table.texts("pool"), table.wholes["nodes"]
    pool = np.repeat(np.arange(len(pools)), count)
    names = tuple(f"{name}-{i}" for name, nodes in zip(pools, count, strict=True) for i in range(nodes))
    none = np.zeros(len(pool), np.int64)
    return NodeTable(
        names=names,
        gpus=np.full(len(pool), _GPUS_PER_PHILLY_NODE),
        cpu_milli=none,
        memory_mib=none,
        pool=pool,
        gpu_type=none,
        pools=pools,
    )


def _listed(table: TypedTable) -> NodeTable:
    """One node a row."""
    none = np.zeros(len(table), np.int64)
    return NodeTable(
        names=table.texts("node"),
        gpus=table.wholes["gpus"],
        cpu_milli=table.wholes.get("cpu_milli", none),
        memory_mib=table.wholes.get("memory_mib", none),
        pool=table.codes.get("pool", none),
        pools=table.texts("pool"),
        gpu_type=table.codes.get("gpu_type", none),
        gpu_types=table.texts("gpu_type"),
        domain=table.codes.get("domain"),
        rack=table.codes.get("rack"),
    )


def coded(column: pa.Array | None, rows: int) -> tuple[Ints, tuple[str, ...]]:
    """Each cell as its index into the different texts, in order of appearance; no column = one empty text."""
    if column is None or rows == 0:
        return np.zeros(rows, np.int64), ("",)
    encoded = as_text(column).fill_null("").dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), tuple(encoded.dictionary.to_pylist())


def compact_texts(texts: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """Texts as an array that holds no Python objects."""
    result: npt.NDArray[Any] = np.empty(len(texts), np.dtypes.StringDType())
    for begin in range(0, len(texts), _SLICE):
        result[begin : begin + _SLICE] = texts[begin : begin + _SLICE].to_pylist()
    return result


def repeated(texts: pa.Array) -> npt.NDArray[np.bool_]:
    """True for each text that is there before: a table of all texts would be larger than they are."""
    hashes = np.empty(len(texts), np.int64)
    for begin in range(0, len(texts), _SLICE):
        hashes[begin : begin + _SLICE] = [hash(text) for text in texts[begin : begin + _SLICE].to_pylist()]
    order = np.argsort(hashes, kind="stable")
    at = np.flatnonzero(np.diff(hashes[order]) == 0)
    rows = np.unique(order[np.append(at, at + 1)])
    codes = texts.take(pa.array(rows)).dictionary_encode().indices.to_numpy()
    result = np.zeros(len(texts), np.bool_)
    result[rows] = codes <= np.append(-1, np.maximum.accumulate(codes)[:-1])
    return result
