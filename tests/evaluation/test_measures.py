"""Measures: those of ir_measures, and those of sentence-transformers' evaluator, to 1e-9."""

from __future__ import annotations

import random
from pathlib import Path

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence.errors import InputError
from pertinence.evaluation import Evaluation, Plan, open_folder
from pertinence.evaluation.measures import headline, measurer, parse_measures
from support.evaluation import Peer, Scoring, write_beir

NAMES = ("RP", "MRR@10", "nDCG@10", "MAP", "R@5", "P@3", "nDCG@3")


def test_measures_are_named_as_papers_name_them_in_any_capitals() -> None:
    assert parse_measures(["ndcg@10", "Map", "rp", "MRR@5", "r@100", "map"]) == (
        *("nDCG@10", "MAP", "RP", "MRR@5", "R@100"),
    )
    assert headline(("RP", "MAP", "MRR@10")) == "MRR@10"
    assert headline(("R@10", "R@100")) == "R@10"


@pytest.mark.parametrize(
    ("name", "saying"),
    [
        ("nDGC@10", "unknown measure 'nDGC@10'; did you mean 'nDCG@10'"),
        ("recall", "unknown measure 'recall'"),
        ("MRR", "measure 'MRR' is written 'MRR@10'"),
        ("MAP@5", "measure 'MAP@5' is written 'MAP'"),
        ("R@0", "unknown measure 'R@0'"),
    ],
)
def test_an_unknown_measure_is_told_with_the_nearest(name: str, saying: str) -> None:
    with pytest.raises(InputError, match=saying.replace("?", r"\?")):
        parse_measures([name])
    with pytest.raises(InputError, match="at least one measure"):
        parse_measures([])


@given(st.randoms(use_true_random=False), st.integers(1, 30), st.integers(0, 4))
def test_query_by_query_they_equal_ir_measures_over_all_queries(
    draw: random.Random, size: int, missed: int
) -> None:
    ids = [f"p{n}" for n in range(size)]
    qrels = {
        f"q{n}": {
            **{each: draw.choice((0, 0, 1, 2)) for each in draw.sample(ids, draw.randint(1, size))},
            **{f"missed{place}": 1 for place in range(missed)},
        }
        for n in range(4)
    }
    rankings = {query: draw.sample(ids, size) for query in qrels}
    run = [
        ir_measures.ScoredDoc(query, passage, 1000.0 - rank)
        for query, ranking in rankings.items()
        for rank, passage in enumerate(ranking)
    ]
    judged = [
        ir_measures.Qrel(query, passage, grade)
        for query, mine in qrels.items()
        for passage, grade in mine.items()
    ]
    theirs = {name: ir_measures.parse_measure(_theirs(name)) for name in NAMES}
    expected = {
        (each.query_id, each.measure): each.value
        for each in ir_measures.iter_calc(list(theirs.values()), judged, run)
    }
    measure = measurer(NAMES)
    for query in qrels:
        wanted = [expected[query, theirs[name]] for name in NAMES]
        assert measure(qrels[query], rankings[query]) == pytest.approx(wanted, abs=1e-9)


def _theirs(name: str) -> str:
    ours, _, cut = name.partition("@")
    return {"RP": "Rprec", "MRR": "RR", "MAP": "AP"}.get(ours, ours) + (f"@{cut}" if cut else "")


@pytest.fixture
def shuffled(tmp_path: Path) -> tuple[Path, dict[tuple[str, str], float]]:
    """Thirty queries over sixty passages, a first stage that finds half of what is relevant, no two equal
    scores, and one query of which nothing relevant is found; one without anything relevant."""
    draw = random.Random(5)
    passages = {f"p{n}": f"text {n}" for n in range(60)}
    queries = {f"q{n}": f"query {n}" for n in range(30)}
    qrels = {query: dict.fromkeys(draw.sample(list(passages), draw.randint(1, 6)), 1) for query in queries}
    run = {query: draw.sample(list(passages), 20) for query in queries}
    run["q3"] = [each for each in run["q3"] if each not in qrels["q3"]]
    scores = draw.sample(range(100_000), len(queries) * len(passages))
    table = {
        (query, text): score / 1e5
        for (query, text), score in zip(
            ((query, text) for query in queries.values() for text in passages.values()), scores, strict=True
        )
    }
    folder = write_beir(tmp_path / "s", passages=passages, queries=queries, qrels=qrels, run=run)
    return folder, table


