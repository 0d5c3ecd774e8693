"""Levers: widgets that each change one value of the scenario's text, and show what the text says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from simcost.catalog import load_catalog
from simcost.catalog.processors import whole_nodes_usd_per_h
from simcost.errors import SimcostError
from simcost.scenario.files.edit import number_text, put
from simcost.units import PER_S, USD_PER_H, Unit
from views import drafts
from views.text import plain

PAGE = "Plans"
"""The title of the page of the levers."""
PRECISIONS = ("bf16", "fp8")
SIZES = {"replicas": "Replicas", "min": "Min", "max": "Max", "target": "Target"}
"""Numbers of `scaling`, those that its kind has."""
MOST = 1e6
"""Largest number of a lever; what is beyond it is changed in the text."""
Change = Callable[[], None]
Edits = Callable[[Any], Mapping[str, Any]]
"""From what a widget says to values by their paths in the text."""


def show(draft: drafts.Draft, changed: Change) -> None:
    """The levers of one plan and of the demand; which there are follows the text."""
    found = draft.values
    plans = found.get("plans")
    if not isinstance(plans, list) or not plans or not all(isinstance(plan, dict) and "name" in plan for plan in plans):
        return
    levers = _Levers(draft, changed)
    names = [str(plan["name"]) for plan in plans]
    key = f"plan of {draft.file.name}"
    chosen = st.session_state.get(key, 0)
    st.session_state[key] = chosen if chosen in range(len(names)) else 0  # told each time, as `_key` does
    index = st.selectbox("Plan", range(len(names)), format_func=names.__getitem__, key=key)
    parts = parts_of(plans[index], found.get("services"))
    levers.plan(f"plans.{index}", plans[index], parts)
    if parts:
        st.caption("What a service or a pool has of its own is changed in the tab YAML.")
    levers.demand(found)
    refused = st.session_state.pop("lever refused", None)
    if refused is not None:
        st.error(plain(refused))


class _Levers:
    """The levers of one text."""

    def __init__(self, draft: drafts.Draft, changed: Change) -> None:
        self._file, self._changed = draft.file, changed

    def plan(self, place: str, plan: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> None:
        """Hardware, size and price of one plan, as far as one of its services or pools takes them from it."""
        replica, scaling, buy = (plan.get(key) for key in ("replica", "scaling", "buy"))
        if isinstance(replica, dict):
            if is_taken(parts, "replica", "accelerator"):
                self._accelerator(place, replica, _most_replicas(scaling), buy)
            precision = replica.get("precision", PRECISIONS[0])
            if precision in PRECISIONS and is_taken(parts, "replica", "precision"):
                path = f"{place}.replica.precision"
                key = self._key(path, precision)
                st.segmented_control(
                    "Precision",
                    PRECISIONS,
                    key=key,
                    required=True,
                    on_change=self._edit,
                    args=(key, precision, _alone(path)),
                )
        written = scaling if isinstance(scaling, dict) else {}
        sizes = {name: written[name] for name in SIZES if name in written and is_taken(parts, "scaling", name)}
        columns = st.columns(len(sizes)) if sizes else []
        for column, (name, value) in zip(columns, sizes.items(), strict=True):
            with column:
                least = 0 if name in ("min", "replicas") else 1
                self._number(f"{place}.scaling.{name}", SIZES[name], value, least=least, step=1)
        bought = isinstance(buy, dict) and buy.get("kind", "on-demand") in ("on-demand", "spot")
        if bought and is_taken(parts, "buy", "price"):
            self._price(f"{place}.buy.price", buy.get("price"))  # type: ignore[union-attr]

    def demand(self, found: Mapping[str, Any]) -> None:
        """Rate of synthetic requests, or the factor on a recorded or forecast demand."""
        written = found.get("workload")
        listed = written if isinstance(written, list) else ()
        streams: dict[str, tuple[Any, str]] = {"workload": (written, "")}
        streams |= {f"workload.{i}": (one, _sender(listed, i)) for i, one in enumerate(listed)}
        for place, (stream, sender) in streams.items():
            if not isinstance(stream, dict):
                continue
            if stream.get("kind") == "synthetic":
                rate = _parsed(PER_S, stream.get("rate"))
                self._number(f"{place}.rate", f"Requests per second{sender}", rate, least=0.001, step=1.0, unit="/s")
            elif stream.get("kind") == "trace":
                scale = stream.get("rate_scale", 1.0)
                self._number(f"{place}.rate_scale", f"Demand x recorded{sender}", scale, least=0.01)
        if isinstance(demand := found.get("demand"), dict):
            self._number("demand.scale", "Demand x history", demand.get("scale", 1.0), least=0.01)

    def _key(self, path: str, value: Any) -> str:
        """The key of a lever, whose widget shows the value of the text: it is told each time.

        A browser forgets widgets of another scenario that the session still knows, and would show their first values.
        """
        key = f"{path} of {self._file.name}"
        st.session_state[key] = value
        return key

    def _edit(self, key: str, shown: Any, edits: Edits) -> None:
        """Write what the widget says into the text; what it said before another page was looked at is out of date.

        The value that it showed is not a change, though Streamlit reports one while progress is shown.
        """
        if st.session_state.get("page") != PAGE or st.session_state[key] == shown:
            return
        text = written = drafts.draft(self._file).text
        try:
            for path, value in edits(st.session_state[key]).items():
                text = put(text, path, value)
        except SimcostError as error:
            st.session_state["lever refused"] = str(error)
            return
        if text != written:
            drafts.write(self._file, text)
            self._changed()

    def _number(self, path: str, label: str, value: Any, *, least: float, step: float = 0.25, unit: str = "") -> None:
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= MOST:
            return
        kind: Any = int if isinstance(step, int) and float(value).is_integer() else float
        key = self._key(path, kind(value))
        write = _alone(path, (lambda number: f"{number_text(number)}{unit}") if unit else kind)

        def edits(number: Any) -> Mapping[str, Any]:
            """Nothing where the field was emptied: the value of the text comes back."""
            return {} if number is None else write(number)

        st.number_input(
            label,
            min_value=kind(least),
            max_value=kind(MOST),
            value=None,  # else an emptied field says the least number
            step=kind(step),
            format="%d" if kind is int else "%g",
            key=key,
            on_change=self._edit,
            args=(key, value, edits),
        )

    def _accelerator(self, place: str, replica: Mapping[str, Any], replicas: int, buy: Any) -> None:
        """Another accelerator comes with the offer whose nodes hold so many replicas for the least, on demand."""
        catalog = load_catalog()
        names = [card.name for card in catalog.facts.accelerators if catalog.offers_for(card.name)]
        try:
            value = catalog.accelerator(str(replica.get("accelerator"))).name
        except SimcostError:
            return
        tp, told = replica.get("tp", 1), f"left out of {place} of {self._file.name}"

        def edits(name: str) -> Mapping[str, Any]:
            found = {f"{place}.replica.accelerator": name}
            offers = [one for one in catalog.offers_for(name) if isinstance(tp, int) and one.accelerators % tp == 0]
            best = min(offers, key=lambda offer: whole_nodes_usd_per_h(offer, replicas * tp), default=None)
            if best is None:
                return found
            bought = {"offer": best.name, "region": best.region}
            if lost := _left_out(buy):
                message = f"{name} is bought on demand as {best.name}. Left out of the former purchase: "
                message += f"{', '.join(lost)}; write in the tab YAML what holds for this one too."
                st.session_state[told] = (name, bought), message
            return found | {f"{place}.buy": bought}

        if value in names:
            key = self._key(f"{place}.replica.accelerator", value)
            st.selectbox("Accelerator", names, key=key, on_change=self._edit, args=(key, value, edits))
        after, message = st.session_state.get(told, (None, ""))
        if after == (value, buy):
            st.warning(plain(message))

    def _price(self, path: str, written: Any) -> None:
        """A price of one's own; empty = that of the catalog."""
        value = _parsed(USD_PER_H, written)
        if value is not None and not 0 <= value <= MOST:
            return
        key = self._key(path, value)
        st.number_input(
            "Price, USD per node-hour",
            min_value=0.0,
            max_value=MOST,
            value=None,  # it may be emptied
            step=0.1,
            format="%g",
            placeholder="as in the catalog",
            key=key,
            on_change=self._edit,
            args=(key, value, _alone(path, lambda usd: None if usd is None else f"${number_text(usd)}/h")),
        )


