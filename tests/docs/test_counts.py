"""Numbers of the pages that a change of the catalog or of a benchmark leaves behind."""

import re
from pathlib import Path

from simcost.catalog import load_catalog

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


def test_the_catalog_has_as_much_as_the_first_page_says() -> None:
    facts = load_catalog().facts
    page = text("docs/README.md")
    offers = {(one.provider, one.sku) for one in facts.offers}
    providers = {one.provider for one in facts.offers}
    assert f"{len(facts.accelerators)} accelerators, {len(facts.models)} models" in page
    assert f"{len(facts.offers)} offers of {len(offers)} instance types at {len(providers)} providers" in page


def test_accelerators_without_a_datasheet_are_those_that_the_guide_names() -> None:
    facts = load_catalog().facts
    known = {one.name for one in facts.accelerators}
    unknown = sorted(
        {one.accelerator.upper() for one in facts.offers if one.accelerator} - {one.upper() for one in known}
    )
    assert f"prices but no datasheet ({', '.join(unknown)})" in text("docs/guides/costs.md")


def test_the_speed_that_is_promised_is_that_of_the_benchmark() -> None:
    """The week of 44 million requests: seconds and memory of the row with the default router."""
    row = re.search(r"\| least-outstanding \| ([\d.]+) \|.*?\| (\d+) MB \|", text("docs/benchmarks.md"))
    assert row is not None
    for page in ("README.md", "docs/README.md"):
        assert f"44 million requests over 150 replicas in {row[1]} CPU seconds and {row[2]} MB" in text(page)
