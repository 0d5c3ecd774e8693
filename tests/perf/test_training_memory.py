"""What a device holds while it trains."""

from dataclasses import replace

import pytest

from simcost.catalog import load_catalog
from simcost.catalog.facts import Model
from simcost.errors import DoesNotFitError, InputError
from simcost.perf.model_shape import block_parameters
from simcost.perf.training.memory import (
    activation_bytes_per_layer,
    fit_training,
    fits,
    smallest_gpus,
    training_memory,
)
from simcost.perf.training.methods import (
    Distill,
    Full,
    Lora,
    Method,
    Pruned,
    TransferLearning,
    active_parameters,
    adapter_parameters,
)
from simcost.perf.training.utilization import ParallelLayout

CATALOG = load_catalog()
SMALL, LARGE, HUGE = (CATALOG.model(f"llama-3.1-{size}") for size in ("8b", "70b", "405b"))
H100 = CATALOG.accelerator("h100")
ONE = ParallelLayout(gpus=1)


def states(method: Method, layout: ParallelLayout = ONE) -> float:
    memory = training_memory(SMALL, method, layout)
    return memory.weights + memory.gradients + memory.optimizer


def test_mixed_precision_adam_takes_sixteen_bytes_a_parameter() -> None:
    assert states(Full()) == pytest.approx(16 * SMALL.parameters)


def test_adapters_of_rank_sixteen_have_the_known_number_of_parameters() -> None:
    assert adapter_parameters(SMALL, 16) == 41_943_040  # as libraries print it for Llama-3.1-8B, all linear layers


def test_lora_holds_two_bytes_a_frozen_and_sixteen_a_trained_parameter() -> None:
    assert states(Lora()) == pytest.approx(2 * SMALL.parameters + 16 * 41_943_040)


def test_qlora_holds_about_half_a_byte_a_frozen_parameter_of_the_blocks() -> None:
    embeddings = 2 * SMALL.vocabulary * SMALL.hidden
    expected = 0.515875 * (SMALL.parameters - embeddings) + 2 * embeddings
    assert states(Lora(kind="qlora")) == pytest.approx(expected + 16 * 41_943_040)


def test_qlora_fits_a_model_of_70b_on_one_gpu_where_lora_does_not() -> None:
    assert smallest_gpus(LARGE, H100, Lora(kind="qlora"), ONE) == 1
    assert smallest_gpus(LARGE, H100, Lora(), ONE) == 3


def test_a_teacher_is_held_beside_the_student() -> None:
    assert states(Distill(teacher=LARGE)) == pytest.approx(16 * SMALL.parameters + 2 * LARGE.parameters)


def test_a_teacher_has_logits_and_with_zero_3_layers_at_work_too() -> None:
    """The loss compares the logits of both, and the forward pass of the teacher gathers two of its own layers."""
    layout = ParallelLayout(gpus=8, zero=3)
    taught, alone = (training_memory(SMALL, method, layout) for method in (Distill(teacher=LARGE), Full()))
    assert taught.logits == pytest.approx(2 * alone.logits)
    assert taught.gathered == pytest.approx(training_memory(LARGE, Full(), layout).gathered)
    assert taught.activations == alone.activations


def test_only_structured_pruning_saves_memory() -> None:
    assert states(Pruned(kept_share=0.5)) == pytest.approx(8 * SMALL.parameters)
    assert states(Pruned(kept_share=0.5, pruning="unstructured")) == states(Full())
    assert states(Pruned(kept_share=0.5, pruning="2:4", speedup=1.2)) == states(Full())


def test_frozen_layers_keep_no_gradients_and_no_activations() -> None:
    half, full = (
        training_memory(SMALL, method, replace(ONE, recompute="selective"))
        for method in (TransferLearning(trained_share=0.5), Full())
    )
    assert half.optimizer == pytest.approx(full.optimizer / 2)
    assert half.weights == full.weights
    assert half.activations == pytest.approx(full.activations / 2)


