"""Writes what is generated from the schema classes: `python -m simcost.scenario.generate` in the repository."""

from __future__ import annotations

import json
from pathlib import Path

from simcost.scenario.reference import reference_markdown
from simcost.scenario.schema import json_schema


def generated() -> dict[str, str]:
    """Path in the repository to text, for all generated files."""
    return {
        "scenarios/scenario.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        "docs/reference/scenario.md": reference_markdown(),
    }


if __name__ == "__main__":
    for name, text in generated().items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
