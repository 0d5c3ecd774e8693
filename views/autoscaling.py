"""Questions of the page of autoscaling: each becomes the arguments of a command."""

from pathlib import Path

import streamlit as st

from views import fields
from views.ask import Question
from views.files import MANIFESTS, Words, beside, choose, manifests, renamed


def replay(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost autoscale replay`."""
    words: Words = [
        "autoscale",
        "replay",
        choose("Manifest", manifests(scenarios), "manifest", MANIFESTS),
        choose("Recorded metrics", beside(scenarios, "metrics.csv.gz"), "metrics"),
    ]
    if fields.check("Replicas follow what it asks for, not the recording"):
        words += ["--closed-loop"]
    start = fields.number("Replicas at the start", 0, 10_000, None, placeholder="as recorded")
    words += [f"--start={start}"] if start is not None else []
    with st.expander("Names"):
        name = fields.text("Object of the manifest", placeholder="where it holds several").strip()
        words += [f"--name={name}"] if name else []
        others = fields.text("Metrics recorded under other names", placeholder="queue=vllm:num_requests_waiting")
        words += [f"--metric={pair.strip()}" for pair in others.split(",") if pair.strip()]
        words += renamed("value=VALUE, time=TS", "metrics")
        zone = fields.text("Time zone of times without one", placeholder="UTC").strip()
        words += [f"--timezone={zone}"] if zone else []
    return words


QUESTIONS: dict[str, Question] = {
    "What would this autoscaler have done?": Question(
        ask=replay,
        needs="The manifest of an autoscaler (HPA, KEDA, Knative, Ray Serve, Dynamo, AWS target tracking), and a "
        "recording of the metrics that it reads: `timestamp`, `replicas` and a column for each metric, or an export of "
        "Prometheus. A manifest and a day of metrics are there to try.",
        fields={
            "--metric": "Metrics recorded under other names",
            "--timezone": "Time zone of times without one, under Names",
        },
    )
}
