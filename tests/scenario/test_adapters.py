"""LoRA adapters that requests ask for: what contradicts itself, how often each is asked for, and what loading costs."""

from pathlib import Path

import numpy as np
import pytest
from support.scenarios import SMALL, write

from simcost.catalog import load_catalog
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.runs.check import check
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.trace.requests.batch import NO_ADAPTER, RequestBatch
from simcost.trace.requests.readers import import_trace
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.workload.adapters import with_adapters
from simcost.trace.workload.spec import AdapterMix

pytestmark = pytest.mark.slow

LENGTHS = "  lengths: {prompt_median: 100, output_median: 20}\n"
ADAPTERS = "  adapters: {count: 12, skew: 0.5, base: BASE}\n"
LOAD = "load: {disk: 1GB/s, link: 20GB/s}"
TEXT = SMALL.replace(LENGTHS, LENGTHS + ADAPTERS)
MODEL = next(line for line in SMALL.splitlines() if line.startswith("model:")).split()[1]
HELD = ("accelerator: l4}", f"accelerator: l4, lora: {{slots: 2, {LOAD}}}}}")

AFFINE = ("replicas: 1}", "replicas: 1}\n    router: {kind: endpoint-picker, scorers: [{scorer: lora-affinity}]}")


@pytest.mark.parametrize(
    ("edits", "fault"),
    [
        ([], "plans.0.replica.lora: is required: requests ask for adapters; write `lora`"),
        ([("accelerator: l4}", "accelerator: l4, lora: {slots: 2}}")], "plans.0.replica.lora.load: is required, since"),
        ([HELD, (ADAPTERS, "")], "plans.0.replica.lora.load: has no effect: requests ask for no adapters"),
        (
            [(ADAPTERS, ""), ("accelerator: l4}", "accelerator: l4, lora: {slots: 2, cpu_slots: 9}}")],
            "plans.0.replica.lora.cpu_slots: has no effect: requests ask for no adapters",
        ),
        ([HELD, ("BASE", "qwen3-8b")], "workload.adapters.base: is 'qwen3-8b', and plan "),
        ([HELD, ("slots: 2,", "slots: 2, cpu_slots: 1,")], "plans.0.replica.lora: cpu_slots (1) must be at least"),
        ([HELD, ("replicas: 1}", "replicas: 1}\n    prefix_cache: true")], "plans.0.prefix_cache: cannot be combined"),
        (
            [HELD, ("replicas: 1}", "replicas: 1}\n    batching: {window: 500ms}")],
            "plans.0.batching.window: cannot be combined with adapters",
        ),
        ([(ADAPTERS, ""), AFFINE], "plans.0.router.scorers.0.scorer: has no effect: requests ask for no adapters"),
    ],
)
def test_what_contradicts_itself_is_said_at_its_place(tmp_path: Path, edits: list[tuple[str, str]], fault: str) -> None:
    file = write(tmp_path, *edits, text=TEXT)
    text = file.read_text().replace("base: BASE", f"base: {MODEL}")
    file.write_text(text)
    assert fault in "\n".join(f"{fault.path}: {fault.message}" for fault in find_faults(file))


def test_a_column_that_the_trace_lacks_is_said_at_its_place(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "log.parquet", source="test") as writer:
        writer.write_batch(RequestBatch(np.arange(9) * 10**9, *([np.ones(9, np.int32)] * 2)))
    first = SMALL.index("workload:")
    workload = "workload: {kind: trace, path: log.parquet, adapters: {kind: column}}\n"
    text = SMALL[:first] + workload + SMALL[SMALL.index("slo:", first) :]
    faults = find_faults(write(tmp_path, HELD, text=text))
    assert [fault.path for fault in faults] == ["workload.adapters"]
    assert "log.parquet has no column 'adapter'" in faults[0].message


def test_adapters_of_a_trace_that_its_workload_does_not_take_are_told(tmp_path: Path) -> None:
    """All requests were served by the model alone, and nothing said so."""
    (tmp_path / "log.csv").write_text("arrival,prompt_tokens,output_tokens,adapter\n0,9,5,ours\n9,9,5,\n")
    import_trace(tmp_path / "log.csv", "csv", tmp_path / "log.parquet")
    first = SMALL.index("workload:")
    workload = "workload: {kind: trace, path: log.parquet}\n"
    file = write(tmp_path, text=SMALL[:first] + workload + SMALL[SMALL.index("slo:", first) :])
    told = [note for note in check(file)["notes"] if "adapters" in note]
    assert [note.partition(",")[0] for note in told] == ["log.parquet: its requests name adapters"]


