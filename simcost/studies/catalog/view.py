"""The catalog, as parts."""

from collections.abc import Callable, Mapping
from typing import Any

from simcost.present.format import NONE, Show, amount, count, exact, seconds, share, signed, size
from simcost.present.parts import Part
from simcost.units import GIB, how_many

Row = Mapping[str, Any]
Cell = Callable[[Row], str]

_PROVENANCE = ("source", "as_of", "quality", "notes")


def parts(document: Mapping[str, Any]) -> list[Part]:
    """The facts of one kind in a table, or everything about one name."""
    if "rows" in document:
        return [_list(document)]
    return [*map(_fact, document["facts"]), *(_imported(document) if "precision" in document else [])]


def _imported(document: Mapping[str, Any]) -> list[Part]:
    """Findings of `catalog import`."""
    unwritten = [] if document["files"] else ["nothing written; give -o FOLDER"]
    return [Part(title="Notes", said=[*document["findings"], *unwritten])]


def _list(document: Mapping[str, Any]) -> Part:
    left, columns = _COLUMNS[document["kind"]]
    rows = [{title: cell(row) for title, cell in columns.items()} for row in document["rows"]]
    kind = document["kind"]
    end = f"{how_many(len(rows), f'row of {kind}', kind)}; newest fact {document['as_of']}; quality A first party, "
    said = [f"{end}B catalogue, C other", *document.get("findings", ())]
    return Part(title=document["kind"], titled=False, rows=rows, said=said, left=left, whole=True)


def _fact(fact: Row) -> Part:
    own = [key for key in fact if key not in ("kind", *_PROVENANCE)]
    known = [key for key in (*own, *_PROVENANCE) if fact[key] not in (None, "")]
    return Part(title=fact["kind"], said=[f"{key}: {_value(key, fact[key])}" for key in known])


def _value(key: str, value: object) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if key.endswith("_bytes"):
        return size(value)
    if key.endswith("_s") and not key.endswith("_per_s"):
        return seconds(value)
    return exact(value)


def _text(key: str) -> Cell:
    return lambda row: str(row[key])


def _number(key: str, show: Show = exact, scale: float = 1.0) -> Cell:
    return lambda row: show(None if row[key] is None else row[key] / scale)


def _experts(row: Row) -> str:
    return f"{row['experts_per_token']} of {row['experts']}" if row["experts"] else NONE


def _range(row: Row) -> str:
    end = "" if row["to_gb"] is None else count(row["to_gb"])
    return f"{count(row['from_gb'])} - {end}".rstrip()


def _devices(row: Row) -> str:
    return f"{row['accelerators']} x {row['accelerator']}" if row["accelerators"] else NONE


def _spot_date(row: Row) -> str:
    return NONE if row["spot_usd_per_h"] is None else str(row["spot_as_of"] or row["as_of"])


def _agreed(row: Row) -> str:
    if row["price_per_h"] is None:
        return f"{share(row['discount'])} off"
    return f"{exact(row['price_per_h'])} {row['currency']}"


def _rate(row: Row) -> str:
    return f"{share(row['discount'])} off" if row["usd_per_h"] is None else exact(row["usd_per_h"])


def _levers(row: Row) -> str:
    """Levers of a score or a change."""
    cache = f"KV {row['kv_precision']}" if row["kv_precision"] else ""
    return ", ".join(filter(None, (row["precision"], cache, row["pruning"])))


def _parameters(row: Row) -> str:
    end = "" if row["parameters_to"] is None else exact(row["parameters_to"] / 1e9)
    return f"{exact(row['parameters_from'] / 1e9)} - {end}".rstrip()


