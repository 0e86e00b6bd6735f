"""The report of a run: complete, inert whatever models wrote, the same in HTML and Markdown."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_builders import judged, make_run
from typer.testing import CliRunner

import gra
from gra.cli.app import app
from gra.records import Opinion, Sample, Status
from gra.report.chapters import document_of
from gra.report.findings import difficulties, findings_of
from gra.report.html_page import to_html
from gra.report.markdown_page import plain, to_markdown
from gra.report.worth import KEPT, KINDS, Worthy
from gra.store.reader import Reader

SCRIPT = "<script>alert(1)</script>"
HOSTILE = (
    f"\"'></title></style></svg>{SCRIPT}<img src=x onerror=alert(2)> [link](javascript:alert(3)) `code` | cell "
    "\x1b[2J\u202eesrever\u2066 \ud800 http://evil.example/ www.evil.example <!-- &lt; ]]> {{7*7}}"
)
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "dl", "div", "dt", "dd", "nav", "ul",
    "li", "a", "section", "p", "b", "code", "figure", "figcaption", "table", "caption", "thead", "tbody", "tr", "th",
    "td", "article", "svg", "desc", "text", "rect", "line", "polyline", "circle",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "aria-label", "aria-labelledby", "href", "id", "scope",
    "tabindex", "role", "viewbox", "xmlns", "x", "y", "width", "height", "rx", "x1", "y1", "x2", "y2", "points", "cx",
    "cy", "r", "text-anchor",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser would make of a page, as far as it matters here."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        found = dict(attributes)
        self.links += [str(found["href"])] if "href" in found else []
        self.ids |= {str(found["id"])} if "id" in found else set()
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag, "tags are closed in their order"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def hostile(index: int) -> Sample:
    sample = judged(index)
    version = sample.versions[0]
    response = HOSTILE if index % 2 else "x" * 1_000_000
    return replace(
        sample,
        domain=HOSTILE,
        keywords=(HOSTILE,),
        instruction=f"{HOSTILE} {index}",
        versions=(replace(version, response=response),),
        reason=HOSTILE,
        similarity=0.9,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("report"), [judged(n, similarity=n / 500) for n in range(200)]).path


def pages(folder: Path) -> tuple[str, str]:
    with Reader(gra.load(folder)._reader.run) as reader:
        document = document_of(findings_of(reader))
    return to_html(document), to_markdown(document)


def test_the_command_writes_both_pages(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(folder), "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    page, text = Path(told["html"]).read_text("utf-8"), Path(told["markdown"]).read_text("utf-8")
    for chapter in (
        "What was asked", "What came out", "Scores and lengths", "Agreement", "What the reviewers favour",
        "Calibration", "What each reviewer decides", "Rulings and people", "Revisions",
        "Diversity", "Difficulty", "Groups of people", "Contamination",
        "Cost and energy",
        "The 20 samples most worth a look",
    ):  # fmt: skip
        assert chapter in page and f"## {chapter}" in text, chapter
    assert "Vendi score" in page and "distinct-2" in text and "Not measured: instruction-following difficulty" in text
    assert page.count("<svg") >= 4 and page.count("<article>") == 20
    assert f"gra show {folder} r0" in text
    with gra.load(folder) as run:
        assert run.write_report() == folder / "export" / "report.html"


def test_a_page_is_one_file_without_script_that_links_into_itself(folder: Path) -> None:
    page = Page(pages(folder)[0])
    assert page.tags <= ALLOWED and page.attributes <= ATTRIBUTES and not page.open
    assert page.links and all(link[0] == "#" and link[1:] in page.ids for link in page.links)


def test_whatever_models_write_is_text(tmp_path: Path) -> None:
    run = make_run(tmp_path, [hostile(n) for n in range(12)])
    html, markdown = pages(run.path)
    page = Page(html)
    assert page.tags <= ALLOWED and page.attributes <= ATTRIBUTES and not page.open
    assert any("<script>alert(1)</script>" in text for text in page.texts), "it is shown, as text"
    assert all(link.startswith("#c") for link in page.links)
    for forbidden in ("\x1b", "\u202e", "\u2066", "\ud800"):
        assert forbidden not in html and forbidden not in markdown
    assert len(html) < 300_000 and len(markdown) < 150_000, "long lines are cut"
    assert "<" not in markdown and not re.search(r"(?<!\\)\]\(", markdown)
    assert not re.search(r"(?<!\\)[`|]", plain(HOSTILE)) and "http://" not in markdown and "www." not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert rows and all(len(re.findall(r"(?<!\\)\|", row)) > 2 for row in rows)


def test_figures_are_those_of_the_run(folder: Path) -> None:
    with Reader(gra.load(folder)._reader.run) as reader:
        found = findings_of(reader, searches={"none of it": lambda s: False, "all of it": lambda s: True})
    accepted = found.report.accepted
    assert sum(found.scores["accepted"]) == accepted == sum(found.lengths) == found.skew_texts
    assert sum(map(sum, found.scores.values())) == 200
    seeds, few, every, whole = found.corpora
    assert seeds.texts == few.texts == every.texts == 6 and whole.texts == accepted == whole.vectors
    assert seeds.words == few.words and all(d is not None and 0 < d <= 1 for c in found.corpora for d in c.distinct)
    assert whole.vendi and 1 < whole.vendi < 24 and whole.nearest and 0.5 < whole.nearest.mean <= 1
    assert found.coverage is not None and found.coverage_of_seeds == 1.0
    assert found.contamination == {"none of it": 0, "all of it": accepted}
    assert "all of it" in to_markdown(document_of(found))


def test_what_is_a_benchmarks_is_counted(folder: Path, tmp_path: Path) -> None:
    with gra.load(folder) as run:
        one = next(run.accepted)
    (tmp_path / "bench.jsonl").write_text(json.dumps({"question": f"{one.instruction} {one.response}"}))
    asked = ["report", str(folder), "--out", str(tmp_path), "--contamination", str(tmp_path / "bench.jsonl")]
    assert CliRunner().invoke(app, asked).exit_code == 0
    rows = [row for row in (tmp_path / "report.md").read_text().splitlines() if "bench.jsonl" in row]
    assert len(rows) == 1 and int(rows[0].split("|")[2]) >= 1
    missing = CliRunner().invoke(app, [*asked[:-1], "nowhere.jsonl"])
    assert missing.exit_code != 0 and "nowhere.jsonl" in missing.stderr


def test_samples_worth_a_look_are_of_every_kind_and_told_once() -> None:
    worthy = Worthy()
    for n in range(100):
        worthy.add(judged(n, similarity=n / 100))
    worthy.add(judged(0, versions=()))
    found = worthy.found()
    assert len(found) == KEPT == len({worth.id for worth in found})
    assert {worth.kind for worth in found} == set(KINDS)
    passed = [judged(n) for n in range(100) if judged(n).status is Status.ACCEPTED]
    lowest = min(passed, key=lambda s: s.score)
    assert lowest.id in {worth.id for worth in found}
    longest = max(passed, key=lambda s: len(s.response))
    assert longest.id in {worth.id for worth in found}


def test_difficulty_is_the_ratio_of_losses() -> None:
    """exp: a response with a loss of 2 given its instruction, and of 3 alone."""
    sample = judged(0)
    version = sample.versions[0]

    def measured(name: str, value: float) -> Opinion:
        share = 1 / (1 + 2.718281828459045**-value)
        return Opinion(f"@{name}.tiny", "response", "written", {"evidence": share})

    both = (*version.opinions, measured("likelihood", -2.0), measured("information", 1.0))
    assert difficulties(replace(sample, versions=(replace(version, opinions=both),))) == {"tiny": pytest.approx(2 / 3)}
    assert difficulties(replace(sample, versions=(replace(version, opinions=both[:-1]),))) == {}


def test_a_run_without_samples_has_a_report(tmp_path: Path) -> None:
    html, markdown = pages(make_run(tmp_path, []).path)
    assert Page(html).tags <= ALLOWED and "There is no sample with a response yet" in markdown