def test_with_relevant_passages_always_reranked_all_equals_sentence_transformers(
    shuffled: tuple[Path, dict[tuple[str, str], float]], tmp_path: Path
) -> None:
    evaluation = pytest.importorskip("sentence_transformers.cross_encoder.evaluation")
    folder, table = shuffled
    collection = open_folder(folder)
    plan = Plan(
        top=10,
        always_positives=True,
        binary=True,
        without_positives=True,
        measures=("MAP", "MRR@10", "nDCG@10"),
    )
    ours = Evaluation(collection=collection, plan=plan, folder=tmp_path / "out").run(
        [Scoring(lambda query, text: table[query, text])]
    )
    assert collection.run is not None
    samples = [
        {
            "query": collection.queries[each.query],
            "positive": collection.corpus.texts(list(collection.qrels[each.query])),
            "documents": collection.corpus.texts(each.passages[:10]),
        }
        for each in collection.run.read()
    ]
    theirs = evaluation.CrossEncoderRerankingEvaluator(samples, at_k=10, write_csv=False)(Peer(table))
    base, reranked = ours.systems
    for name in ("map", "mrr@10", "ndcg@10"):
        mine = {"map": "MAP", "mrr@10": "MRR@10", "ndcg@10": "nDCG@10"}[name]
        assert reranked.estimates[mine].mean == pytest.approx(theirs[name], abs=1e-9)
        assert base.estimates[mine].mean == pytest.approx(theirs[f"base_{name}"], abs=1e-9)


def test_without_them_theirs_knows_only_the_relevant_passages_that_were_found(
    shuffled: tuple[Path, dict[tuple[str, str], float]], tmp_path: Path
) -> None:
    """Ours divides by all that is relevant, as trec_eval does; where all of it was found, both agree."""
    evaluation = pytest.importorskip("sentence_transformers.cross_encoder.evaluation")
    folder, table = shuffled
    collection = open_folder(folder)
    assert collection.run is not None
    found = {
        each.query: {passage: 1 for passage in each.passages[:10] if passage in collection.qrels[each.query]}
        for each in collection.run.read()
    }
    samples = [
        {
            "query": collection.queries[each.query],
            "positive": collection.corpus.texts(list(collection.qrels[each.query])),
            "documents": collection.corpus.texts(each.passages[:10]),
        }
        for each in collection.run.read()
    ]
    theirs = evaluation.CrossEncoderRerankingEvaluator(
        samples, at_k=10, always_rerank_positives=False, write_csv=False
    )(Peer(table))
    restricted = write_beir(
        tmp_path / "found",
        passages=dict(collection.corpus),
        queries=collection.queries,
        qrels={query: mine or {"p0": 0} for query, mine in found.items()},
        run={each.query: each.passages for each in collection.run.read()},
    )
    plan = Plan(top=10, without_positives=True, measures=("MAP", "MRR@10", "nDCG@10"))

    def reached(folder: Path) -> dict[str, float]:
        results = Evaluation(collection=open_folder(folder), plan=plan, folder=tmp_path / folder.name).run(
            [Scoring(lambda query, text: table[query, text])]
        )
        return {name: each.mean for name, each in results.systems[1].estimates.items()}

    agreed, whole = reached(restricted), reached(folder)
    assert agreed["MAP"] == pytest.approx(theirs["map"], abs=1e-9)
    assert agreed["MRR@10"] == pytest.approx(theirs["mrr@10"], abs=1e-9)
    assert agreed["nDCG@10"] == pytest.approx(theirs["ndcg@10"], abs=1e-9)
    assert whole["MAP"] < agreed["MAP"]
    assert whole["MRR@10"] == agreed["MRR@10"]
