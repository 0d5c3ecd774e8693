"""Conformance of a scenario to the schema: the class of each mapping, the keys that it may have, and `defaults:`.

`defaults:` holds the plan fields that all plans share, written once at the top of a scenario.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, reduce
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from simcost.catalog.aliases import canonical
from simcost.errors import Fault, did_you_mean
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import Keys, YamlNode, dotted
from simcost.units import ByKind


@cache
def hints(cls: type) -> dict[str, Any]:
    """The fields of a schema class with their annotations."""
    found = get_type_hints(cls, include_extras=True)
    return {field.name: found[field.name] for field in fields(cls)}


def leaves(hint: Any) -> Iterator[Any]:
    """The types of a union, or the type itself; metadata stripped."""
    if get_origin(hint) is Annotated:
        yield from leaves(get_args(hint)[0])
    elif get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            yield from leaves(member)
    else:
        yield hint


@cache
def classes(hint: Any) -> tuple[type, ...]:
    """The schema classes that a value of this type may be."""
    return tuple(leaf for leaf in leaves(hint) if isinstance(leaf, type) and is_dataclass(leaf))


@cache
def kinds(hint: Any) -> Mapping[str, type]:
    """Kind to class, for a union of classes that tell themselves apart by `kind`; else empty."""
    members = classes(hint)
    return {kind(cls): cls for cls in members} if len(members) > 1 else {}


@cache
def assumed_kind(hint: Any) -> str | None:
    """The kind of a mapping that says none, where the union names one."""
    if get_origin(hint) is Annotated:
        marks = (mark.otherwise for mark in get_args(hint)[1:] if isinstance(mark, ByKind))
        return next(marks, None) or assumed_kind(get_args(hint)[0])
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    return next((found for found in map(assumed_kind, members) if found), None)


def kind(cls: type) -> str:
    """The constant `kind` of a schema class."""
    return str(get_args(hints(cls)["kind"])[0])


@cache
def item(hint: Any) -> Any | None:
    """The type of the items, where a list is asked for."""
    found = [get_args(leaf)[0] for leaf in leaves(hint) if get_origin(leaf) is tuple]
    return found[0] if found else None


@cache
def by_name(hint: Any) -> Any | None:
    """The type of the values, where a mapping with names of one's own is asked for."""
    found = [get_args(leaf)[1] for leaf in leaves(hint) if get_origin(leaf) is Mapping]
    return found[0] if found else None


_REST_OF_NUMBER = re.compile(r"\d{3}(?!\d)")
"""Begins a key that follows a comma between thousands."""
_WORDS_ELSEWHERE = {
    "block_size": "kv_block_tokens",
    "cooldownperiod": "cooldown",
    "data_parallel_size": "dp",
    "dtype": "precision",
    "enable_chunked_prefill": "prefill",
    "enable_prefix_caching": "prefix_cache",
    "gpu": "accelerator",
    "gpu_memory_utilization": "memory_utilisation",
    "idlereplicacount": "idle",
    "input": "prompt_median",
    "instance_type": "offer",
    "inter_token_latency": "tpot",
    "itl": "tpot",
    "kv_cache_dtype": "kv_precision",
    "max_batch_prefill_tokens": "max_num_batched_tokens",
    "max_batch_size": "max_batch",
    "max_batch_total_tokens": "kv_tokens",
    "max_replicas": "max",
    "max_running_requests": "max_num_seqs",
    "maxreplicacount": "max",
    "maxreplicas": "max",
    "mem_fraction_static": "memory_utilisation",
    "min_replicas": "min",
    "minreplicacount": "min",
    "minreplicas": "min",
    "num_shard": "tp",
    "output": "output_median",
    "pipeline_parallel_size": "pp",
    "pollinginterval": "polling",
    "price": "capex",
    "prompt": "prompt_median",
    "quantization": "precision",
    "speculative_config": "speculation",
    "tensor_parallel": "tp",
    "tensor_parallel_size": "tp",
    "tp_size": "tp",
}
"""Keys of serving engines, Kubernetes and KEDA, and plain words, by what they are called here."""
_AGREED = frozenset(
    {"discount", "discounts", "contract", "contracts", "edp", "ppa", "private_pricing", "negotiated_discount"}
)
"""Words for a negotiated discount."""
_PERCENTILE = re.compile(r"(?:(p\d\d?)_([a-z0-9]+)|([a-z0-9]+)_(p\d\d?))")
"""Names of percentiles of latencies, as of monitoring: `p95_ttft`, `ttft_p95`."""