@pytest.mark.parametrize(
    ("zero", "bytes_per_parameter"),
    [(0, 16.0), (1, 4 + 12 / 8), (2, 2 + 14 / 8), (3, 16 / 8)],
)
def test_each_stage_of_zero_shards_one_more_part(zero: int, bytes_per_parameter: float) -> None:
    layout = ParallelLayout(gpus=8, zero=zero)  # type: ignore[arg-type]
    assert states(Full(), layout) == pytest.approx(bytes_per_parameter * SMALL.parameters)


def test_shards_bound_how_far_states_are_spread() -> None:
    assert states(Full(), ParallelLayout(gpus=64, shards=8)) == states(Full(), ParallelLayout(gpus=8))


def test_memory_falls_with_the_number_of_shards() -> None:
    totals = [training_memory(LARGE, Full(), ParallelLayout(gpus=gpus)).total for gpus in (2, 4, 8, 64, 512)]
    assert totals == sorted(totals, reverse=True)
    assert len(set(totals)) == 5


def test_tensor_and_pipeline_parallelism_split_the_states() -> None:
    split = ParallelLayout(gpus=8, tp=4, pp=2, zero=0)
    assert states(Full(), split) == pytest.approx(2 * SMALL.parameters)


@pytest.mark.parametrize("model", [SMALL, CATALOG.model("llama-3.2-3b")], ids=["untied", "tied"])
def test_a_stage_holds_its_layers_and_the_embedding_or_the_head(model: Model) -> None:
    """Of eight stages of 32 layers the first holds 4 layers and the embedding whole, not an eighth of it; of 28 layers
    some stage holds 4."""
    layout = ParallelLayout(gpus=8, pp=8, zero=1)
    embedding = model.vocabulary * model.hidden
    blocks = model.parameters - embedding * (1 if model.tied_embeddings else 2)
    held = 4 / model.layers * blocks + embedding
    memory = training_memory(model, Full(), layout)
    assert memory.weights + memory.gradients + memory.optimizer == pytest.approx(16 * held)
    lora = training_memory(model, Lora(), layout)
    assert lora.weights == pytest.approx(2 * held + 2 * adapter_parameters(model, 16) * 4 / model.layers)


