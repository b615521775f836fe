"""The report: a table, JSON, a run for other tools, and a page that needs nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pytest

from pertinence.evaluation import (
    PROTOCOLS,
    Collection,
    Evaluation,
    Plan,
    Question,
    Results,
    SystemResult,
    open_folder,
)
from pertinence.evaluation.checkpoint import Ranked
from pertinence.evaluation.html import page
from pertinence.evaluation.report import Report, shown_p
from pertinence.evaluation.results import Estimate
from pertinence.evaluation.svg import Point, Row, differences, dots_and_whiskers, scatter
from pertinence.evaluation.trec import RunWriter
from support.evaluation import Scoring, write_beir


def right(query: str, text: str) -> float:
    return float(text.split()[-1] in query)


def wrong(query: str, text: str) -> float:
    return -right(query, text)


@pytest.fixture
def results(collection: Collection, tmp_path: Path) -> Results:
    evaluation = Evaluation(
        collection=collection,
        plan=Plan(),
        folder=tmp_path / "out",
        runs=tmp_path / "runs",
        published=lambda system: {"MAP": 0.25} if system == "right" else None,
    )
    return evaluation.run([Scoring(right, "right"), Scoring(wrong, "wrong & <b>bold</b>")])


@pytest.fixture
def report(results: Results) -> Report:
    return Report.of([results], Plan().to_dict())


def test_systems_are_compared_with_the_first_stage_and_with_each_other(results: Results) -> None:
    pairs = [(each.first, each.second) for each in results.comparisons if each.measure == "nDCG@10"]
    bad = "wrong & <b>bold</b>"
    assert pairs == [("bm25", "right"), ("bm25", bad), ("right", bad)]
    best = next(each for each in results.comparisons if each.measure == "MRR@10" and each.second == "right")
    # It puts q0 right; q1 and q3 were right before, and of q2 there was nothing to find.
    assert (best.won, best.lost, best.tied) == (1, 0, 3)
    assert best.difference == pytest.approx(0.5 / 4)
    assert best.p <= best.p_holm <= 1


def test_queries_that_were_won_and_lost_are_told_with_their_passages(results: Results) -> None:
    won = [each for each in results.questions if each.system == "right"]
    assert [each.query for each in won] == ["what about bread", "what about roses"]
    assert won[0] == Question(
        system="right",
        against="bm25",
        query="what about bread",
        measure="nDCG@10",
        before=won[0].before,
        after=won[0].after,
        relevant="passage 0 about bread",
        rank_before=2,
        rank_after=1,
        best_before="passage 1 about trains",
        best_after="passage 0 about bread",
    )
    others = [each for each in results.questions if each.system != "right"]
    assert not all(each.won for each in others)


def test_the_table_has_means_intervals_cards_and_tests(report: Report) -> None:
    table = report.table()
    assert table.startswith("small/dev: 4 queries, 8 passages\n")
    assert re.search(r"^right +\S+ ±\S+ .*\(card 0\.2500\)", table, re.MULTILINE)
    assert re.search(
        r"^right - bm25 +\+0\.\d{4} +\S+\.\.\S+ +\d\.\d{3} +\d\.\d{3} +2/0/2$", table, re.MULTILINE
    )
    assert "1 of 5 queries have no relevant passage" in table


def test_the_json_says_all_of_it_and_can_be_read_back(report: Report) -> None:
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    (results,) = data["results"]
    assert [each["name"] for each in results["systems"]] == ["bm25", "right", "wrong & <b>bold</b>"]
    assert results["systems"][1]["measures"]["MAP"]["published"] == 0.25
    assert results["systems"][1]["facts"] == {"fingerprint": "right"}
    assert {"difference", "low", "high", "p", "p_holm", "won", "lost", "tied"} <= results["comparisons"][
        0
    ].keys()
    assert data["plan"]["top"] == 100


def test_several_collections_have_a_mean_in_which_each_counts_alike(results: Results, tmp_path: Path) -> None:
    folder = write_beir(
        tmp_path / "other",
        passages={"a": "on bread", "b": "on snow"},
        queries={"x": "what about snow"},
        qrels={"x": {"b": 1}},
        run={"x": ["a", "b"]},
    )
    other = Evaluation(collection=open_folder(folder), plan=Plan(), folder=tmp_path / "out2").run(
        [Scoring(right, "right")]
    )
    protocol = PROTOCOLS["mmarco-fr-500"]
    report = Report.of([results, other], {}, protocol, {"right": {"MRR@10": 0.7}})
    # Only systems that every collection has.
    assert [each.system for each in report.means] == ["bm25", "right"]
    assert report.means[1].means["MRR@10"] == pytest.approx((0.75 + 1) / 2)
    assert "0.8750 (card 0.7000)" in report.table()
    assert "comparable, no more" in report.table()
    assert "comparable, no more" in page(report)


class Reading(HTMLParser):
    """What a page holds, and that its tags close in order."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input", "line", "circle", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID or tag in ("circle", "path"):
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def test_the_page_needs_nothing_else_and_its_tags_close(report: Report) -> None:
    text = page(report)
    reading = Reading()
    reading.feed(text)
    assert reading.opened == []
    names = {tag for tag, _ in reading.tags}
    assert {"table", "svg", "details", "blockquote"} <= names
    assert not names & {"script", "link", "img", "iframe", "object"}
    attributes = [name for _, each in reading.tags for name in each]
    assert not {"src", "href", "onclick", "onload"} & set(attributes)
    assert "http" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_nothing_from_data_or_names_is_read_as_html(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"' on"
    folder = write_beir(
        tmp_path / "evil",
        passages={"a": f"{evil} bread", "b": f"{evil} snow"},
        queries={"x": f"{evil} what about snow"},
        qrels={"x": {"b": 1}},
        run={"x": ["a", "b"]},
    )
    results = Evaluation(collection=open_folder(folder), plan=Plan(), folder=tmp_path / "o").run(
        [Scoring(right, "<img src=x onerror=alert(1)>")]
    )
    text = page(Report.of([results], {}))
    assert results.questions
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_system_alone_and_without_times_makes_a_page_too() -> None:
    alone = SystemResult(
        name="alone",
        kind="reranker",
        facts={},
        estimates={"MAP": Estimate(mean=0.0, low=0.0, high=0.0)},
        values=np.zeros((1, 1)),
        milliseconds=None,
        pairs_per_second=None,
        passages=0,
        truncated=None,
    )
    results = Results(
        name="one",
        queries=1,
        passages=None,
        measures=("MAP",),
        headline="MAP",
        systems=(alone,),
        comparisons=(),
    )
    report = Report.of([results], {})
    assert "alone" in page(report)
    assert "alone" in report.table()


# Plots


def test_plots_are_well_formed_and_stay_within_their_sheet() -> None:
    rows = [
        Row(name="a & b", ours=True, cells=[(0.5, 0.4, 0.6, 0.55), (1.0, 1.0, 1.0, None)]),
        Row(name="x" * 99, ours=False, cells=[(0.0, 0.0, 0.0, None), (0.2, 0.1, 0.3, None)]),
    ]
    points = [Point(name=f"p{n}", milliseconds=10.0**n, mean=n / 4, low=n / 5, high=n / 3) for n in range(4)]
    moved = np.linspace(-1, 1, 5000)
    for picture in (
        dots_and_whiskers(rows, ["MAP", "R@10"]),
        scatter(points, "MAP", ("base", 0.4)),
        scatter(points[:1], "MAP", None),
        differences(moved, "a", "b", "MAP"),
        differences(np.zeros(3), "a", "b", "MAP"),
    ):
        root = ElementTree.fromstring(picture)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        assert len(picture) < 20_000
        for element in root.iter():
            for name, limit in (("x1", width), ("x2", width), ("cx", width), ("y1", height), ("cy", height)):
                if name in element.attrib:
                    assert 0 <= float(element.attrib[name]) <= limit, (element.tag, element.attrib)


def test_a_p_is_never_shown_as_nothing() -> None:
    assert [shown_p(each) for each in (0.0001, 0.0123, 1.0)] == ["<0.001", "0.012", "1.000"]


# Runs


def test_a_run_means_the_same_to_other_tools_even_where_scores_tie(
    results: Results, tmp_path: Path, folder: Path
) -> None:
    run = list(ir_measures.read_trec_run(str(tmp_path / "runs" / "right.trec")))
    qrels = [
        each
        for each in ir_measures.read_trec_qrels(str(folder / "qrels" / "dev.trec"))
        if each.query_id != "q4"
    ]
    names: dict[str, Any] = {
        "nDCG@10": ir_measures.nDCG @ 10,
        "MRR@10": ir_measures.RR @ 10,
        "MAP": ir_measures.AP,
    }
    theirs = ir_measures.calc_aggregate(list(names.values()), qrels, run)
    for name, measure in names.items():
        assert results.systems[1].estimates[name].mean == pytest.approx(theirs[measure], abs=1e-9)


def test_scores_in_a_run_fall_strictly_in_float32(tmp_path: Path) -> None:
    scores = (0.75, 0.75, 0.75 - 1e-9, -1e30, -1e30)
    with RunWriter(tmp_path / "r.trec", "two words") as writer:
        writer.write(Ranked(query="q", passages=("a", "b", "c", "d", "e"), scores=scores))
    rows = [line.split() for line in (tmp_path / "r.trec").read_text().splitlines()]
    assert [row[2] for row in rows] == ["a", "b", "c", "d", "e"]
    written = [np.float32(row[4]) for row in rows]
    assert all(first > second for first, second in pairwise(written))
    assert (rows[0][3], rows[0][4], rows[0][5]) == ("1", "0.75", "two-words")