def _unknown_place(_key: str, _path: tuple[str | int, ...], _known: Sequence[str]) -> str:
    return ""


@dataclass(slots=True)
class Conform:
    """Writes short forms in full and takes out what the schema does not know, with a fault for each.

    Short forms: a plain text for a mapping with this `kind` and nothing else; one mapping for a list of one.
    """

    file: str
    faults: list[Fault]
    belongs: Callable[[str, tuple[str | int, ...], Sequence[str]], str] = _unknown_place
    """Words on where a key belongs that the mapping at a path, of these keys, does not know; to be appended."""
    plan: str = ""
    """Name of the plan at hand, for messages."""

    def node(self, node: YamlNode, hint: Any, also: Keys = ()) -> YamlNode:
        """The node as the schema asks for it; `also` are further known keys."""
        of_kind, one = kinds(hint), item(hint)
        if node.path[:1] == ("plans",) and len(node.path) == 2 and isinstance(node.value, dict):
            self.plan = str(node.value["name"].plain()) if "name" in node.value else f"{node.path[1]}"
        if of_kind and isinstance(node.value, str | int | float):
            node = replace(node, value={"kind": node})
        assumed = assumed_kind(hint) if of_kind else None
        if assumed and isinstance(node.value, dict) and "kind" not in node.value:
            said = YamlNode(value=assumed, line=node.line, column=node.column, path=(*node.path, "kind"))
            node = replace(node, value={"kind": said, **node.value})
        if one is not None and isinstance(node.value, dict) and (members := classes(one)):
            node = replace(node, value=self._as_list(node, node.value, hints(members[0])))
        if one is not None and isinstance(node.value, str | int | float) and kinds(one):
            node = replace(node, value=[node])
        if isinstance(node.value, list):
            return replace(node, value=[self.node(child, one) for child in node.value]) if one else node
        if isinstance(node.value, dict):
            return replace(node, value=self._mapping(node, node.value, hint, of_kind, also))
        return node

    def _as_list(self, node: YamlNode, value: dict[str, YamlNode], known: Mapping[str, Any]) -> list[YamlNode]:
        """The item of a list that is given alone, or those given by their names, which is a fault."""
        by_name = "name" in known and all(isinstance(child.value, dict) for child in value.values())
        if not value or not by_name or set(value) & set(known):
            return [node]
        message = f"is a list: write `- name: {next(iter(value))}`, and what holds for it below that, indented by two"
        self._fault(node, node.key or (node.line, node.column), message)
        return [_named(child, name) for name, child in value.items()]

    def _mapping(
        self, node: YamlNode, value: dict[str, YamlNode], hint: Any, of_kind: Mapping[str, type], also: Keys
    ) -> dict[str, YamlNode]:
        if of_kind:
            cls = self._member(node, value, of_kind)
            return self._known(self._without_shared(value, cls, hint), hints(cls), also) if cls else value
        if members := classes(hint):
            return self._known(value, hints(members[0]), also)
        maps = [get_args(leaf) for leaf in leaves(hint) if get_origin(leaf) is Mapping]
        if maps and get_origin(maps[0][0]) is Literal:
            return self._known(value, dict.fromkeys(get_args(maps[0][0]), maps[0][1]), also)
        if maps:
            return {key: self.node(child, maps[0][1]) for key, child in value.items()}
        return value

    def _member(self, node: YamlNode, value: dict[str, YamlNode], of_kind: Mapping[str, type]) -> type | None:
        """The class that `kind` names."""
        known, written = ", ".join(of_kind), value.get("kind")
        if written is None:
            self._fault(node, (node.line, node.column), f"has no kind; write kind: with one of {known}")
            return None
        cls = of_kind.get(written.value) if isinstance(written.value, str) else None
        if cls is None:
            in_full = _in_full(node, written, of_kind)
            near = _manifest(node, written) or did_you_mean(str(written.value), list(of_kind)) or in_full
            message = f"{written.plain()!r} is not a kind known here; one of {known}{near}"
            if written.path == node.path and not isinstance(written.value, str):
                message = f"expected a mapping (key: value), not {shown(written.value)}"
                message += in_full or f"; in full it is e.g. {{kind: {next(iter(of_kind))}}}"
            self._fault(written, (written.line, written.column), message)
        return cls

    def _without_shared(self, value: dict[str, YamlNode], cls: type, hint: Any) -> dict[str, YamlNode]:
        """The entries without those of `defaults` that the kind which a plan names does not have; each is a fault."""
        kind, assumed = value.get("kind"), assumed_kind(hint)
        if kind is None or assumed is None or kind.path[:1] != ("plans",):
            return value
        of_assumed = hints(kinds(hint)[assumed])
        foreign = [
            key
            for key, child in value.items()
            if child.path[:1] == ("defaults",) and key in of_assumed and key not in hints(cls)
        ]
        for key in foreign:
            child = value[key]
            message = (
                f"plan {self.plan!r} takes this over, and its {kind.plain()!r} has no key {key!r}; write "
                f"`kind: {assumed}` beside it here: a plan with another kind then takes nothing over"
            )
            self._fault(child, child.key or (child.line, child.column), message)
        return {key: child for key, child in value.items() if key not in foreign}

    def _known(self, value: dict[str, YamlNode], known: Mapping[str, Any], also: Keys) -> dict[str, YamlNode]:
        """The entries whose keys are known; a fault for each other one."""
        kept: dict[str, YamlNode] = {}
        for key, child in value.items():
            if key in known:
                kept[key] = self.node(child, known[key])
            elif key not in also:
                words = [*known, *map(str, also)]
                near = self._meant(key, child.path[:-1], words) or f"; known here: {', '.join(words)}"
                self._fault(child, child.key or (child.line, child.column), f"unknown key {key!r}{near}")
        return kept

    def _meant(self, key: str, path: tuple[str | int, ...], words: Sequence[str]) -> str:
        """Words on the key that is meant by one that the mapping at a path, of other keys, does not know."""
        if _REST_OF_NUMBER.match(key):
            return "; a comma within { } ends a value: write numbers without one, or in quotes"
        plain = key.replace("-", "_").lower()
        same = _WORDS_ELSEWHERE.get(plain, plain)
        if same in words:
            return f"; did you mean {same!r}?"
        if told := _percentile(key, words) or _negotiated(plain, path, words) or self.belongs(key, path, words):
            return told
        elsewhere = "" if same == key else self.belongs(same, path, words)
        return f"; it is called {same!r} here{elsewhere}" if elsewhere else did_you_mean(key, words)

    def _fault(self, node: YamlNode, place: tuple[int, int], message: str) -> None:
        self.faults.append(
            Fault(file=self.file, line=place[0], column=place[1], path=dotted(node.path), message=message)
        )


