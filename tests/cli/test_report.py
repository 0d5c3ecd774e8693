"""`simcost report`: the review of a finished run, on every format; its money is that of the result."""

import json
import shutil
from collections.abc import Iterator
from math import isclose
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.browsing import CHROMIUM, DRIVER, NEEDED, chromium
from support.commands import FOLDER, Said, call, scenario

from simcost.cli.report import read_run
from simcost.errors import InputError
from simcost.present.format import usd
from simcost.scenario.storage.results import folder_of_inputs
from simcost.studies.review import pdf
from simcost.studies.review.result import Review
from simcost.studies.review.study import review
from simcost.studies.review.summary import LARGEST, markdown
from simcost.studies.review.view import sections
from simcost.units import Formatted


@pytest.fixture
def run(home: Path, finished: Said, tmp_path: Path) -> Path:
    """A copy of the finished run, without its stored ledgers."""
    assert finished.code == 0, finished.err
    return Path(shutil.copytree(home / FOLDER, tmp_path / "run", ignore=shutil.ignore_patterns("runs")))


def _composed(folder: Path) -> tuple[Review, list[Any]]:
    document, shown, parts = read_run(folder)
    found = review(folder, document, shown, date="2026-01-01")
    return found, sections(found, parts)


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, int | float):
        yield float(value)


def test_every_amount_of_money_is_a_number_of_the_result(run: Path) -> None:
    """Prices at which the decision flips, and sums of small uses, have laws of their own."""
    known = list(_numbers(json.loads((run / "result.json").read_text(encoding="utf-8"))))
    _, laid_out = _composed(run)
    cells = [
        (name, cell)
        for section in laid_out
        for part in section.parts
        for row in part.rows or ()
        for name, cell in row.items()
        if "$" in cell and name not in ("Figure", "Flips at", "Other")
    ]
    assert len(cells) > 20
    for name, cell in cells:
        assert isinstance(cell, Formatted), (name, cell)
        assert any(isclose(cell.value, number, rel_tol=1e-9, abs_tol=1e-12) for number in known), (name, cell)


def test_uses_add_up_to_the_cost_and_quantities_at_their_price_to_the_charges(run: Path) -> None:
    found, laid_out = _composed(run)
    parts = {part.title: part for section in laid_out for part in section.parts}
    for row in parts["USD a month, by use"].rows or ():
        amounts = {name: cell.value for name, cell in row.items() if isinstance(cell, Formatted)}
        assert isclose(amounts.pop("Total"), sum(amounts.values()), rel_tol=1e-9)
    compute = [charge for charge in found.charges if charge.unit == "h"]
    assert compute
    for one in compute:
        assert one.list_unit_price_usd is not None
        assert isclose(one.quantity * one.list_unit_price_usd, one.usd, rel_tol=1e-9)


def test_a_changed_number_is_seen_in_every_text(run: Path, tmp_path: Path) -> None:
    document = json.loads((run / "result.json").read_text(encoding="utf-8"))
    document["plans"][0]["cost_usd"]["per_month"] = 8765.0
    (run / "SHA256SUMS").unlink()
    (run / "result.json").write_text(json.dumps(document), encoding="utf-8")
    for name in ("review.html", "review.md"):
        assert call("report", run, "-o", tmp_path / name).code == 0
        assert usd(8765.0) in (tmp_path / name).read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "review.html"
    said = call("report", run, "-o", page, "--author", "<Ada>", "--title", "Q3 & Q4", "--json")
    assert said.code == 0, said.err
    assert said.document().keys() >= {"verdict", "recommendation", "decision", "rejected", "flips", "risks", "files"}
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) <= 400_000
    assert "<script" not in text
    assert "src=" not in text
    assert str(tmp_path) not in text
    assert "&lt;Ada&gt;" in text
    assert "Q3 &amp; Q4" in text
    titles = ("Key figures", "Plans compared", "Service level", "Capacity", "Money", "Sensitivity", "Reproduce")
    assert all(f"<h2>{title}</h2>" in text for title in titles)
    assert text.count("<section") == text.count("</section>")
    assert text.count("<div") == text.count("</div>")


