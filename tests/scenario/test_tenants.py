"""Tenants of a scenario: what contradicts itself, and parts that are the whole."""

from dataclasses import asdict
from pathlib import Path

import pytest
from support.scenarios import SERVICES, SMALL, write

from simcost.scenario.checks import tenant_checks
from simcost.scenario.checks.load import find_faults, load, load_with_services
from simcost.scenario.files import yaml
from simcost.scenario.runs.provenance import dump
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run
from simcost.trace.workload.spec import MOST_TENANTS, Synthetic

LENGTHS = "  lengths: {prompt_median: 100, output_median: 20}\n"
CLIENTS = """\
  clients:
    - {tenant: chat, share: 3, lengths: {prompt_median: 100, output_median: 20}}
    - {tenant: search, lengths: {prompt_median: 900, output_median: 5}}
tenants:
  - {name: search, slo: {e2e: 50ms, attainment: 99%}}
"""
TEXT = SMALL.replace(LENGTHS, CLIENTS)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "{tenant: chat, ",
            "{",
            "9:7: workload.clients.0.tenant: is missing: 'search' is the tenant of other requests",
        ),
        (
            "tenants:\n",
            "tenants:\n  - {name: search}\n",
            "13:12: tenants.1.name: 'search' is the name of the tenant in line 12 too",
        ),
        (
            "- {name: search",
            "- {name: serch",
            "12:12: tenants.0.name: no requests have the tenant 'serch'; did you mean 'search'?",
        ),
        ("e2e: 50ms", "deadlines: 90%", "12:37: tenants.0.slo.deadlines: is a target of jobs"),
        (
            "e2e: 50ms, attainment: 99%}}\n",
            "e2e: 4h}}\ndefaults: {admission: {timeout: 60s, saturation: {then: defer}}}\n",
            "13:33: defaults.admission.timeout: is shorter than the deadline of tenant 'search', 4 h",
        ),
        (
            "scaling: {kind: fixed, replicas: 1}",
            "scaling: {kind: fixed, replicas: 1}\n    disaggregation: {link: {bandwidth: 25GB/s}}",
            "19:21: plans.0.disaggregation: cannot be combined with tenants",
        ),
        (
            "slo: {e2e: 50ms, attainment: 99%}",
            "limits: {burst: 10s}",
            "12:28: tenants.0.limits: limit nothing; give requests_per_min, tokens_per_min or concurrent",
        ),
        (
            "slo: {e2e: 50ms, attainment: 99%}",
            "weight: 2",
            "12:28: tenants.0.weight: has no effect: no plan has `batching: {policy: fair}`",
        ),
        ("tenant: search, ", "tenant: '', ", "10:16: workload.clients.1.tenant: must not be empty"),
    ],
)
def test_what_contradicts_itself_is_said_at_its_place(tmp_path: Path, old: str, new: str, fault: str) -> None:
    file = write(tmp_path, (old, new), text=TEXT)
    found = "\n".join(f"{fault.line}:{fault.column}: {fault.path}: {fault.message}" for fault in find_faults(file))
    assert fault in found