@pytest.mark.parametrize(
    ("name", "pp"), [("gemma-3-27b", 2), ("qwen3-next-80b-a3b", 4), ("llama-4-maverick", 4), ("deepseek-v3", 61)]
)
def test_a_stage_may_have_fewer_layers_than_the_model_has_of_a_kind(name: str, pp: int) -> None:
    """52 windows of 62 layers were more than the 31 of a stage, and the run ended in a traceback."""
    model = CATALOG.model(name)
    layout = ParallelLayout(gpus=pp, pp=pp, zero=1)
    held = training_memory(model, Full(), layout)
    blocks = block_parameters(model) * -(-model.layers // pp) / model.layers
    assert held.weights == pytest.approx(2 * (blocks + model.vocabulary * model.hidden))


def test_a_stage_that_holds_the_embedding_does_not_fit_where_an_even_part_would() -> None:
    """(6.98 / 8 + 0.525) GB x 16 bytes a parameter are 20.8 GiB of the 22.1 GiB of an L4; an eighth of all are 15.0."""
    layout = ParallelLayout(gpus=8, pp=8, zero=1)
    assert not fits(SMALL, CATALOG.accelerator("l4"), Full(), layout)


def test_the_trained_layers_are_those_of_the_last_stages() -> None:
    """A quarter of the layers on the last of four stages: that stage is trained whole."""
    layout = ParallelLayout(gpus=4, pp=4, zero=0, recompute="selective")
    top, full = (training_memory(SMALL, method, layout) for method in (TransferLearning(trained_share=0.25), Full()))
    assert (top.weights, top.optimizer) == (full.weights, full.optimizer)
    layers = SMALL.layers // 4
    assert top.activations == pytest.approx(layers * activation_bytes_per_layer(SMALL, layout))
    assert full.activations == pytest.approx(4 * layers * activation_bytes_per_layer(SMALL, layout))


def test_activations_of_a_layer_follow_the_published_formula() -> None:
    # Korthikanti et al. 2022: 34 s b h bytes without scores for f = 4 h and two matrices; a gated MLP has a third
    # of 2 f bytes more: 18 h + 6 f.
    model, layout = replace(SMALL, ffn=4 * SMALL.hidden), replace(ONE, sequence_tokens=2048, micro_batch=2)
    token_bytes = 2048 * 2 * SMALL.hidden
    kept = activation_bytes_per_layer(model, replace(layout, recompute="selective"))
    assert kept == token_bytes * (34 + 2 * 4)
    scores = activation_bytes_per_layer(model, replace(layout, recompute="none")) - kept
    assert scores == pytest.approx(token_bytes * 5 * SMALL.heads * 2048 / SMALL.hidden)
    assert activation_bytes_per_layer(model, layout) == 2 * token_bytes


def test_what_does_not_fit_says_what_would() -> None:
    layout = ParallelLayout(gpus=8)
    with pytest.raises(DoesNotFitError, match=r"8 x h100-sxm.*18 GPUs") as error:
        fit_training(LARGE, H100, Full(), layout)
    assert "16 GPUs with tp 8" in str(error.value)


@pytest.mark.parametrize("model", [SMALL, LARGE, HUGE], ids=lambda model: model.name)
def test_the_smallest_count_fits_and_one_less_does_not(model: object) -> None:
    layout = ParallelLayout(gpus=1)
    needed = smallest_gpus(model, H100, Full(), layout)  # type: ignore[arg-type]
    assert needed is not None
    assert fits(model, H100, Full(), replace(layout, gpus=needed))  # type: ignore[arg-type]
    assert not fits(model, H100, Full(), replace(layout, gpus=needed - 1))  # type: ignore[arg-type]


def test_more_gpus_do_not_help_where_nothing_is_sharded() -> None:
    assert smallest_gpus(LARGE, H100, Full(), ParallelLayout(gpus=8, zero=0)) is None
    with pytest.raises(DoesNotFitError, match="with zero 3"):
        fit_training(LARGE, H100, Full(), ParallelLayout(gpus=8, zero=0))


def test_a_mixture_counts_the_experts_that_a_token_uses() -> None:
    assert active_parameters(CATALOG.model("mixtral-8x7b")) == pytest.approx(12.9e9, rel=0.01)
    assert active_parameters(CATALOG.model("deepseek-v3")) == pytest.approx(37e9, rel=0.03)
    assert active_parameters(SMALL) == SMALL.parameters


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"gpus": 12, "tp": 8}, "the next is 16"),
        ({"gpus": 0}, "gpus is 0; it must be 1 or more"),
        ({"gpus": 8, "tp": 0}, "tp is 0"),
        ({"gpus": 8, "shards": 3}, "must divide the data-parallel degree"),
        ({"gpus": 8, "zero": 4}, "zero is 4; it must be one of 0, 1, 2, 3"),
        ({"gpus": 8, "recompute": "some"}, "one of none, selective, full"),
        ({"gpus": 8, "memory_utilisation": 1.2}, "1 or less"),
    ],
)
def test_layouts_that_cannot_be_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ParallelLayout(**wrong)  # type: ignore[arg-type]


def test_a_model_is_cut_only_where_it_can_be() -> None:
    with pytest.raises(InputError, match="possible: 1, 2, 4, 8, 16, 32"):
        training_memory(SMALL, Full(), ParallelLayout(gpus=3, tp=3))
    with pytest.raises(InputError, match="exceeds the 32 layers"):
        training_memory(SMALL, Full(), ParallelLayout(gpus=64, pp=64))


def test_a_speedup_belongs_to_two_of_four_sparsity_only() -> None:
    with pytest.raises(InputError, match="measured speedup"):
        Pruned(kept_share=0.5, pruning="2:4")
    with pytest.raises(InputError, match="leave speedup out"):
        Pruned(kept_share=0.5, pruning="unstructured", speedup=2)
