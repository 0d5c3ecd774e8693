"""Observations of several engines in one, and loads that are given although the output states its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.observed_runs import rows, serve, write_folder

from simcost.catalog import load_catalog
from simcost.errors import TraceError
from simcost.studies.calibration.engine import engine_of
from simcost.trace.observed import Configuration, read_observation
from simcost.trace.observed.load import Load


def point(model: str | None, concurrency: int) -> dict[str, Any]:
    document: dict[str, Any] = serve(concurrency)
    if model is None:
        del document["model_id"]
        return document
    return document | {"model_id": model}


MODELS = ([None, "a", "b"], ["a", None, "b"], ["a", "a", "b"])


@pytest.mark.parametrize("models", MODELS)
def test_points_of_several_models_are_refused_whichever_file_states_its_model(
    tmp_path: Path, models: list[str | None]
) -> None:
    files = [tmp_path / f"{number}.json" for number in range(3)]
    for number, (file, model) in enumerate(zip(files, models, strict=True), 1):
        file.write_text(json.dumps(point(model, number)), encoding="utf-8")
    with pytest.raises(TraceError, match=r"2\.json: is of model 'b', .*\.json of 'a'; calibrate each alone"):
        read_observation(files)


@pytest.mark.parametrize("models", MODELS)
def test_lines_of_several_models_are_refused(tmp_path: Path, models: list[str | None]) -> None:
    file = tmp_path / "appended.jsonl"
    lines = [json.dumps(point(model, number)) for number, model in enumerate(models, 1)]
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(TraceError, match=r"appended\.jsonl: is of model 'b', and of 'a'; calibrate each alone"):
        read_observation([file])


def unused(found: Any) -> list[str]:
    return [finding["message"] for finding in found.findings if finding["kind"] == "unused_option"]


def test_a_load_that_the_output_states_itself_is_told(tmp_path: Path) -> None:
    file = tmp_path / "point.json"
    file.write_text(json.dumps(serve(8)), encoding="utf-8")
    [told] = unused(read_observation([file], Load(concurrency=64, span_s=60.0, prompt_tokens=7)))
    assert "--concurrency, --input-len, --span changed nothing" in told
    assert not unused(read_observation([file], Load(concurrency=8)))
    assert not unused(read_observation([file], Load(rate_per_s=3.0)))  # its own rate is none: inf
    assert not unused(read_observation([file]))
    folder = write_folder(tmp_path / "run", rows(30))
    [told] = unused(read_observation([folder], Load(concurrency=5, output_tokens=9)))
    assert "--concurrency, --output-len changed nothing" in told


def test_settings_that_only_an_accelerator_uses_are_told_without_one() -> None:
    def told(**spec: Any) -> str:
        engine = engine_of(Configuration(), Configuration(), load_catalog(), spec)
        return str(next(one["message"] for one in engine.findings if one["kind"] == "no_accelerator"))

    assert "changed nothing" not in told(precision="bf16", kv_precision="bf16", memory_utilisation=0.92)
    assert "--precision, --memory-utilisation changed nothing" in told(precision="fp8", memory_utilisation=0.8)


def test_lines_that_are_in_a_log_again_count_once_and_are_told(tmp_path: Path) -> None:
    lines = [line | {"request_id": f"r{number}"} for number, line in enumerate(rows(30))]
    once = read_observation([write_folder(tmp_path / "once", lines)]).run
    found = read_observation([write_folder(tmp_path / "twice", [*lines, *lines[:7]])])
    assert found.run is not None
    assert once is not None
    assert found.run.arrival_s.tolist() == once.arrival_s.tolist()
    [told] = [finding for finding in found.findings if finding["kind"] == "repeated"]
    assert (told["count"], ":31:" in told["message"]) == (7, True)


def test_requests_that_share_a_name_are_told(tmp_path: Path) -> None:
    lines = [line | {"request_id": f"r{number % 20}"} for number, line in enumerate(rows(30))]
    found = read_observation([write_folder(tmp_path / "joined", lines)])
    assert found.run is not None
    [told] = [finding for finding in found.findings if finding["kind"] == "repeated_id"]
    assert (len(found.run), told["count"]) == (30, 10)


def test_requests_without_a_name_are_all_counted(tmp_path: Path) -> None:
    without = [{name: value for name, value in line.items() if name != "request_id"} for line in rows(30)]
    for folder, lines in (("without", without), ("null", [line | {"request_id": None} for line in without])):
        found = read_observation([write_folder(tmp_path / folder, lines)])
        assert found.run is not None
        assert len(found.run) == 30
        assert not [finding for finding in found.findings if finding["kind"].startswith("repeated")]