def test_names_of_adapters_that_were_not_meant_are_told(tmp_path: Path) -> None:
    """A name in `without` that no request has did nothing; the model itself took a slot as an adapter does."""
    rows = f"arrival,prompt_tokens,output_tokens,model\n0,9,5,ours\n9,9,5,org/{MODEL}-Instruct\n"
    (tmp_path / "log.csv").write_text(rows)
    import_trace(tmp_path / "log.csv", "csv", tmp_path / "log.parquet")
    first = SMALL.index("workload:")
    asked = "{kind: column, column: model, without: [our]}"
    workload = f"workload: {{kind: trace, path: log.parquet, adapters: {asked}}}\n"
    file = write(tmp_path, HELD, text=SMALL[:first] + workload + SMALL[SMALL.index("slo:", first) :])
    notes = check(file)["notes"]
    assert any("no request asks for 'our'" in note and "did you mean 'ours'?" in note for note in notes)
    assert any(f"'org/{MODEL}-Instruct' is taken for an adapter" in note for note in notes)
    assert not any("'ours' is taken" in note for note in notes)


def test_adapters_follow_their_law_and_conversations_keep_theirs() -> None:
    count, batches = 200_000, 4
    session = np.where(np.arange(count) % 2, np.arange(count) // 8, -1)
    batch = RequestBatch(np.zeros(count, np.int64), np.ones(count, np.int32), np.ones(count, np.int32), session)
    parts = (batch[part] for part in np.array_split(np.arange(count), batches))
    mix = AdapterMix(count=5, skew=1.0, share=0.8)
    adapter = np.concatenate([batch.adapters() for batch in with_adapters(parts, mix, 3, seed=1, index=0, part=0)])
    weights = 1 / np.arange(1, 6)
    found = np.bincount(adapter[adapter != NO_ADAPTER], minlength=8) / count
    assert found == pytest.approx([0, 0, 0, *(0.8 * weights / weights.sum())], abs=0.006)
    for talk in range(1, 50):
        assert len(set(adapter[session == talk].tolist())) == 1


def test_adapters_of_half_of_the_layers_load_in_half_of_the_time(tmp_path: Path) -> None:
    layers = load_catalog().model(MODEL).layers
    half = ("slots: 2,", f"slots: 2, rank: 8, {LOAD}}}, pruning: {{kind: depth, layers: {layers // 2}}}}}\n#")
    whole = ("slots: 2,", "slots: 2, rank: 8,")
    pools = []
    for edit in (half, whole):
        file = write(tmp_path, HELD, ("BASE", MODEL), edit, text=TEXT)
        pools.append(settle(load(file), seed=None, seeds=1).plans[0].pool.adapters)
    pruned, unpruned = pools
    assert pruned is not None
    assert unpruned is not None
    assert (2 * pruned.disk_s, 2 * pruned.link_s) == pytest.approx((unpruned.disk_s, unpruned.link_s))


def test_more_room_loads_less(tmp_path: Path) -> None:
    """All requests are answered whatever the slots; host memory for all reads each adapter once per replica."""
    roomy = HELD[1].replace("slots: 2,", "slots: 2, cpu_slots: 12,")
    documents = []
    for name, held in (("tight", HELD[1]), ("roomy", roomy)):
        (tmp_path / name).mkdir()
        file = write(tmp_path / name, (HELD[0], held), ("BASE", MODEL), text=TEXT)
        assert settle(load(file), seed=None, seeds=None).source is not None
        documents.append(run(load(file), tmp_path / name / "out")["plans"][0])
    tight, spacious = documents
    for plan in documents:
        assert plan["requests"]["arrived"] == plan["requests"]["completed"] + plan["requests"]["in_system"]
        assert plan["adapters"]["disk_loads"] <= plan["adapters"]["slot_loads"]
    assert spacious["adapters"]["disk_loads"] <= 12 < tight["adapters"]["disk_loads"]
    assert spacious["adapters"]["load_s"] < tight["adapters"]["load_s"]
