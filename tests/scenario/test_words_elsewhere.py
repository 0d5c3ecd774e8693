"""Files written as other tools would have it: each fault says what it is called here."""

import pytest
from support.scenarios import SERVICES, SMALL

from simcost.scenario.checks.load import find_faults


def faults(tmp_path, text):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    return [str(fault) for fault in find_faults(path)]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("tensor-parallel-size: 2", "tp"),
        ("dtype: fp8", "precision"),
        ("gpu_memory_utilization: 0.9", "memory_utilisation"),
    ],
)
def test_a_key_of_an_engine_is_told_by_its_name_here(tmp_path, theirs, ours):
    found = faults(tmp_path, SMALL.replace("{accelerator: l4", "{" + theirs + ", accelerator: l4", 1))
    assert len(found) == 1
    assert f"unknown key {theirs.partition(':')[0]!r}; did you mean {ours!r}?" in found[0]


@pytest.mark.parametrize("key", ["plans", "services"])
def test_a_mapping_by_names_is_told_to_be_a_list(tmp_path, key):
    text = (
        "scenario: x\nmodel: llama-3.1-8b\n"
        f"{key}:\n  one:\n    buy: {{offer: aws/g6e.xlarge}}\n  other:\n    buy: {{}}\n"
    )
    assert f":3:1: {key}: is a list: write `- name: one`, and what holds for it below" in "\n".join(
        faults(tmp_path, text)
    )


def test_pools_by_their_names_lack_nothing_else(tmp_path):
    pools = "pools: {base: {scaling: {kind: fixed, replicas: 1}}, peak: {scaling: {kind: fixed, replicas: 2}}}"
    text = SMALL.replace("scaling: {kind: fixed, replicas: 1}", pools, 1)
    assert text != SMALL
    [found] = faults(tmp_path, text)
    assert ".pools: is a list: write `- name: base`" in found
    told = faults(tmp_path, text.replace("replicas: 2}}}", "replicas: -2}}}"))
    assert any(".pools.peak.scaling.replicas: -2 must be" in one for one in told)


@pytest.mark.parametrize("key", ["p95_ttft", "ttft_p95"])
def test_a_percentile_as_monitoring_names_it_is_told_its_form(tmp_path, key):
    """`ttft` is a limit of each request, and no percentile."""
    told = "\n".join(faults(tmp_path, SMALL.replace("slo: {", "slo: {" + key + ": 1s, ", 1)))
    assert f"unknown key {key!r}; write percentiles: {{ttft: {{p95: 1s}}}}" in told


def test_a_manifest_in_place_of_a_policy_is_told_its_form(tmp_path):
    text = SMALL.replace("scaling: {kind: fixed, replicas: 1}", "scaling: hpa.yaml", 1)
    assert text != SMALL
    assert "; of a manifest write {from: hpa.yaml}" in "\n".join(faults(tmp_path, text))


def test_a_key_of_a_metric_is_told_the_keys_that_a_metric_has(tmp_path):
    """`metric` was said to belong in `quality` at the top, which has one."""
    scaling = "scaling: {kind: hpa, max: 3, metrics: [{metric: waiting, target: 4, seeds: 2}]}"
    text = SMALL.replace("scaling: {kind: fixed, replicas: 1}", scaling, 1)
    assert text != SMALL
    told = "\n".join(faults(tmp_path, text))
    assert "unknown key 'metric'; known here: type, name, target_type, target" in told
    assert "unknown key 'seeds'; it belongs at the top of the file" in told


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("minReplicaCount", "min"),
        ("maxReplicaCount", "max"),
        ("pollingInterval", "polling"),
        ("cooldownPeriod", "cooldown"),
    ],
)
def test_a_key_of_keda_is_told_by_its_name_here(tmp_path, theirs, ours):
    scaling = f"scaling: {{kind: keda, {theirs}: 30, triggers: [{{kind: metric, name: waiting, target: 4}}]}}"
    told = "\n".join(faults(tmp_path, SMALL.replace("scaling: {kind: fixed, replicas: 1}", scaling, 1)))
    assert f"unknown key {theirs!r}; did you mean {ours!r}?" in told


@pytest.mark.parametrize(("plain", "ours"), [("prompt", "prompt_median"), ("output", "output_median")])
def test_a_plain_word_is_told_its_key(tmp_path, plain, ours):
    text = SMALL.replace(f"{ours}:", f"{plain}:", 1)
    assert text != SMALL
    assert f"unknown key {plain!r}; did you mean {ours!r}?" in "\n".join(faults(tmp_path, text))


