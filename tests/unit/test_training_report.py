"""The page of a training: everything that was decided on, for people, in one file that believes no title."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from domain.catalogue import EMPTY, Catalogue, Drama
from juliu.commands.models import told
from recommender.errors import Refused
from recommender.training import job
from recommender.training.folder import KEPT, clear_up, place, put
from recommender.training.order import Order
from recommender.training.outcome import Outcome
from recommender.training.registry import Decision, Entry
from recommender.training.report import page
from tests.memory_recommendations import MemoryRecommendationStore
from tests.training_twin import MIDNIGHT_MS, QUICK, SMALL, Doings, MemoryRegistry, two_tastes_daily

EVIL = "<script>alert('x')</script>&"
CATALOGUE = Catalogue.of(
    Drama(drama_id=1_000 + index, index=index, title=EVIL if index % 2 else f"剧 {index}", durations=[1])
    for index in range(1, 60)
)
VOID = {"meta", "path"}


class Structure(HTMLParser):
    """Tags are closed in order; what stands in them, by heading."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: dict[str, str] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert not any(
            value and re.match(r"\s*(https?:|javascript:)", value) for name, value in attrs if name != "xmlns"
        )
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h1", "h2"):
            self.headings[tag + str(len(self.headings))] = ""
        if tag == "tr":
            self.tables.setdefault(self.heading, []).append([])
        if tag in ("td", "th"):
            self.tables[self.heading][-1].append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings[list(self.headings)[-1]] += data
        elif {"td", "th"} & set(self.open):
            self.tables[self.heading][-1][-1] += data + " "

    @property
    def heading(self) -> str:
        return list(self.headings.values())[-1]


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Published, refused, overruled, and one without anything to learn from."""
    store, models, found = MemoryRecommendationStore(), MemoryRegistry(), []
    good = two_tastes_daily()
    little = good.where(good.user <= 30)
    for doings, overrule in ((good, ""), (little, ""), (little, EVIL), (good.where(good.user < 0), "")):
        order = Order(limits=SMALL, catalogue=CATALOGUE, overrule=overrule)
        try:
            job.run(doings, store, models, MIDNIGHT_MS, QUICK, order=order, tell=found.append, wait_s=0)
        except Refused:
            continue
    return found


def test_a_page_has_numbers_with_intervals_beside_the_version_before(outcomes):
    text = page(outcomes[2])
    found = Structure(text)
    assert found.open == []
    rows = {row[0].strip(): row for row in found.tables["Measured on 2026-09-21, and of what is published"]}
    assert len(rows[""]) == 3  # this one, and the first
    for name in ("recall@50", "trend.ndcg@20", "over_trend.hit@10", "uauc", "item-hit@10"):
        entry = outcomes[2].entry
        low, high = entry.metrics[f"{name}.low"], entry.metrics[f"{name}.high"]
        assert rows[name][1].split() == [f"{entry.metrics[name]:.4f}", f"{low:.4f}–{high:.4f}"]
    assert f"{outcomes[0].entry.metrics['recall@50']:.4f}" in rows["recall@50"][2]
    assert rows["coverage@20"][1].strip()


def test_a_page_has_lists_of_ten_dramas_with_titles_hubs_and_a_picture(outcomes):
    text = page(outcomes[0])
    found = Structure(text)
    head, *samples = found.tables["People also watched"]
    assert head[0].strip() == "drama"
    assert len(samples) == 10
    assert all(row[2].count(",") == 9 for row in samples)
    assert any("剧" in row[0] for row in samples)
    assert len(found.tables["In most lists"]) == 11
    picture = ET.fromstring(re.search(r"<svg.*</svg>", text, re.DOTALL)[0])
    assert len(picture.findall("{*}polyline")) == 3


def test_a_page_believes_no_title_and_needs_nothing_else(outcomes):
    for outcome in outcomes:
        text = page(outcome)
        assert "<script" not in text
        assert not re.search(r"(src|href)=|@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text)
    assert "&lt;script&gt;" in page(outcomes[0])


def test_a_page_says_what_was_decided_and_why(outcomes):
    assert f"Published as {outcomes[0].entry.version}; before: nothing." in page(outcomes[0])
    refused = page(outcomes[1])
    assert f"Refused, {outcomes[0].entry.version} is served on: 30 viewers, fewer than half of the 80" in refused
    assert "of what would have been published" in refused
    assert "because a person overruled the gate (&lt;script&gt;" in page(outcomes[2])
    nothing = Structure(page(outcomes[3]))
    assert "People also watched" not in nothing.headings.values()
    assert "nobody has watched anything" in page(outcomes[3])


def test_without_a_catalogue_dramas_have_numbers(outcomes):
    text = page(Outcome(outcomes[0].entry, (), outcomes[0].known, outcomes[0].made, EMPTY))
    assert re.search(r"<td>no\. \d+</td>", text)


def test_what_was_not_measured_stands_there(outcomes):
    store, told_ = MemoryRecommendationStore(), []
    two = Doings(*(column[:2] for column in vars(two_tastes_daily()).values()))
    job.run(two, store, MemoryRegistry(), MIDNIGHT_MS, QUICK, tell=told_.append, wait_s=0)
    found = Structure(page(told_[0]))
    assert {row[0].strip() for row in found.tables["Not measured"][1:]} == {"coverage@20", "top-item@10", "listed",
                                                                          "volume", "lists", "item-hit@10"}  # fmt: skip


def test_the_latest_pages_stay_in_the_folder(tmp_path):
    for number in range(KEPT + 3):
        path = place(tmp_path / "reports", Entry(at_ms=number, decision=Decision.PUBLISHED, version=f"v{number}"))
        put(path, f"page {number}")
        os.utime(path, ns=(number, number))
    other = tmp_path / "reports" / "mine.html"
    other.write_text("stays")
    clear_up(tmp_path / "reports")
    left = {path.name for path in other.parent.iterdir()}
    assert left == {"mine.html", *(f"train-v{number}.html" for number in range(3, KEPT + 3))}
    assert (other.parent / f"train-v{KEPT}.html").read_text() == f"page {KEPT}"


def test_a_refused_training_has_a_page_of_its_own_name(tmp_path):
    entry = Entry(at_ms=7, as_of_ms=5, decision=Decision.REFUSED)
    assert place(tmp_path, entry).name == "train-5-refused-7.html"


def test_one_version_is_shown_line_by_line(outcomes):
    lines = list(told(outcomes[2].entry))
    assert lines[0].startswith("published ")
    assert f"overruled by a person: {EVIL}" in lines
    assert any(re.fullmatch(r"  recall@50 +\d\.\d{4}   \d\.\d{4} to \d\.\d{4}", line) for line in lines)
    assert list(told(Entry(at_ms=1, decision=Decision.ROLLED_BACK, version="a", before="b", reason="worse")))
