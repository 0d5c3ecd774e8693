"""Speculative decoding: a drafter proposes tokens, the model verifies them in one step."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from simcost.catalog.facts import Model, Precision
from simcost.errors import CatalogError, InputError, did_you_mean
from simcost.perf.acceptance import Rates, alpha_of_length, constant_rates, rates_of_length
from simcost.perf.model_shape import counted_parameters
from simcost.record import record
from simcost.units import Seconds, plural

if TYPE_CHECKING:
    from simcost.catalog import Catalog
    from simcost.catalog.acceptance_facts import DraftAcceptance

HEADS = ("eagle3", "mtp")
"""Drafters that are one layer on the hidden states of the target."""
NGRAM = "ngram"
EAGLE_VOCABULARY = 32_000
"""Tokens that published EAGLE-3 heads draft from."""
MOST_DRAFTS = 16

Probability = Annotated[float, Ge(0), Le(1)]


@record
class Speculation:
    """Drafts of the next tokens that the model verifies in one step: fewer steps, each longer.

    What share of the drafts is accepted depends on drafter, target and task: state one of `acceptance`, `length` and
    `task`. Acceptance that you measured on your own requests is worth more than any published.
    """

    drafter: str
    """`eagle3` or `mtp`: a layer on top of the model; `ngram`: words of the prompt again; else a smaller model of the
    catalog with the same vocabulary."""
    tokens: int = 3
    """Drafts in each step (vLLM: `num_speculative_tokens`)."""
    acceptance: Probability | tuple[Probability, ...] | None = None
    """Probability that a draft is accepted once those before it are; or a list: for each position the share of steps
    in which all drafts up to it are accepted (vLLM: accepted tokens per position / drafts)."""
    length: Annotated[float, Ge(1)] | None = None
    """Tokens per step, that of the model itself included (vLLM: mean acceptance length)."""
    task: str | None = None
    """Task whose published acceptance holds: `simcost catalog list acceptance`."""
    precision: Precision = "bf16"
    """Format of the drafter's weights."""
    draft_time: Seconds | None = None
    """Drafting in each step, measured; None = from the bytes and products of the drafter."""

    def __post_init__(self) -> None:
        if not 1 <= self.tokens <= MOST_DRAFTS:
            raise ValueError(
                f"tokens is {self.tokens}, and a step has 1 to {MOST_DRAFTS} drafts; to draft nothing, take "
                "`speculation` out"
            )
        stated = [name for name in ("acceptance", "length", "task") if getattr(self, name) is not None]
        if len(stated) != 1:
            raise ValueError(f"give one of acceptance, length and task, not {' and '.join(stated) or 'none of them'}")
        if self.length is not None and self.length > self.tokens + 1:
            raise ValueError(f"length {self.length:g} is more than the {self.tokens} drafts and one token of a step")
        if self.drafter == NGRAM and self.precision != "bf16":
            raise ValueError(f"precision {self.precision} has no effect: ngram has no weights; leave it out")
        if isinstance(self.acceptance, tuple):
            self._check_rates(self.acceptance)

    def _check_rates(self, rates: Rates) -> None:
        if len(rates) < self.tokens:
            raise ValueError(f"acceptance has {len(rates)} positions, and tokens is {self.tokens}: give one for each")
        if any(after > before for before, after in pairwise(rates)):
            raise ValueError(
                "acceptance by position must not rise: each is the share of steps in which all drafts up to it are "
                "accepted"
            )

    @property
    def slots(self) -> int:
        """Slots of the cache that a running request keeps beyond its tokens: for the drafts that are verified, and
        for those that a drafter with a cache of its own writes next.
        """
        return self.tokens if self.drafter == NGRAM else 2 * self.tokens

    def rates(self, catalog: Catalog, model: Model) -> Rates:
        """Acceptance by position. Raises CatalogError if none is published of the task."""
        if self.task is not None:
            return _published(catalog.facts.acceptance, self.drafter, model, self.task, self.tokens)
        if self.length is not None:
            return rates_of_length(self.length, self.tokens)
        if isinstance(self.acceptance, tuple):
            return self.acceptance[: self.tokens]
        return constant_rates(self.acceptance or 0.0, self.tokens)

    def drafter_of(self, catalog: Catalog, model: Model) -> Model | None:
        """The shape of the drafter; None = it has no weights.

        Raises:
            CatalogError: no such drafter or model.
            InputError: its tokens are not those of the target, or it is not smaller.
        """
        if self.drafter == NGRAM:
            return None
        if self.drafter in HEADS:
            return _head(model, self.drafter)
        try:
            drafter = catalog.model(self.drafter)
        except CatalogError as error:
            raise CatalogError(f"{error}; other drafters are {', '.join((*HEADS, NGRAM))}") from error
        if drafter.vocabulary != model.vocabulary or drafter.parameters >= model.parameters:
            raise InputError(_other_target(catalog, drafter, model))
        return drafter

    @property
    def assumption(self) -> str:
        """Assumptions on acceptance and time."""
        if self.task is not None:
            accepted = f"accepted as published of {self.task}"
        elif self.length is not None:
            accepted = f"{self.length:g} tokens a step"
        elif isinstance(self.acceptance, tuple):
            accepted = f"accepted by position {', '.join(f'{rate:g}' for rate in self.acceptance[: self.tokens])}"
        else:
            accepted = f"each accepted with probability {self.acceptance:g}"
        return (
            f"Speculation: {plural(self.tokens, 'draft')} of {self.drafter} a step, {accepted}. All "
            "sequences of a step get the mean number of tokens, rounded down step by step. Acceptance depends on the "
            "task: measure it on your requests."
        )


