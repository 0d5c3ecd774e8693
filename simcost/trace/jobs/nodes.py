"""The nodes of a cluster, as `--nodes NODES.csv` gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.errors import Fault, FaultsError, InputError, TraceError, columns_said
from simcost.tables.cells import as_text, whole_numbers
from simcost.tables.table import LogTable, header, read_table

Ints = npt.NDArray[np.int64]

_WHAT = "list of nodes, as CSV with node,gpus[,pool,cpu_milli,memory_mib,gpu_type,rack,domain]"
_GPUS_PER_PHILLY_NODE = 8
_MOST = 1_000_000
_SHOWN = 10
_FORMS = (
    {"pool": "vc", "nodes": "node num"},
    {"node": "sn", "gpus": "gpu", "cpu_milli": "cpu_milli", "memory_mib": "memory_mib", "gpu_type": "model"},
    {
        "node": "node",
        "gpus": "gpus",
        "pool": "pool",
        "cpu_milli": "cpu_milli",
        "memory_mib": "memory_mib",
        "gpu_type": "gpu_type",
        "rack": "rack",
        "domain": "domain",
    },
)
"""Ours -> theirs of the Philly pools, Alibaba's openb clusters, and our own; the first two columns are needed."""


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
    container, names = header(path, _WHAT)
    form = next((form for form in _FORMS if set([*form.values()][:2]) <= set(names)), None)
    if form is None:
        raise TraceError(f"{path}: not a list of nodes; {columns_said(names)}; give a {_WHAT}")
    table = read_table(path, container, partial(_columns, form), _WHAT)
    found = _counted(table, path) if "nodes" in form else _listed(table, path)
    if not found.gpus.any():
        raise TraceError(f"{path}: no node has a GPU; give a {_WHAT}")
    return found


def _columns(form: dict[str, str], present: Sequence[str]) -> dict[str, str]:
    return {ours: theirs for ours, theirs in form.items() if theirs in present}


def _counted(table: LogTable, path: Path) -> NodeTable:
    """Pools with their number of nodes."""
    faults: list[Fault] = []
    pools, count = _names(table, "pool", path, faults), _numbers(table, "nodes", path, faults)
    if faults:
        raise FaultsError(faults)
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
        pools=tuple(pools),
    )


def _listed(table: LogTable, path: Path) -> NodeTable:
    """One node a row."""
    faults: list[Fault] = []
    names = _names(table, "node", path, faults)
    numbers = {
        ours: _numbers(table, ours, path, faults) if ours in table.columns else np.zeros(len(table), np.int64)
        for ours in ("gpus", "cpu_milli", "memory_mib")
    }
    if faults:
        raise FaultsError(faults)
    pool, pools = coded(table.columns.get("pool"), len(table))
    gpu_type, gpu_types = coded(table.columns.get("gpu_type"), len(table))
    places = {ours: coded(table.columns[ours], len(table))[0] for ours in ("domain", "rack") if ours in table.columns}
    return NodeTable(
        names=tuple(names),
        pool=pool,
        pools=pools,
        gpu_type=gpu_type,
        gpu_types=gpu_types,
        **numbers,
        **places,
    )


def coded(column: pa.Array | None, rows: int) -> tuple[Ints, tuple[str, ...]]:
    """Each cell as its index into the different texts, in order of appearance; no column = one empty text."""
    if column is None or rows == 0:
        return np.zeros(rows, np.int64), ("",)
    encoded = as_text(column).fill_null("").dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), tuple(encoded.dictionary.to_pylist())


def _names(table: LogTable, ours: str, path: Path, faults: list[Fault]) -> list[str]:
    """Texts that must be there once; the faults are added."""
    if not len(table):
        raise TraceError(f"{path}: no rows; give a {_WHAT}")
    texts = [text or "" for text in as_text(table.columns[ours]).to_pylist()]
    seen: set[str] = set()
    for i, text in enumerate(texts):
        if not text or text in seen:
            said = f"{text!r} is there twice" if text else "the cell is empty"
            _fault(table, ours, i, said, path, faults)
        seen.add(text)
    for place, reason in table.malformed[:_SHOWN]:
        faults.append(Fault(file=str(path), path=place, message=reason))
    return texts


def _numbers(table: LogTable, ours: str, path: Path, faults: list[Fault]) -> Ints:
    """Whole numbers from 0; the faults are added."""
    values, ok = whole_numbers(table.columns[ours])
    most = _MOST if ours in ("gpus", "nodes") else 2**53
    bad = ~ok | (values < 0) | (values > most)
    for i in np.flatnonzero(bad)[:_SHOWN]:
        cell = table.columns[ours][int(i)].as_py()
        said = f"{cell!r} is not a whole number from 0 to {most:,}" if cell not in (None, "") else "the cell is empty"
        _fault(table, ours, int(i), said, path, faults)
    return values


def _fault(table: LogTable, ours: str, i: int, said: str, path: Path, faults: list[Fault]) -> None:
    if len(faults) < _SHOWN:
        faults.append(Fault(file=str(path), path=table.place(i), message=f"{table.theirs[ours]}: {said}"))