def test_markdown_fits_a_comment(run: Path) -> None:
    found, laid_out = _composed(run)
    text = markdown(found, laid_out)
    assert text.startswith("<!-- simcost: tiny -->\n")
    assert f"**{found.recommendation}**" in text
    assert len(text) <= LARGEST
    assert text.count("<details>") == text.count("</details>") > 5
    assert found.scenario.strip() in text


def test_what_is_too_long_for_a_comment_is_left_out_and_said(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, laid_out = _composed(run)
    monkeypatch.setattr("simcost.studies.review.summary.LARGEST", 5000)
    text = markdown(found, laid_out)
    assert len(text) <= 5000
    assert f"**{found.recommendation}**" in text
    assert "left out" in text


@pytest.mark.parametrize("name", ["result.json", "scenario.yaml", "tables/charges.parquet"])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_folder_is_refused(run: Path, tmp_path: Path, name: str, sealed: bool) -> None:
    if not sealed:
        (run / "SHA256SUMS").unlink()
    (run / name).write_bytes(b"{]")
    said = call("report", run, "-o", tmp_path / "review.html")
    assert said.code == 2
    assert "run the scenario again" in said.err or "no finished result" in said.err
    assert not (tmp_path / "review.html").exists()


def test_a_folder_without_its_sums_is_told_of(run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As of a copy that broke off: `verify` called it damaged, and a review was written without a word."""
    (run / "SHA256SUMS").unlink()
    said = call("report", run, "-o", tmp_path / "review.md")
    assert said.code == 0
    assert f"{run}: has no SHA256SUMS: its files may be changed" in caplog.text


def test_a_file_that_is_missing_is_called_missing(run: Path, tmp_path: Path) -> None:
    (run / "tables" / "charges.parquet").unlink()
    said = call("report", run, "-o", tmp_path / "review.md")
    assert (said.code, "(tables/charges.parquet is missing)" in said.err) == (2, True)


@pytest.mark.parametrize("document", ["{}", '{"plans": [{}]}', '{"plans": 3}'])
def test_a_result_without_its_numbers_is_refused(run: Path, tmp_path: Path, document: str) -> None:
    (run / "SHA256SUMS").unlink()
    (run / "result.json").write_text(document, encoding="utf-8")
    said = call("report", run, "-o", tmp_path / "review.md")
    assert said.code == 2
    assert "run the scenario again" in said.err


def test_a_review_is_html_markdown_or_pdf(run: Path, tmp_path: Path) -> None:
    said = call("report", run, "-o", tmp_path / "review.docx")
    assert said.code == 2
    assert ".html, .md, .pdf" in said.err


def test_a_pdf_without_a_browser_says_what_to_do(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    said = call("report", run, "-o", tmp_path / "review.pdf")
    assert said.code == 2
    assert "write the review as .html" in said.err
    assert not (tmp_path / "review.pdf").exists()


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\nexit 0\n"])
def test_a_browser_that_fails_leaves_the_old_file(tmp_path: Path, program: str) -> None:
    browser, file = tmp_path / "browser", tmp_path / "review.pdf"
    browser.write_text(program, encoding="utf-8")
    browser.chmod(0o755)
    file.write_bytes(b"old")
    with pytest.raises(pdf.PrintError, match=r"write the review as \.html"):
        pdf.write_pdf(file, "<p>page</p>", str(browser))
    assert file.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["browser", "review.pdf"]


def test_a_browser_without_room_is_told_from_one_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, file = tmp_path / "browser", tmp_path / "review.pdf"
    browser.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    browser.chmod(0o755)
    with pytest.raises(pdf.PrintError, match="exit code 3"):
        pdf.write_pdf(file, "<p>page</p>", str(browser))
    full = pdf.shutil.disk_usage(tmp_path)._replace(free=4096)
    monkeypatch.setattr(pdf.shutil, "disk_usage", lambda _: full)
    with pytest.raises(InputError, match=r"no room for temporary files: .*TMPDIR"):
        pdf.write_pdf(file, "<p>page</p>", str(browser))
    assert not file.exists()


def test_the_temporary_files_of_a_browser_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chromium leaves some in TMPDIR where it ends early."""
    browser, temporary = tmp_path / "browser", tmp_path / "temporary"
    browser.write_text('#!/bin/sh\necho > "$TMPDIR/left"\nexit 3\n', encoding="utf-8")
    browser.chmod(0o755)
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with pytest.raises(pdf.PrintError):
        pdf.write_pdf(tmp_path / "review.pdf", "<p>page</p>", str(browser))
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("nowhere", "nowhere: no finished result: the folder does not exist; write one with `simcost run"),
        ("empty", "empty: no finished result (result.json: No such file or directory); write one with `simcost run"),
        ("file", "file: is a file, not a folder with a finished result; name the FOLDER of `simcost run"),
    ],
)
def test_a_place_without_a_result_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("file").touch()
    said = call("report", named, "-o", "review.html")
    assert said.code == 2
    assert said.err.startswith(f"simcost: {why}")


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, pdf.BROWSERS)), reason="no Chromium, Chrome or Edge on this machine")
def test_a_pdf_is_printed_on_the_paper_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "review.pdf"
    pdf.write_pdf(file, "<style>@page { size: a4; }</style><p>page</p>", pdf.find_browser())
    assert file.read_bytes().startswith(b"%PDF-")
    assert b"/MediaBox [0 0 594.9" in file.read_bytes()