@pytest.mark.parametrize(
    ("at", "written", "key", "place"),
    [
        ("plans:", "scaling: {kind: fixed, replicas: 2}\nplans:", "scaling", "in a plan, or in `defaults` for all"),
        ("plans:", "attainment: 99%\nplans:", "attainment", "in `slo`"),
        ("  rate: 0.5/s", "  rate: 0.5/s\n  horizon: 1d", "horizon", "at the top of the file"),
        ("  - name: one", "  - name: one\n    seeds: 3", "seeds", "at the top of the file"),
        ("  - name: one", "  - name: one\n    tp: 2", "tp", "in `replica`"),
        ("  - name: one", "  - name: one\n    replicas: 2", "replicas", "in `scaling`"),
        ("  - name: one", "  - name: one\n    max: 2", "max", "in `scaling`"),
        ("  - name: one", "  - name: one\n    region: eu-west-1", "region", "in `buy`"),
        ("{offer: aws/g6.xlarge}", "{offer: aws/g6.xlarge, precision: fp8}", "precision", "in `replica`"),
        ("plans:", "defaults: {tp: 2}\nplans:", "tp", "in `replica`"),
        ("plans:", "defaults: {buy: {precision: fp8}}\nplans:", "precision", "in `replica`"),
        ("{accelerator: l4}", "{accelerator: l4, max_num_seqs: 8}", "max_num_seqs", "in `batching`"),
    ],
)
def test_a_key_in_the_wrong_place_is_told_its_own(tmp_path, at, written, key, place):
    """Words that look alike came first: of `replicas` in a plan 'replica', of `region` 'disaggregation'."""
    text = SMALL.replace(at, written, 1)
    assert text != SMALL
    assert f"unknown key {key!r}; it belongs {place}" in "\n".join(faults(tmp_path, text))


@pytest.mark.parametrize(
    ("at", "written", "told"),
    [
        ("  - name: one", "  - name: one\n    tensor_parallel_size: 2", "'tp' here; it belongs in `replica`"),
        (
            "plans:",
            "gpu-memory-utilization: 0.9\nplans:",
            "'memory_utilisation' here; it belongs in `replica` of a plan",
        ),
        ("plans:", "defaults: {kv_cache_dtype: fp8}\nplans:", "'kv_precision' here; it belongs in `replica`"),
        ("{accelerator: l4}", "{accelerator: l4, max-num-seqs: 8}", "'max_num_seqs' here; it belongs in `batching`"),
        ("  - name: one", "  - name: one\n    maxReplicas: 9", "'max' here; it belongs in `scaling`"),
        ("  - name: one", "  - name: one\n    instance_type: g6.xlarge", "'offer' here; it belongs in `buy`"),
    ],
)
def test_a_key_of_an_engine_in_the_wrong_place_is_told_its_name_and_place(tmp_path, at, written, told):
    """It got the list of all keys of a plan, or a word that looks alike: of `minReplicas` 'replica'."""
    text = SMALL.replace(at, written, 1)
    assert text != SMALL
    assert f"; it is called {told}" in "\n".join(faults(tmp_path, text))


@pytest.mark.parametrize(
    ("at", "written", "key", "place"),
    [
        (
            "    model: llama-3.2-1b\n",
            "    model: llama-3.2-1b\n    scaling: {}\n",
            "scaling",
            "in a plan, under `services",
        ),
        (
            "    model: llama-3.2-1b\n",
            "    model: llama-3.2-1b\n    cascade: {}\n",
            "cascade",
            "in a plan, under `services",
        ),
        (
            "    model: llama-3.2-1b\n",
            "    model: llama-3.2-1b\n    horizon: 1d\n",
            "horizon",
            "at the top of the file",
        ),
        (
            "      search: {scaling",
            "      search: {slo: {ttft: 1s}, scaling",
            "slo",
            "in the list `services` at the top",
        ),
    ],
)
def test_a_key_of_services_in_the_wrong_place_is_told_its_own(tmp_path, at, written, key, place):
    text = SERVICES.replace(at, written, 1)
    assert text != SERVICES
    assert f"unknown key {key!r}; it belongs {place}" in "\n".join(faults(tmp_path, text))


@pytest.mark.parametrize("price", ["$1,250/h", "$1,250"])
def test_a_comma_between_thousands_is_told(tmp_path, price):
    found = faults(tmp_path, SMALL.replace("buy: {offer:", f"buy: {{price: {price}, offer:", 1))
    assert any("a comma within { } ends a value: write numbers without one" in one for one in found)