def spread(root: YamlNode, file: str) -> tuple[YamlNode, list[Fault]]:
    """The scenario with its defaults merged into each plan, every value still at the place of its origin."""
    if not isinstance(root.value, dict) or "defaults" not in root.value:
        return root, []
    top = {key: child for key, child in root.value.items() if key != "defaults"}
    defaults, plans = root.value["defaults"], top.get("plans")
    if not isinstance(defaults.value, dict):
        message = f"expected the shared fields of plans, not {shown(defaults.value)}"
        return replace(root, value=top), [fault_at(defaults, message, file)]
    if plans is not None and isinstance(plans.value, list):
        merged = [merge(defaults, plan) if isinstance(plan.value, dict) else plan for plan in plans.value]
        top["plans"] = replace(plans, value=merged)
    return replace(root, value=top), []


def merge(base: YamlNode, own: YamlNode) -> YamlNode:
    """`own` over `base`, key by key; a mapping of another `kind` replaces, and so does all that is not a mapping. A
    mapping of places or names, such as `{0: ..., peak: ...}`, merges with the items of a list. A price is of its offer,
    and what was measured of its accelerator: both are left out where `own` names another one; a price on demand also on
    spot.
    """
    if isinstance(own.value, dict) and isinstance(base.value, str):
        base = replace(base, value={"kind": base})
    if isinstance(own.value, str) and isinstance(base.value, dict) and "kind" in base.value:
        own = replace(own, value={"kind": own})
    mine, theirs = own.value, base.value
    if isinstance(theirs, list) and isinstance(mine, dict) and mine:
        places = [{str(i), *_names(one)} for i, one in enumerate(theirs)]
        if set(mine) <= {key for place in places for key in place}:
            found = [[child for key, child in mine.items() if key in place] for place in places]
            return replace(base, value=[reduce(merge, own, one) for one, own in zip(theirs, found, strict=True)])
    if not isinstance(mine, dict) or not isinstance(theirs, dict) or _other_kind(mine, theirs):
        return own
    theirs = _but_of_others(mine, theirs)
    both = {**theirs, **mine}
    return replace(
        own,
        value={
            key: merge(theirs[key], mine[key]) if key in theirs and key in mine else child
            for key, child in both.items()
        },
    )