_QUALITY = {"as of": _text("as_of"), "quality": _text("quality")}
_COLUMNS: dict[str, tuple[int, dict[str, Cell]]] = {
    "accelerators": (
        1,
        {
            "accelerator": _text("name"),
            "memory, GiB": _number("memory_bytes", amount, GIB),
            "TB/s": _number("memory_bytes_per_s", amount, 1e12),
            "bf16 TFLOPS": _number("bf16_flops", count, 1e12),
            "fp8 TFLOPS": _number("fp8_flops", count, 1e12),
            "link GB/s": _number("link_bytes_per_s", count, 1e9),
            **_QUALITY,
        },
    ),
    "models": (
        1,
        {
            "model": _text("name"),
            "parameters, 1e9": _number("parameters", amount, 1e9),
            "layers": _number("layers"),
            "hidden": _number("hidden"),
            "heads / KV heads": lambda row: f"{row['heads']} / {row['kv_heads']}",
            "experts": _experts,
            "context": _number("context_tokens"),
            "as of": _text("as_of"),
        },
    ),
    "machines": (
        2,
        {
            "machine": lambda row: f"{row['provider']}/{row['sku']}",
            "accelerators": _devices,
            "vCPU": _number("vcpus"),
            "memory, GiB": _number("memory_bytes", count, GIB),
            **_QUALITY,
        },
    ),
    "offers": (
        3,
        {
            "offer": lambda row: f"{row['provider']}/{row['sku']}",
            "region": _text("region"),
            "accelerators": _devices,
            "on demand, $/h": _number("on_demand_usd_per_h"),
            "spot, $/h": _number("spot_usd_per_h"),
            "spot as of": _spot_date,
            **_QUALITY,
        },
    ),
    "billing-rules": (
        1,
        {
            "provider": _text("provider"),
            "granularity, s": _number("granularity_s"),
            "minimum, s": _number("minimum_s"),
            **_QUALITY,
        },
    ),
    "commitment-rates": (
        3,
        {
            "instrument": lambda row: f"{row['provider']} {row['instrument']}",
            "sku": _text("sku"),
            "region": _text("region"),
            "years, upfront": lambda row: f"{exact(row['term_years'])}, {row['upfront']}",
            "$/h, or off": _rate,
            **_QUALITY,
        },
    ),
    "services": (
        1,
        {
            "service": lambda row: f"{row['provider']}/{row['service']}",
            "other names": _text("names"),
            "category": _text("category"),
            **_QUALITY,
        },
    ),
    "commitment-eligibility": (
        3,
        {
            "instrument": lambda row: f"{row['provider']} {row['instrument']}",
            "service": _text("service"),
            "skus": _text("sku"),
            "covered": _text("eligible"),
            "source": _text("source"),
            **_QUALITY,
        },
    ),
    "contracts": (
        3,
        {
            "sku": lambda row: f"{row['provider']}/{row['sku']}",
            "region": _text("region"),
            "valid": lambda row: f"{row['valid_from']} - {row['valid_to']}",
            "price/h, or off": _agreed,
            **_QUALITY,
        },
    ),
    "currencies": (
        1,
        {
            "currency": _text("currency"),
            "USD": _number("usd_per_unit"),
            "source": _text("source"),
            **_QUALITY,
        },
    ),
    "tier-prices": (
        4,
        {
            "provider": _text("provider"),
            "item": _text("item"),
            "region": _text("region"),
            "unit": _text("unit"),
            "GB per month": _range,
            "$ per unit": _number("price_usd"),
            **_QUALITY,
        },
    ),
    "token-prices": (
        1,
        {
            "API": lambda row: f"{row['provider']}/{row['model']}",
            "input, $/1M": _number("input_usd_per_m"),
            "output": _number("output_usd_per_m"),
            "cache read": _number("cache_read_usd_per_m"),
            "cache write": _number("cache_write_usd_per_m"),
            "more from, tokens": _number("tier_start_input_tokens"),
            "ends": lambda row: row["deprecation_date"] or NONE,
            **_QUALITY,
        },
    ),
    "token-rules": (
        2,
        {
            "provider": _text("provider"),
            "models": _text("models"),
            "cache write, x input": _number("cache_write"),
            "kept 1 h": _number("cache_write_1h"),
            "batch": _number("batch"),
            **_QUALITY,
        },
    ),
    "benchmark-scores": (
        3,
        {
            "model": _text("model"),
            "metric": _text("metric"),
            "of": _levers,
            "score": _number("value"),
            "change": _number("delta", signed),
            "as of": _text("as_of"),
            "source": _text("source"),
        },
    ),
    "acceptance": (
        3,
        {
            "drafter": _text("drafter"),
            "target": _text("model"),
            "task": _text("task"),
            "drafts": _number("drafts"),
            "tokens per step": _number("tokens_per_step"),
            "as of": _text("as_of"),
            "source": _text("source"),
        },
    ),
    "training-mfu": (
        2,
        {
            "accelerator": _text("accelerator"),
            "precision": _text("precision"),
            "parameters, 1e9": _parameters,
            "runs": _number("rows"),
            "MFU, p25": _number("mfu_p25", share),
            "median": _number("mfu_median", share),
            "p75": _number("mfu_p75", share),
            "as of": _text("as_of"),
        },
    ),
    "training-runs": (
        1,
        {
            "run": _text("name"),
            "accelerator": _text("accelerator"),
            "parameters, 1e9": _number("parameters", amount, 1e9),
            "tokens, 1e9": _number("tokens", count, 1e9),
            "GPU-hours": _number("gpu_hours", count),
            "batch, 1e6 tokens": _number("global_batch_tokens", amount, 1e6),
            "as of": _text("as_of"),
        },
    ),
    "failure-rates": (
        1,
        {
            "cluster": _text("name"),
            "per node and day": _number("per_node_day"),
            "source": _text("source"),
            **_QUALITY,
        },
    ),
    "power": (
        1,
        {
            "device": _text("name"),
            "idle, W": _number("idle_w"),
            "max, W": _number("max_w"),
            **_QUALITY,
        },
    ),
    "pue": (1, {"provider": _text("provider"), "PUE": _number("pue"), **_QUALITY}),
    "grid": (
        2,
        {
            "provider": _text("provider"),
            "region": _text("region"),
            "gCO2e/kWh": _number("g_per_kwh"),
            **_QUALITY,
        },
    ),
    "public-traces": (
        3,
        {
            "name": _text("name"),
            "what": _text("what"),
            "holds": _text("holds"),
            "size": _number("bytes", size),
            "licence": _text("licence"),
            "quality": _text("quality"),
        },
    ),
}