def parts_of(plan: Mapping[str, Any], services: Any) -> list[Mapping[str, Any]]:
    """By service or pool of a plan, the values of its own; nothing where the plan is all there is."""
    own, pools = plan.get("services"), plan.get("pools")
    if isinstance(services, list):
        named = own if isinstance(own, dict) else {}
        found = [named.get(str(one.get("name"))) for one in services if isinstance(one, dict)]
    else:
        found = list(pools) if isinstance(pools, list) else []
    return [one if isinstance(one, dict) else {} for one in found]


def is_taken(parts: Sequence[Mapping[str, Any]], key: str, name: str) -> bool:
    """True if a value of the plan holds for one of its parts: not each has its own, or another kind or offer."""
    return not parts or any(not _has_own(part.get(key), name) for part in parts)


def _sender(streams: Sequence[Any], index: int) -> str:
    """Sender of a stream of several, for the label of its lever: its tenant, or its number where that tells more."""
    tenants = [one.get("tenant") if isinstance(one, dict) else None for one in streams]
    own = tenants[index]
    named = isinstance(own, str) and own and tenants.count(own) == 1
    return f", {own}" if named else f", stream {index + 1}"


def _has_own(written: Any, name: str) -> bool:
    if not isinstance(written, dict):
        return written is not None
    return name in written or (name in SIZES and "kind" in written) or (name == "price" and "offer" in written)


def _left_out(buy: Any) -> list[str]:
    """Keys of a purchase that another offer does not keep."""
    return [key for key in buy if key not in ("offer", "region")] if isinstance(buy, dict) else []


def _most_replicas(scaling: Any) -> int:
    """Replicas of a fixed fleet, or the most of a scaled one; 1 where the text names none."""
    named = [scaling.get(key) for key in ("replicas", "max")] if isinstance(scaling, dict) else []
    return next((one for one in named if type(one) is int and one > 0), 1)


def _parsed(unit: Unit, written: Any) -> float | None:
    """The quantity that is written; None where there is none."""
    try:
        value = unit.parse(written)
    except ValueError:
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _alone(path: str, write: Callable[[Any], Any] = lambda one: one) -> Edits:
    """Edits of one path."""
    return lambda said: {path: write(said)}