def _head(model: Model, kind: str) -> Model:
    """One layer and an LM head: of EAGLE-3 dense and with few tokens, of MTP as the last layer of the model."""
    whole: dict[str, Any] = {"name": f"{model.name} {kind}", "layers": 1, "dense_layers": 0}
    whole |= {"window_layers": 0, "window_tokens": 0, "linear_layers": 0, "linear_parameters": 0}
    if kind == "mtp":
        head = replace(model, **whole)
    else:
        whole |= {"experts": 0, "experts_per_token": 0, "shared_experts": 0, "moe_ffn": 0}
        head = replace(model, **whole, vocabulary=min(model.vocabulary, EAGLE_VOCABULARY))
    head = replace(head, tied_embeddings=True)  # the embedding is that of the target
    return replace(head, parameters=counted_parameters(head))


def _other_target(catalog: Catalog, drafter: Model, model: Model) -> str:
    fitting = [
        other.name
        for other in catalog.facts.models
        if other.vocabulary == model.vocabulary and other.parameters < model.parameters / 4
    ]
    why = (
        f"is not smaller than {model.name}"
        if drafter.vocabulary == model.vocabulary
        else f"has {drafter.vocabulary:,} tokens, {model.name} {model.vocabulary:,}: it drafts for other targets"
    )
    return f"{drafter.name} {why}; take {', '.join((*fitting, *HEADS, NGRAM))}"


def _published(rows: tuple[DraftAcceptance, ...], drafter: str, model: Model, task: str, drafts: int) -> Rates:
    """Rates of the row with the nearest number of drafts; those of a mean length as if acceptance were constant."""
    of_target = [row for row in rows if (row.drafter, row.model) == (drafter, model.name)]
    found = [row for row in of_target if row.task == task]
    if not found:
        known = list(dict.fromkeys(row.task for row in of_target))
        targets = dict.fromkeys(row.model for row in rows if row.drafter == drafter)
        of_others = f" (of {drafter} with {', '.join(targets)})" if targets else ""
        has = f"has it of {', '.join(known)}" if known else f"has none of this pair{of_others}"
        raise CatalogError(
            f"the catalog has no acceptance of {drafter} drafts by {model.name} in {task!r}"
            f"{did_you_mean(task, known) or ';'} it {has}; state `acceptance` or `length`, as your engine shows it, or "
            "add a row to acceptance.csv in your catalog folder"
        )
    row = min(found, key=lambda one: (abs(one.drafts - drafts), one.drafts))
    if row.rates and row.drafts >= drafts:
        return row.by_position[:drafts]
    return constant_rates(alpha_of_length(row.tokens_per_step, row.drafts), drafts)
