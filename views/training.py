"""Questions of the page of training: each becomes the arguments of a command."""

from pathlib import Path
from typing import get_args

import streamlit as st

from simcost.catalog import load_catalog
from simcost.plan.scheduling import Quotas, Scheduler
from simcost.studies.training_cost.inputs import OPTIONS
from views import fields
from views.ask import Question
from views.files import Words, beside, choose, finished, renamed

SPOT = ("greedy", "uniform-progress", "up-plain", "spot-only")


def run_cost(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost train estimate`."""
    catalog = load_catalog()
    models = [model.name for model in catalog.facts.models]
    cards = [card.name for card in catalog.facts.accelerators]
    words: Words = ["train", "estimate", fields.choice("Model", models)]
    words += _given({"--tokens": fields.text("Tokens trained on", "2e9")})
    words += _given({"--on": fields.choice("Accelerator", cards, index=cards.index("h100-sxm"))})
    compared = fields.check("Compare training methods")
    if compared:
        words += ["--compare"]
        student = fields.choice("Distil into", models, index=None, placeholder="no student")
        words += _given({"--student": student, "--serve-tokens": fields.text("Output tokens served later")})
    else:
        words += _method(models)
    words += _given(
        {
            "--gpus": fields.text("GPUs (empty: their number is searched)", "64"),
            "--price": fields.text("Price of a GPU-hour (empty: the catalog's)"),
        }
    )
    if not compared:
        words += _given(
            {
                "--deadline": fields.text("Deadline", placeholder="e.g. 14d"),
                "--budget": fields.text("Budget", placeholder="e.g. $50000"),
            }
        )
    with st.expander("Layout, failures, other prices"):
        words += _given(
            {
                "--precision": fields.choice("Precision", ("bf16", "fp8")),
                "--tp": fields.text("Tensor parallelism"),
                "--pp": fields.text("Pipeline stages"),
                "--sequence": fields.text("Tokens of a sequence", placeholder="4096"),
                "--mfu": fields.text("Measured MFU"),
                "--failure-rate": fields.text("Failures per node and day", placeholder="as published"),
                "--job-failures": fields.text("And per day whatever the size"),
                "--failure-model": fields.text("Failure model", placeholder="weibull=0.7"),
                "--correlated": fields.text("Nodes lost at once", placeholder="200/0.01/6h"),
                "--spot": fields.text("Spot price of a GPU-hour"),
                "--interruptions": fields.text("Spot interruptions per node and day"),
                "--owned": fields.text("Your own hardware, per GPU-hour"),
            }
        )
    return words


def _method(models: list[str]) -> Words:
    method = fields.choice("Method", list(OPTIONS), index=1)
    words = _given({"--method": method})
    if method == "distill":
        words += _given({"--teacher": fields.choice("Teacher", models, index=1)})
    if method == "pruned":
        words += _given({"--kept-share": fields.text("Share of the weights kept", "0.5")})
    if method == "transfer":
        words += _given({"--trained-share": fields.text("Share of the weights trained", "0.25")})
    return words


def queue(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost train size`."""
    words: Words = ["train", "size", choose("Job log", beside(scenarios, "jobs.csv.gz"), "job log")]
    words += renamed("gpus=NGPUS", "job log")
    kinds = [policy().kind for policy in get_args(Scheduler) if policy is not Quotas]
    policies = fields.choices("Policies", kinds, ["fifo-skip", "easy-backfill"])
    words += [f"--policy={policy}" for policy in policies]
    words += _given(
        {
            "--wait": fields.text("Longest wait", "1h"),
            "--percentile": _count("Percentile of the wait", 99, 95),
            "--node": _count("GPUs of a node", 1000, 8),
            "--gpus": fields.text("A size to look at besides", placeholder="e.g. 64"),
            "--price": fields.text("Price of a GPU-hour", "2.50"),
        }
    )
    with st.expander("Part of the log"):
        words += _given(
            {
                "--pool": fields.text("Only this pool (queue, partition)"),
                "--since": fields.text("Submitted from then on", placeholder="2026-09-05"),
                "--window": fields.text("Within this time of the first", placeholder="14d"),
                "--timezone": fields.text("Time zone of times without one", placeholder="UTC", key="job timezone"),
            }
        )
    with st.expander("Spot beside reserved GPUs"):
        zone = choose("Availability of spot", [], "spot zone")
        more = _given(
            {
                "--trace": fields.text("Trace of the file", key="zone trace"),
                "--spot": fields.text("Spot price of a GPU-hour", key="zone price"),
            }
        )
    return [*words, "--spot-trace", zone, *more] if zone else words


def spot(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost train spot`."""
    words: Words = [
        "train",
        "spot",
        choose("Availability or prices of spot", beside(scenarios, "spot.csv"), "availability"),
    ]
    words += _given(
        {
            "--trace": fields.text("Traces of the file (* matches)"),
            "--work": fields.text("Time of the run without interruptions", "48h"),
            "--deadline": fields.text("Deadline", "60h"),
            "--changeover": fields.text("Time to move to other nodes", "12min"),
            "--gang": _count("Nodes that run together", 100_000, 1),
            "--on-demand": fields.text("Price of a node-hour on demand", "3.06"),
            "--spot": fields.text("Price of a node-hour on spot (empty: that of the traces)", "0.92"),
        }
    )
    words += [f"--policy={policy}" for policy in fields.choices("Policies", SPOT, ["greedy", "uniform-progress"])]
    more = fields.text("More policies", placeholder="mixed=2, spot-below=$1.20")
    words += [f"--policy={policy.strip()}" for policy in more.split(",") if policy.strip()]
    words += _given({"--starts": _count("Starts on each trace", 10_000, 300)})
    if fields.check("The traces are zones: the job may move"):
        words += ["--any-zone"]
    return words


def waste(scenarios: Path, results: Path) -> Words:
    """`simcost waste`."""
    listed = [*beside(scenarios, "jobs.csv.gz"), *finished(results)]
    file = choose("Utilisation, job log or result", listed, "utilisation")
    simulated = file.upload is None and file.path is not None and file.path.is_dir()
    words: Words = ["waste", file]
    if simulated:
        return words + _given(
            {
                "--plan": fields.text("Plan (empty: the best)"),
                "--price": fields.text("Price of a GPU-hour (empty: the bill's)"),
            }
        )
    prices = fields.text("Price of a GPU-hour", "2.50", help="Of GPUs of several models: H100=2.50, L4=0.80")
    words += [f"--price={part.strip()}" for part in prices.split(",") if part.strip()]
    words += _given({"--timezone": fields.text("Time zone", "UTC")})
    words += renamed("duty=gpu_util", "utilisation")
    rows = fields.text("Rows with", placeholder="gpu_model=H100")
    words += [f"--where={part.strip()}" for part in rows.split(",") if part.strip()]
    gpus = fields.text("GPUs, of a job log", placeholder="64, or long=48, short=16")
    return words + [f"--gpus={part.strip()}" for part in gpus.split(",") if part.strip()]


def _count(label: str, most: int, usual: int) -> str:
    """A whole number from 1 up; the usual one where the field is empty, of which a browser would say the least."""
    asked = fields.number(label, 1, most, None, placeholder=str(usual))
    return str(usual if asked is None else asked)


def _given(options: dict[str, str | None]) -> Words:
    """Those that were filled in, each as one word, so that no value is taken for an option."""
    return [f"{option}={value.strip()}" for option, value in options.items() if value and value.strip()]


QUESTIONS: dict[str, Question] = {
    "What does this run cost?": Question(
        ask=run_cost,
        needs="Time and cost of one training run, with a low and a high end. Fill in what you know.",
        fields={
            "--tokens": "Tokens trained on",
            "--serve-tokens": "Output tokens served later",
            "--gpus": "GPUs",
            "--deadline": "Deadline",
            "--kept-share": "Share of the weights kept",
            "--trained-share": "Share of the weights trained",
            "--tp": "Tensor parallelism",
            "--pp": "Pipeline stages",
            "--sequence": "Tokens of a sequence",
            "--mfu": "Measured MFU",
            "--failure-rate": "Failures per node and day",
            "--job-failures": "And per day whatever the size",
            "--failure-model": "Failure model",
            "--correlated": "Nodes lost at once",
            "--spot": "Spot price of a GPU-hour",
            "--interruptions": "Spot interruptions per node and day",
            "--owned": "Your own hardware, per GPU-hour",
        },
    ),
    "How many GPUs does our queue need?": Question(
        ask=queue,
        needs="A job log: for each job `submit_time`, `duration_s` and `num_gpus`, as schedulers such as Slurm log it.",
        fields={
            "--wait": "Longest wait",
            "--gpus": "A size to look at besides",
            "--pool": "Only this pool",
            "--since": "Submitted from then on",
            "--window": "Within this time of the first",
            "--timezone": "Time zone of times without one",
            "--trace": "Trace of the file",
            "--spot": "Spot price of a GPU-hour",
        },
    ),
    "Should this run use spot?": Question(
        ask=spot,
        needs="Availability of spot nodes over time (`timestamp`, `available`), or their prices (`timestamp`, "
        "`price_usd_h`).",
        fields={
            "--trace": "Traces of the file",
            "--work": "Time of the run without interruptions",
            "--deadline": "Deadline",
            "--changeover": "Time to move to other nodes",
            "--on-demand": "Price of a node-hour on demand",
            "--spot": "Price of a node-hour on spot",
            "--policy": "Policies",
        },
    ),
    "Where do our GPU-hours go?": Question(
        ask=waste,
        needs="Utilisation of GPUs over time as DCGM exports it (`timestamp`, `gpu`, `DCGM_FI_DEV_GPU_UTIL`), a job "
        "log (`submit_time`, `duration_s`, `num_gpus`) with the number of GPUs, or a finished result.",
        fields={"--plan": "Plan", "--gpus": "GPUs, of a job log"},
    ),
}
