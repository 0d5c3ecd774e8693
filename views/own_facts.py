"""The question of the page of the catalog that adds facts, of price lists and models, to a folder of the scenarios."""

from pathlib import Path

from simcost.catalog.prices.importer import FORMATS
from views import fields
from views.ask import Question
from views.files import Chosen, Words

FOLDER = "facts"
"""Beside the scenarios: `catalog: facts` in one of them."""
LISTS = {
    "Your quotes": "own",
    "AWS Price List": "aws",
    "Azure Retail Prices": "azure",
    "Google Cloud SKUs": "gcp",
    "SkyPilot, vms.csv": "skypilot",
    "gpuhunt": "gpuhunt",
    "Prices per token, genai-prices": "genai-prices",
}
"""Kinds of price lists with their formats."""
MODEL = "A model, its config.json"
KINDS = ("csv", "json", "jsonl", "gz", "zst", "bz2")
_ONLY = "Instance types after commas; `p5.*` for all that begin so. Empty: all of the list."
_DAY = "Day on which you fetched the list. Empty: the one that the list states."


def ask(scenarios: Path, results: Path) -> Words:  # noqa: ARG001  # as the other questions
    """`simcost prices import`, or `simcost catalog import`."""
    kind = fields.choice("What it is", [*LISTS, MODEL])
    file = Chosen(None, fields.upload("File", KINDS, "own facts"))
    into: Words = ["-o", Chosen(scenarios / FOLDER)]
    if kind == MODEL:
        name = fields.text("Name of the model", placeholder="as scenarios call it").strip()
        parameters = fields.text("Parameters", placeholder="e.g. 8.03e9; as counted").strip()
        words: Words = ["catalog", "import", file, *into, f"--name={name}"]
        words += [f"--parameters={parameters}"] if parameters else []
        return words if name else [*words, Chosen(None)]
    form = LISTS[kind]
    words = ["prices", "import", file, f"--format={form}"]
    if FORMATS[form].one_provider:
        words += [f"--provider={fields.text('Provider', placeholder='e.g. gcp').strip()}"]
    day = fields.text("Day of the list", placeholder="e.g. 2026-07-20", help=_DAY).strip()
    words += [f"--as-of={day}"] if day else []
    only = fields.text("Only these", placeholder="p5.*, g6e.xlarge", help=_ONLY)
    types = [word.strip() for word in only.split(",") if word.strip()]
    return [*words, *(["--only", *types] if types else []), *into]


ADD = Question(
    ask=ask,
    needs="A price list of a provider, your own quotes (a row a price), or the `config.json` of a model. What is read "
    f"is written to the folder `{FOLDER}` beside the scenarios, and what is not believed is kept out and told.",
    fields={
        "--as-of": "Day of the list",
        "--format": "What it is",
        "--name": "Name of the model",
        "--only": "Only these",
        "--parameters": "Parameters",
        "--provider": "Provider",
    },
    button="Import",
)
