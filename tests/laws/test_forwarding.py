"""Laws of requests that services send on to others: conservation, sums of latencies, shares that are drawn once."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenarios import SERVICES, write

from simcost.ledger.answers import Answers
from simcost.ledger.request_tables import OUTCOMES
from simcost.ledger.requests import LatencyLimits
from simcost.scenario.checks.load import load_with_services
from simcost.scenario.runs.forwarding import ForwardedRequests, ForwardingRun, joined, numbers_there
from simcost.scenario.runs.resolve_services import settle_services
from simcost.scenario.runs.run import run
from simcost.scenario.runs.service_stages import list_stages, placed
from simcost.scenario.runs.serving_runs import ServingRun
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.scenario.schema.services import Cascade, Forwarding, ServiceFallback
from simcost.scenario.storage.ledgers import load_ledger
from simcost.trace.requests.batch import RequestBatch, concat, merge

pytestmark = pytest.mark.slow

Document = dict[str, Any]
ONE = "chat: {scaling: {kind: fixed, replicas: 1}"
TWO = "chat: {scaling: {kind: fixed, replicas: 2}"


def result(folder: Path, *changes: tuple[str, str]) -> Document:
    folder.mkdir(exist_ok=True)
    return run(load_with_services(write(folder, *changes, text=SERVICES)), folder / "out")


def runs(folder: Path, plan: str, replication: int) -> dict[str, ServingRun]:
    """The runs of a plan by service."""
    loaded = load_with_services(folder / "small.yaml")
    assert isinstance(loaded, LoadedServices)
    found = placed(list_stages(settle_services(loaded, seed=None, seeds=None), folder / "out" / "runs"))
    return {name: found[plan, name, replication] for name in loaded.services}


def cascade(text: str, rest: str) -> tuple[str, str]:
    return text, f"{text}, cascade: {{to: search, {rest}}}"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return result(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Document]:
    """A fifth of the answers of a plan goes on, a quarter of those of the other."""
    folder = tmp_path_factory.mktemp("quarter")
    return folder, result(folder, cascade(ONE, "escalate: 20%"), cascade(TWO, "escalate: 25%, with_answer: true"))


def services(document: Document, plan: int) -> tuple[Document, Document]:
    chat, search = document["plans"][plan]["services"]
    return chat, search


def test_nothing_escalated_is_no_cascade(plain: Document, tmp_path: Path) -> None:
    none = result(tmp_path, cascade(ONE, "escalate: 0%"))
    assert none["plans"] == plain["plans"]
    assert none["assumptions"] == plain["assumptions"]


def test_a_plan_without_a_cascade_is_not_changed_by_one_with(plain: Document, tmp_path: Path) -> None:
    other = result(tmp_path, cascade(TWO, "escalate: 50%"))
    assert other["plans"][0] == plain["plans"][0]


def test_every_answer_arrives_where_all_are_escalated(plain: Document, tmp_path: Path) -> None:
    chat, search = services(result(tmp_path, cascade(ONE, "escalate: 100%")), 0)
    own = services(plain, 0)[1]["requests"]["arrived"]
    assert chat["escalated"] == chat["requests"]["completed"]
    assert search["requests"]["arrived"] == own + chat["escalated"]


def test_requests_and_dollars_are_conserved(plain: Document, quarter: tuple[Path, Document]) -> None:
    for place, plan in enumerate(quarter[1]["plans"]):
        chat, search = plan["services"]
        assert chat["requests"] == services(plain, place)[0]["requests"]
        assert search["requests"]["arrived"] == services(plain, place)[1]["requests"]["arrived"] + chat["escalated"]
        assert search["received"] == chat["escalated"]
        assert plan["cost_usd"]["total"] == pytest.approx(chat["cost_usd"]["total"] + search["cost_usd"]["total"])
        assert chat["final_attainment"] == chat["slo"]["attainment"] <= chat["own_attainment"]
        assert not plan["slo"]["met"] or chat["slo"]["met"]


def test_the_share_is_drawn_within_binomial_bounds(quarter: tuple[Path, Document]) -> None:
    for plan, share in zip(quarter[1]["plans"], (0.2, 0.25), strict=True):
        chat = plan["services"][0]
        count = chat["requests"]["completed"]
        assert abs(chat["escalated"] - share * count) <= 4 * (share * (1 - share) * count) ** 0.5


def test_what_is_sent_on_arrives_there_at_the_end_of_the_first_answer(quarter: tuple[Path, Document]) -> None:
    folder = quarter[0]
    for plan in ("one", "two"):
        for replication in range(2):
            own = runs(folder, plan, replication)
            [incoming], target = own["search"].incoming, own["search"].folder / "outcomes.parquet"
            sent, there = incoming.requests(), Answers.read(target)
            first = Answers.read(incoming.rows).of(sent.numbers)
            own_requests = settled(folder).questions["search"].source
            assert own_requests is not None
            [numbers] = numbers_there(own_requests.batches(replication), [sent])
            found = there.of(numbers)
            left = found.status > 0
            assert left.sum() > 20
            assert found.arrival_s[left] == pytest.approx((first.arrival_s + first.e2e_s)[left], abs=1e-8)
            prompt = first.prompt_tokens + (first.output_tokens if plan == "two" else 0)
            assert (found.prompt_tokens == prompt)[left].all()
            assert (found.output_tokens == first.output_tokens)[left].all()


def test_a_client_is_sent_one_answer(quarter: tuple[Path, Document]) -> None:
    """Answers that further ones replace were billed as egress, beside those that reach the client."""
    folder = quarter[0]
    charges = pq.read_table(folder / "out/tables/charges.parquet").to_pylist()
    for plan in ("one", "two"):
        for replication in range(2):
            own = runs(folder, plan, replication)
            [incoming] = own["search"].incoming
            sent = incoming.requests()
            replaced = Answers.read(incoming.rows).of(sent.numbers).output_tokens.sum()
            made = sum(load_ledger(run.folder).outcomes.generated_tokens for run in own.values())
            out = [
                charge["consumed_quantity"]
                for charge in charges
                if (charge["plan"], charge["replication"], charge["sku"]) == (plan, replication, "egress")
            ]
            assert sum(out) == pytest.approx((made - replaced) * 250 / 1e9, rel=1e-9)
            assert replaced > 0


def test_answers_of_an_api_that_are_replaced_take_nothing_from_the_traffic_of_the_nodes(tmp_path: Path) -> None:
    """They were taken off as if the replicas had sent them: where an API answers most, no traffic was billed."""
    api = "overflow: {api: deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct, ttft: 400ms, tpot: 15ms}"
    busy = f"{ONE}, admission: {{max_ongoing: 1, max_queued: 0}}, {api}, cascade: {{to: search, escalate: 60%}}"
    document = result(tmp_path, ("rate: 0.5/s", "rate: 4/s"), (ONE, busy))
    chat = document["plans"][0]["services"][0]
    assert chat["overflow"]["requests"] > 0.5 * chat["requests"]["completed"]
    charges = pq.read_table(tmp_path / "out/tables/charges.parquet").to_pylist()
    own = [load_ledger(runs(tmp_path, "one", replication)["chat"].folder) for replication in range(2)]
    others = [load_ledger(runs(tmp_path, "one", replication)["search"].folder) for replication in range(2)]
    out = sum(one["consumed_quantity"] for one in charges if (one["plan"], one["sku"]) == ("one", "egress"))
    sent = out - sum(ledger.gb_out for ledger in others)
    assert sent == pytest.approx(0.4 * sum(ledger.gb_out for ledger in own), rel=0.1)


def settled(folder: Path) -> Any:
    loaded = load_with_services(folder / "small.yaml")
    assert isinstance(loaded, LoadedServices)
    return settle_services(loaded, seed=None, seeds=None)


def test_a_larger_share_takes_the_same_requests_and_more(quarter: tuple[Path, Document]) -> None:
    fifth, more = (
        ForwardingRun(
            source="chat",
            rows=runs(quarter[0], "one", 0)["chat"].folder / "outcomes.parquet",
            forwarding=Forwarding(cascade=Cascade(to="search", escalate=share)),
            limits=LatencyLimits(),
            seed=1,
            replication=0,
        ).requests()
        for share in (0.2, 0.4)
    )
    assert len(fifth) < len(more)
    assert set(fifth.numbers) < set(more.numbers)


def test_answers_that_go_nowhere_are_those_of_the_run(quarter: tuple[Path, Document]) -> None:
    run_of_chat = runs(quarter[0], "two", 0)["chat"]
    ledger = load_ledger(run_of_chat.folder)
    again = Answers.read(run_of_chat.folder / "outcomes.parquet", ledger.outcomes.arrived).outcomes(
        ledger.outcomes, ledger.horizon_s
    )
    assert again.windows.equals(ledger.outcomes.windows)
    assert (again.histograms == ledger.outcomes.histograms).all()
    assert (again.completed, again.in_system) == (ledger.outcomes.completed, ledger.outcomes.in_system)
    assert again.prompt_tokens == ledger.outcomes.prompt_tokens


def test_runs_that_are_found_again_give_the_same_result(quarter: tuple[Path, Document]) -> None:
    folder, first = quarter
    again = run(load_with_services(folder / "small.yaml"), folder / "out")
    assert json.dumps(again) == json.dumps(first)
    resolved = folder / "out" / "scenario.yaml"
    assert run(load_with_services(resolved), folder / "again")["plans"] == first["plans"]


def test_what_is_not_answered_falls_back_and_is_judged_there(tmp_path: Path) -> None:
    busy = (
        ("rate: 0.5/s", "rate: 20/s"),
        (ONE, f"{ONE}, admission: {{max_ongoing: 2, max_queued: 1}}, fallback: {{to: search}}"),
    )
    chat, search = services(result(tmp_path, *busy), 0)
    rejected = chat["requests"]["rejected"]
    assert chat["fell_back"] == rejected > 1000
    assert chat["escalated"] == 0
    assert search["received"] == rejected
    assert chat["final_attainment"] > chat["own_attainment"]


def rows_file(folder: Path, name: str, *rows: tuple[int, float, str, int, int, float | None, float]) -> Path:
    columns = zip(*[(*row, 0, 0) for row in rows], strict=True)
    pq.write_table(pa.table([list(column) for column in columns], schema=OUTCOMES), folder / name)
    return folder / name


def test_latencies_add_up_as_by_hand(tmp_path: Path) -> None:
    first = rows_file(
        tmp_path,
        "small.parquet",
        (0, 1.0, "completed", 100, 11, 0.5, 1.5),
        (2, 3.0, "rejected", 70, 5, None, 0.25),
        (1, 2.0, "completed", 50, 21, 0.5, 2.5),
        (3, 4.0, "rejected", 70, 5, None, 9.0),
    )
    link = ForwardingRun(
        source="small",
        rows=first,
        forwarding=Forwarding(cascade=Cascade(to="large", escalate=1.0), fallback=ServiceFallback(to="large")),
        limits=LatencyLimits(ttft_s=3.0),
        seed=1,
        replication=0,
    )
    sent = link.requests()
    assert sent.numbers.tolist() == [0, 2, 1]  # the last one is past its limit when it fails
    assert sent.batch.arrival_ns.tolist() == [2_500_000_000, 3_250_000_000, 4_500_000_000]
    assert sent.escalated.tolist() == [True, False, True]
    second = rows_file(
        tmp_path,
        "large.parquet",
        (0, 2.5, "completed", 100, 11, 2.0, 3.0),
        (1, 3.25, "timed_out", 70, 5, None, 4.0),
    )
    final = Answers.read(first).sent_on(sent.numbers, Answers.read(second, 3).of(np.arange(3)))
    assert final.ttft_s[0] == 1.5 + 2.0
    assert final.e2e_s[0] == 1.5 + 3.0
    assert final.e2e_s[2] == 0.25 + 4.0
    assert final.status.tolist() == [1, 0, 3, 2]
    assert final.completed.tolist() == [True, False, False, False]
    assert final.sent_on_s[[0, 1, 2]].tolist() == [1.5, 2.5, 0.25]


@given(
    own=st.lists(st.integers(0, 9), max_size=20),
    sent=st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=3),
)
def test_numbers_there_are_places_in_the_merged_stream(own: list[int], sent: list[list[int]]) -> None:
    def batch(times: list[int], tokens: int) -> RequestBatch:
        count = len(times)
        return RequestBatch(
            np.array(sorted(times), np.int64), np.arange(1, count + 1, dtype=np.int32), np.full(count, tokens, np.int32)
        )

    own_batch, batches = batch(own, 1), [batch(times, 2 + i) for i, times in enumerate(sent)]
    merged = concat(list(merge([iter([own_batch]), *(iter([one]) for one in batches)])))
    requests = [ForwardedRequests(np.arange(len(one)), np.ones(len(one), np.bool_), one) for one in batches]
    for i, (numbers, one) in enumerate(zip(numbers_there(iter([own_batch]), requests), batches, strict=True)):
        assert (merged.output_tokens[numbers] == 2 + i).all()
        assert (merged.prompt_tokens[numbers] == one.prompt_tokens).all()
    assert list(joined(iter([own_batch]), ())) == [own_batch]