def test_the_busiest_window_is_that_of_the_table(run: Path) -> None:
    """The mean rate of a run lies between that of its quietest and its busiest window."""
    found, _ = _composed(run)
    assert found.demand is not None
    assert found.demand.busiest_per_s is not None
    assert found.demand.per_s <= found.demand.busiest_per_s
    assert found.demand.requests == found.document["plans"][0]["requests"]["arrived"]


@pytest.mark.slow
@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NEEDED)
@pytest.mark.parametrize("millimetres", [186, 191.9], ids=["a4", "letter"])
def test_no_text_on_paper_is_smaller_than_seven_and_a_half_points(
    run: Path, tmp_path: Path, millimetres: float
) -> None:
    file = tmp_path / "review.html"
    assert call("report", run, "-o", file).code == 0
    with chromium(tmp_path / "profile") as browser:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        width = {"width": round(millimetres / 25.4 * 96), "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", width)
        browser.get(file.as_uri())
        sizes = browser.execute_script(SIZES_PT)
    assert len(sizes) > 100
    assert [one for one in sizes if one[0] < 7.45] == []


SIZES_PT = """
const scale = (e) => {
  const svg = e.closest("svg");
  return svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
};
const own = (e) => [...e.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
return [...document.body.querySelectorAll("*")].filter((e) => own(e) && e.getClientRects().length)
  .map((e) => [parseFloat(getComputedStyle(e).fontSize) * scale(e) * 0.75, e.textContent.slice(0, 40)]);
"""
"""Size of each text that is drawn, and its beginning."""


def test_tokens_of_an_answer_are_of_the_replication_that_is_shown(run: Path) -> None:
    found, _ = _composed(run)
    rows = pq.read_table(run / "tables" / "runs.parquet").to_pylist()
    first = next(row for row in rows if row["plan"] == found.chosen and row["replication"] == 0)
    assert found.demand is not None
    assert found.demand.output_tokens_per_request == first["output_tokens"] / first["completed"]


def test_inputs_that_changed_since_a_result_are_named(
    run: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`simcost advise RUN` simulated another trace than that of the run, and said nothing."""
    monkeypatch.chdir(run.parent)
    (run.parent / "mine.yaml").write_text("scenario: mine\n", encoding="utf-8")
    (run.parent / "trace.parquet").write_bytes(b"new")
    document = json.loads((run / "result.json").read_text(encoding="utf-8"))
    document["provenance"]["inputs"] = {"mine.yaml": "0" * 64, "trace.parquet": "0" * 64}
    (run / "SHA256SUMS").unlink()
    (run / "result.json").write_text(json.dumps(document), encoding="utf-8")
    assert folder_of_inputs(run) == Path()
    assert "trace.parquet has changed since it was run; the answer is of what is there now" in caplog.text


def test_the_command_names_the_folder_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command in the review, and `simcost advise RUN`, looked for the trace beside the scenario."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "my data").mkdir()
    file = scenario(tmp_path / "scenarios")
    assert call("run", file, "--data", "my data", "--out", "out", "--quiet").code == 0
    assert call("report", "out", "-o", "review.md").code == 0
    command = f"simcost run scenarios/{file.name} --data 'my data' --seed"
    assert command in (tmp_path / "review.md").read_text(encoding="utf-8")
    assert folder_of_inputs(Path("out")) == Path("my data")