def _named(item: YamlNode, name: str) -> YamlNode:
    """The item of a list that was written by its name."""
    value = item.value if isinstance(item.value, dict) else {}
    line, column = item.key or (item.line, item.column)
    told = YamlNode(value=name, line=line, column=column, path=(*item.path, "name"))
    return replace(item, value={"name": told, **value})


def _names(item: YamlNode) -> list[str]:
    """The name of an item of a list; none where it has none."""
    name = item.get("name")
    return [name.value] if name is not None and isinstance(name.value, str) else []


_OF = {
    "offer": ("price", "prices"),
    "accelerator": ("step", "kv_tokens", "latency_table", "image_table", "images"),
}
"""Keys that hold for what the key beside them names."""


def _but_of_others(mine: dict[str, YamlNode], theirs: dict[str, YamlNode]) -> dict[str, YamlNode]:
    """Their entries, but for those that hold for another offer or accelerator than `mine`, and on spot for none."""
    others = [
        key for key in _OF if key in mine and key in theirs and not is_same(mine[key].plain(), theirs[key].plain())
    ]
    if "kind" in mine and mine["kind"].plain() == "spot" and "offer" in theirs and "kind" not in theirs:
        others.append("offer")
    left_out = [name for key in others for name in _OF[key]]
    return {key: child for key, child in theirs.items() if key not in left_out}


def is_same(one: object, other: object) -> bool:
    """True if two names are of the same accelerator or offer, as the catalog knows them."""
    return one == other or (isinstance(one, str) and isinstance(other, str) and _known(one) == _known(other))


def _known(name: str) -> str:
    return name.lower() if "/" in name else canonical(name)


def _other_kind(mine: dict[str, YamlNode], theirs: dict[str, YamlNode]) -> bool:
    """True if both name a kind, and not the same."""
    return "kind" in mine and "kind" in theirs and mine["kind"].plain() != theirs["kind"].plain()


def _manifest(node: YamlNode, written: YamlNode) -> str:
    """The form in which an autoscaler's file is named, where one is in place of the kind."""
    if node.path[-1:] != ("scaling",) or not str(written.value).endswith((".yaml", ".yml", ".json")):
        return ""
    return f"; of a manifest write {{from: {written.value}}}"


def _in_full(node: YamlNode, written: YamlNode, of_kind: Mapping[str, type]) -> str:
    """The form with values of a kind, where a word or number is in its place."""
    first, kind = next(iter(of_kind.items()))
    keys = [key for key in hints(kind) if key != "kind"]
    return f"; in full it is e.g. {{kind: {first}, {keys[0]}: ...}}" if keys and written.path == node.path else ""


def _negotiated(key: str, path: tuple[str | int, ...], words: Sequence[str]) -> str:
    """Place of a negotiated discount, for keys that people write for one; nothing of other keys."""
    if key not in _AGREED or "commitments" in path:
        return ""
    by_service = (
        "discounts by service or instance type go into contracts.csv (columns: provider, sku, service, discount) of "
        "the folder that `catalog` names"
    )
    if "discount" in words:
        return f"; for a negotiated discount write `discount: 8%`; {by_service}"
    if "spot" in words or "interruptions" in path or path[-1:] == ("buy",):
        return f"; it is of nodes on demand or of a managed endpoint; {by_service}"
    return f"; a negotiated discount is `discount: 8%` in `buy`; {by_service}"


def _percentile(key: str, words: Sequence[str]) -> str:
    """The form of a percentile whose name is a key; nothing of other keys."""
    if "percentiles" not in words or not (found := _PERCENTILE.fullmatch(key.lower())):
        return ""
    first, metric, other, last = found.groups()
    return f"; write percentiles: {{{metric or other}: {{{first or last}: 1s}}}} with your limit"
