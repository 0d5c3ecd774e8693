"""A way to train, from its name and the options that belong to it."""

from typing import Any

from simcost.catalog import Catalog
from simcost.errors import InputError, did_you_mean
from simcost.perf.training.methods import Distill, Full, Lora, Method, Pruned, Transfer

OPTIONS: dict[str, tuple[str, ...]] = {
    "pretrain": (),
    "full": (),
    "lora": ("rank",),
    "qlora": ("rank",),
    "distill": ("teacher",),
    "pruned": ("pruning", "kept_share", "speedup"),
    "transfer": ("trained_share",),
}
"""Names of the methods and the options that each takes."""
_NEEDED = {"distill": "teacher", "pruned": "kept_share", "transfer": "trained_share"}


def training_method(catalog: Catalog, name: str, **options: Any) -> Method:
    """The method of that name; options that are None count as not given.

    Raises:
        InputError: no such method; an option that it does not take; one that it needs is missing or out of range.
        CatalogError: no such teacher.
    """
    if name not in OPTIONS:
        hint = did_you_mean(name, list(OPTIONS)) or ";"
        raise InputError(f"no training method {name!r}{hint} methods: {', '.join(OPTIONS)}")
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in OPTIONS[name]:
            takes = ", ".join(OPTIONS[name]) or "no options"
            raise InputError(f"method {name!r} has no {option.replace('_', ' ')}; it takes {takes}")
    if name in _NEEDED and _NEEDED[name] not in given:
        raise InputError(f"method {name!r} needs the {_NEEDED[name].replace('_', ' ')}; give it")
    return _built(catalog, name, given)


def _built(catalog: Catalog, name: str, given: dict[str, Any]) -> Method:
    if name == "distill":
        return Distill(teacher=catalog.model(given["teacher"]))
    if name == "pruned":
        return Pruned(**given)
    if name == "transfer":
        return Transfer(**given)
    if name == "lora":
        return Lora(**given)
    if name == "qlora":
        return Lora(kind="qlora", **given)
    return Full(kind="pretrain") if name == "pretrain" else Full()