def test_more_tenants_than_can_be_counted_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run of 40,000 ended in an OverflowError."""
    monkeypatch.setattr(tenant_checks, "MOST_TENANTS", 1)
    [fault] = find_faults(write(tmp_path, text=TEXT))
    assert fault.message == "2 tenants are named, and at most 1 are counted apart; join the smallest"


def test_as_many_tenants_as_can_be_counted_are_read_as_they_were_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,600 no verb could read the `scenario.yaml` of their own result; here a part of all is read."""
    part = 64
    for limit in ("MAX_BYTES", "MAX_NODES"):
        monkeypatch.setattr(yaml, limit, getattr(yaml, limit) // part)
    each = dump([asdict(Synthetic(rate=1.0, tenant="one of many"))])
    text = each * (MOST_TENANTS // part)
    assert len(text) < yaml.MAX_BYTES
    root, faults = yaml.parse(text, "scenario.yaml")
    assert (root is not None, faults) == (True, [])


def test_turns_are_of_tenants(tmp_path: Path) -> None:
    fair = ("scaling: {kind: fixed, replicas: 1}", "scaling: {kind: fixed, replicas: 1}\n    batching: {policy: fair}")
    [fault] = find_faults(write(tmp_path, fair, text=SMALL))
    assert (fault.path, fault.message[:22]) == ("plans.0.batching.policy", "gives turns to tenants")
    assert not find_faults(write(tmp_path, fair, text=TEXT))


def test_tenants_have_numbers_over_all_workloads(tmp_path: Path) -> None:
    """Two workloads that name the same tenants in another order; requests of each are as many as if it were alone."""
    one = "{kind: synthetic, rate: 2/s, clients: [{tenant: a}, {tenant: b}]}"
    other = "{kind: synthetic, rate: 2/s, clients: [{tenant: b, share: 9}, {tenant: c}]}"
    text = SMALL.replace(
        f"workload:\n  kind: synthetic\n  rate: 0.5/s\n{LENGTHS}",
        "workload: [ONE, OTHER, {kind: synthetic, rate: 3/s, tenant: a}]\n",
    )
    loaded = load(write(tmp_path, ("ONE", one), ("OTHER", other), text=text))
    question = settle(loaded, seed=None, seeds=None)
    assert list(question.tenants) == ["a", "b", "c"]
    assert question.source is not None
    counts = [0, 0, 0]
    for batch in question.source.batches(0):
        for number in batch.tenants().tolist():
            counts[number] += 1
    assert counts == pytest.approx([600 * 4, 600 * 2.8, 600 * 0.2], rel=0.15)


def test_parts_of_tenants_are_the_whole(tmp_path: Path) -> None:
    """Requests, tokens and dollars add up; a plan misses where one tenant does; what is stored is read back."""
    file = write(tmp_path, text=TEXT)
    document = run(load(file), tmp_path / "out")
    again = run(load(file), tmp_path / "out")
    for plan, same in zip(document["plans"], again["plans"], strict=True):
        tenants = plan["by_tenant"]
        assert tenants == same["by_tenant"]
        assert [tenant["name"] for tenant in tenants] == ["chat", "search"]
        for name, total in tenants[0]["requests"].items():
            assert sum(tenant["requests"][name] for tenant in tenants) == plan["requests"][name], total
        for name in ("total", "per_month"):
            assert sum(tenant["cost_usd"][name] for tenant in tenants) == pytest.approx(
                plan["cost_usd"][name], rel=1e-12
            )
        assert sum(tenant["cost_share"] for tenant in tenants) == pytest.approx(1.0)
        assert [tenant["met"] for tenant in tenants] == [True, False]
        assert not plan["slo"]["met"]
        assert [check["name"] for check in plan["slo"]["checks"]] == ["chat: attainment", "search: attainment"]


def test_each_service_has_tenants_of_its_own(tmp_path: Path) -> None:
    """Their sums are those of the service, not of the plan; its target is that of the tenants."""
    clients = "clients: [{tenant: a}, {tenant: b}]}\n    tenants: [{name: b, slo: {e2e: 1ms}}]"
    text = SERVICES[: SERVICES.index("  - name: two")]
    file = write(
        tmp_path, ("lengths: {prompt_median: 100, output_median: 20}}", clients), ("seeds: 2", "seeds: 1"), text=text
    )
    [plan] = run(load_with_services(file), tmp_path / "out")["plans"]
    chat, search = plan["services"]
    assert "by_tenant" not in plan
    assert "by_tenant" not in search
    assert sum(one["requests"]["arrived"] for one in chat["by_tenant"]) == chat["requests"]["arrived"]
    assert sum(one["cost_usd"]["total"] for one in chat["by_tenant"]) == pytest.approx(chat["cost_usd"]["total"])
    assert [one["met"] for one in chat["by_tenant"]] == [True, False]
    assert not find_faults(tmp_path / "out" / "scenario.yaml")
    assert (chat["slo"]["met"], plan["slo"]["met"]) == (False, False)


def test_each_tenant_pays_an_api_for_its_own_tokens(tmp_path: Path) -> None:
    """Where next to all requests go to it, the bill is the price of the tokens, and no engine time has a part in it."""
    scaling = "scaling: {kind: fixed, replicas: 1}"
    api = "overflow: {api: anthropic/claude-haiku-4-5, ttft: 400ms, tpot: 10ms}"
    changes = (
        ("rate: 0.5/s", "rate: 40/s"),
        (scaling, f"{scaling}\n    admission: {{max_ongoing: 1, max_queued: 1}}\n    {api}"),
    )
    found = run(load(write(tmp_path, *changes, text=TEXT)), tmp_path / "out", seeds=1)
    plan = found["plans"][0]
    tokens_usd, total = plan["cost_usd"]["by_category"]["tokens"], plan["cost_usd"]["total"]
    assert tokens_usd > 0.8 * total
    parts = plan["by_tenant"]
    assert sum(one["cost_usd"]["total"] for one in parts) == pytest.approx(total)
    priced = [(one["prompt_tokens"] + 5 * one["output_tokens"]) / 1e6 for one in parts]  # $1 and $5 per 1M tokens
    for one, usd in zip(parts, priced, strict=True):
        assert one["cost_share"] == pytest.approx(usd / sum(priced), abs=0.02)


def test_the_loosest_slo_is_kept_by_whoever_keeps_those_of_all_tenants(tmp_path: Path) -> None:
    slo = load(write(tmp_path, text=SMALL)).scenario.slo
    assert load(write(tmp_path, text=SMALL)).scenario.loosest_slo() == slo
    found = load(write(tmp_path, text=TEXT)).scenario.loosest_slo()
    assert (found.ttft, found.tpot, found.e2e) == (None, None, None), "search has no ttft, chat no e2e"
    assert found.attainment == min(slo.attainment, 0.99)
