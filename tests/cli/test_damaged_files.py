"""Files that once ended in a traceback or lost rows, if they lie beside the checkout."""

import json
import re
import shlex
from pathlib import Path

import pytest
from support.commands import call

ACTUAL = "timestamp,value\n" + "".join(
    f"2024-03-{day:02d}T{hour:02d}:00:00Z,{hour}\n" for day in range(20, 31) for hour in range(24)
)
MALL = "t_s,in_flight\n" + "".join(f"{15 * i},{3 + i % 9}\n" for i in range(200))


def commands(shared: Path) -> dict[str, str]:
    """By folder, the command of the table that lies with the files."""
    table = (shared / "cases" / "tracebacks" / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([a-z0-9-]+) \| `([^`]+)` \|", table, re.MULTILINE))


def test_damaged_files_end_in_words(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = shared / "cases" / "tracebacks"
    if not folders.is_dir():
        pytest.skip(f"no cases at {folders}")
    (tmp_path / "buy.yaml").write_text("purchasing: on demand\n", encoding="utf-8")
    (tmp_path / "actual.csv").write_text(ACTUAL, encoding="utf-8")
    (tmp_path / "mall.csv").write_text(MALL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    tried = 0
    for folder, command in commands(shared).items():
        for file in (folders / folder).glob("fuzz.*"):
            said = call(*(str(file) if word == file.name else word for word in shlex.split(command)))
            assert "Exception ignored" not in said.err, folder
            assert said.code in (0, 2), (folder, said)
            assert said.code == 0 or file.name in said.err, (folder, said)
            if said.code == 0 and "--json" in command:
                json.loads(said.out, parse_constant=lambda word: 1 / 0)
            tried += 1
    assert tried >= 27
