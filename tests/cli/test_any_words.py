"""Whatever words are given: an exit code that we promise, and no traceback."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.commands import call, scenario

VERBS = (
    "run",
    "check",
    "schema",
    "trace",
    "import",
    "describe",
    "synthesize",
    "catalog",
    "list",
    "show",
    "perf",
)
FLAGS = (
    "--json",
    "--quiet",
    "--out",
    "-o",
    "--format",
    "--map",
    "--on",
    "--tp",
    "--precision",
    "--horizon",
    "--where",
    "--time-format",
    "--delimiter",
    "--decimal",
    "--thousands",
    "--kv-precision",
    "--context",
    "--max-num-seqs",
    "--fail-on",
    "--data",
    "--catalog",
    "--on-error",
    "--memory-utilisation",
    "--start",
    "--time-unit",
    "--block-tokens",
    "--",
    "-h",
)
VALUES = (
    "bad.yaml",
    "log.csv",
    "gone",
    ".",
    "",
    "csv",
    "azure-llm",
    "h100",
    "llama-3.1-8b",
    "models",
    "offers",
    "l4",
    "fp8",
    "int4",
    "-1",
    "0",
    "1",
    "8",
    "3",
    "1e9",
    "nan",
    "inf",
    "slo",
    "budget=1",
    "a=b",
    "skip",
    "ms",
    "2024-01-01",
    "\0",
    "\ud800",
    "ä",
    "1h",
)
WORDS = st.lists(st.sampled_from(FLAGS + VALUES) | st.text(max_size=6), max_size=8)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    scenario(tmp_path).rename(tmp_path / "bad.yaml")
    (tmp_path / "bad.yaml").write_text("scenario: [x\nplans: 3\n", encoding="utf-8")
    (tmp_path / "log.csv").write_text("arrival,prompt_tokens\n0,1\n", encoding="utf-8")
    return tmp_path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verbs=st.lists(st.sampled_from(VERBS), max_size=2), words=WORDS)
def test_any_words(here: Path, verbs: list[str], words: list[str]) -> None:
    said = call(*verbs, *words)
    assert said.code in (0, 2)
    assert said.out or said.err


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    verb=st.sampled_from(
        [
            ("perf", "llama-3.1-8b", "--on", "h100"),
            ("check", "bad.yaml"),
            ("run", "bad.yaml"),
            ("trace", "describe", "log.csv"),
            ("catalog", "show"),
            ("catalog", "list"),
            ("trace", "import", "log.csv", "--format", "csv", "-o", "x.parquet"),
            ("trace", "synthesize", "bad.yaml", "--horizon", "1h", "-o", "x.parquet"),
        ]
    ),
    words=WORDS,
)
def test_any_words_after_good_ones(here: Path, verb: tuple[str, ...], words: list[str]) -> None:
    assert call(*verb, *words).code in (0, 2)
