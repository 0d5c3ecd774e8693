"""Questions of the page of autoscaling: each becomes the arguments of a command."""

from pathlib import Path

import streamlit as st

from views.ask import Question
from views.files import Words, beside, choose, manifests


def replay(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost autoscale replay`."""
    words: Words = [
        "autoscale",
        "replay",
        choose("Manifest", manifests(scenarios), "manifest"),
        choose("Recorded metrics", beside(scenarios), "metrics"),
    ]
    if st.checkbox("Replicas follow what it asks for, not the recording"):
        words += ["--closed-loop"]
    with st.expander("Names"):
        name = st.text_input("Object of the manifest", placeholder="where it holds several").strip()
        words += [f"--name={name}"] if name else []
        renamed = st.text_input("Metrics recorded under other names", placeholder="queue=vllm:num_requests_waiting")
        words += [f"--metric={pair.strip()}" for pair in renamed.split(",") if pair.strip()]
        columns = st.text_input("Columns of other names", placeholder="value=VALUE, timestamp=time")
        words += [f"--map={pair.strip()}" for pair in columns.split(",") if pair.strip()]
    return words


QUESTIONS: dict[str, Question] = {"What would this autoscaler have done?": replay}
