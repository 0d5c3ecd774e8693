"""The command line called in-process, and the tiny scenario that its tests run."""

import io
import json
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcost.cli.main import main

TINY = """\
scenario: tiny
model: llama-3.2-1b
horizon: 10min
seeds: 2
workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}
slo: {ttft: 1s, attainment: 95%}
plans:
  - name: one
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
  - name: scaled
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: target-concurrency, target: 2, min: 1, max: 3, start: 2, scale_down_delay: 1min}
"""
LOG = "arrival,prompt_tokens,output_tokens\n0,100,10\n0.5,120,12\n2,90,8\n300,100,10\n"
FOLDER = "out"


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """stdout, which must be one JSON document and nothing else."""
        found = json.loads(self.out, parse_constant=lambda word: 1 / 0)
        assert isinstance(found, dict)
        return found


def call(*words: object) -> Said:
    """Run one command; argparse's exits are exit codes too."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(list(map(str, words)))
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    assert "Traceback" not in err.getvalue()
    return Said(code, out.getvalue(), err.getvalue())


def refused(*words: object) -> str:
    """What a command that must be refused as bad input says on stderr; nothing may stand on stdout."""
    said = call(*words)
    assert said.code == 2, said
    assert said.out == ""
    assert said.err.strip()
    return said.err


def scenario(folder: Path, *changes: tuple[str, str], text: str = TINY) -> Path:
    """The tiny scenario with parts of its text replaced; each part must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file = folder / "tiny.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def trace(folder: Path, text: str = LOG, name: str = "log") -> Path:
    """A stored trace of a small log."""
    (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    stored = folder / f"{name}.parquet"
    said = call("trace", "import", folder / f"{name}.csv", "--format", "csv", "-o", stored, "--quiet")
    assert said.code == 0, said.err
    return stored


def contents(folder: Path, but: Sequence[str] = ()) -> dict[str, bytes]:
    """Every file under a folder, by its relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }
