"""Retrieval: BM25 and an embedder as a first stage, exact and resumed; embedders that rerank."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pertinence import Embedder, InputError
from pertinence.errors import MissingExtraError
from pertinence.evaluation import Collection, EmbedderSystem, Evaluation, Plan, open_folder
from pertinence.evaluation import dense as dense_module
from pertinence.evaluation.bm25 import Bm25, words
from pertinence.evaluation.collection import TextsInMemory
from pertinence.options import Options
from support.evaluation import Scoring, write_beir


class Words(Embedder):
    """An embedder without a model: a text's vector is the sum of its words'."""

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.embedded: list[str] = []
        self._fail_at = fail_at
        self._options = Options(model="words")
        self.loaded = 0

    @property
    def dims(self) -> int:
        return 64

    def warm_up(self) -> None:
        self.loaded += 1

    def close(self) -> None:
        """There is nothing to close."""

    def embed_query(self, query: str) -> np.ndarray:
        return self._vector(query)

    def embed_documents(self, documents: Sequence[str]) -> np.ndarray:
        if self._fail_at is not None and len(self.embedded) + len(documents) > self._fail_at:
            raise RuntimeError("the power went")
        self.embedded += documents
        return np.stack([self._vector(text) for text in documents])

    def _vector(self, text: str) -> np.ndarray:
        rows = [np.random.default_rng(zlib.crc32(word.encode())).standard_normal(64) for word in words(text)]
        return np.sum(rows, axis=0).astype(np.float32) if rows else np.zeros(64, dtype=np.float32)


class System(EmbedderSystem):
    """Over `Words`, which no files describe."""

    def describe(self) -> dict[str, object]:
        return {"fingerprint": "words"}


@pytest.fixture
def many(tmp_path: Path) -> Collection:
    """Fifty queries over three hundred passages, without a first stage."""
    draw = random.Random(3)
    vocabulary = [f"w{n}" for n in range(200)]
    passages = {f"p{n}": " ".join(draw.choices(vocabulary, k=draw.randint(3, 30))) for n in range(300)}
    queries = {f"q{n}": " ".join(draw.choices(passages[f"p{n}"].split(), k=3)) for n in range(50)}
    qrels = {f"q{n}": {f"p{n}": 1} for n in range(50)}
    return open_folder(write_beir(tmp_path / "many", passages=passages, queries=queries, qrels=qrels))


def nothing(text: str, query: str) -> float:
    return 0.0


def evaluation(collection: Collection, out: Path, **plan: object) -> Evaluation:
    return Evaluation(collection=collection, plan=Plan(top=10, **plan), folder=out)  # type: ignore[arg-type]


# BM25


def test_words_are_told_apart_without_capitals_and_accents() -> None:
    assert words("L'Été, à CÔTÉ : n°3 — Straße") == ["l", "ete", "a", "cote", "n", "3", "strasse"]


def test_bm25_is_robertsons_formula_with_lucenes_inverse_frequency() -> None:
    texts = {"a": "chat noir chat", "b": "chien noir", "c": "un chien et un oiseau"}
    (ranked,) = Bm25(TextsInMemory("corpus", texts)).search([("q", "chat noir")], top=3)
    split = {key: text.split() for key, text in texts.items()}
    average = sum(map(len, split.values())) / 3

    def score(passage: str) -> float:
        total = 0.0
        for word in ("chat", "noir"):
            holding = sum(word in each for each in split.values())
            frequency = split[passage].count(word)
            inverse = np.log(1 + (3 - holding + 0.5) / (holding + 0.5))
            total += inverse * frequency / (frequency + 0.9 * (1 - 0.4 + 0.4 * len(split[passage]) / average))
        return total

    # What shares no word with the query is not retrieved.
    assert ranked.passages == ("a", "b")
    assert ranked.scores == pytest.approx([score("a"), score("b")], rel=1e-5)


def test_a_query_without_a_known_word_retrieves_nothing() -> None:
    index = Bm25(TextsInMemory("corpus", {"a": "chat", "b": "chien"}))
    assert [each.passages for each in index.search([("q", "???"), ("r", "oiseau")], top=2)] == [(), ()]


def test_bm25_is_built_where_there_is_no_first_stage_and_is_the_one_to_improve_on(
    many: Collection, tmp_path: Path
) -> None:
    results = evaluation(many, tmp_path / "out").run([Scoring(nothing)], first_stage="bm25")
    base, tied = results.systems
    assert (base.name, base.kind) == ("BM25", "first stage")
    assert base.estimates["MRR@10"].mean > 0.8
    # A model that ties them all leaves the first stage's order as it is.
    assert tied.values.tolist() == base.values.tolist()


def test_the_data_at_hand_gives_the_run_that_comes_with_it(data: Path, tmp_path: Path) -> None:
    collection = open_folder(data / "piaf-fr", "dev")
    assert collection.run is not None
    given = {each.query: each.passages for each in collection.run.read()}
    found = Bm25(collection.corpus)
    asked = list(collection.queries.items())[:50]
    same = [each.passages[:1] == given[each.query][:1] for each in found.search(asked, top=10)]
    assert np.mean(same) >= 0.9


def test_what_has_no_first_stage_says_so_and_another_name_is_refused(
    many: Collection, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="comes without a first stage: take bm25"):
        evaluation(many, tmp_path).run([], first_stage="run")
    with pytest.raises(InputError, match="must be run, bm25 or an embedder, not 'splade'"):
        evaluation(many, tmp_path).run([], first_stage="splade")


def test_without_the_extra_it_is_named(
    many: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for package in ("bm25s", "ir_measures"):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, package, None)
            with pytest.raises(MissingExtraError, match=r"pip install 'pertinence\[evaluation\]'"):
                evaluation(many, tmp_path).run([], first_stage="bm25")


# An embedder


def expected(collection: Collection, top: int) -> dict[str, list[str]]:
    """By hand: all cosines at once."""
    model, passages = Words(), dict(collection.corpus)
    rows = np.stack([model._vector(text) for text in passages.values()])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = list(passages)
    return {
        query: [ids[place] for place in np.argsort(-(rows @ model._vector(text)), kind="stable")[:top]]
        for query, text in collection.queries.items()
    }


def held(file: Path) -> dict[str, list[str]]:
    import json

    rows = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    return {row[0]: row[1] for row in rows}


def test_an_embedder_retrieves_exactly_in_any_chunks(
    many: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense_module, "_PASSAGES_AT_ONCE", 37)
    monkeypatch.setattr(dense_module, "_QUERIES_AT_ONCE", 7)
    system = System("words", Words())
    results = evaluation(many, tmp_path).run([Scoring(nothing), system], first_stage=system)
    assert held(tmp_path / "words-retrieval-first-stage.jsonl") == expected(many, 10)
    assert [each.name for each in results.systems] == ["words retrieval", "scoring", "words"]
    # Reranking by cosine what was retrieved by cosine changes nothing.
    assert results.systems[2].values == pytest.approx(results.systems[0].values)


def test_it_is_evaluated_as_retriever_and_as_reranker_and_embeds_no_passage_twice(
    many: Collection, tmp_path: Path
) -> None:
    system = System("words", Words())
    results = evaluation(many, tmp_path).run([system], first_stage="bm25", retrieval=[system])
    assert [(each.name, each.kind) for each in results.systems] == [
        ("BM25", "first stage"),
        ("words retrieval", "retrieval"),
        ("words", "embedder"),
    ]
    assert sorted(system.embedder.embedded) == sorted(text for _, text in many.corpus)  # type: ignore[attr-defined]


def test_an_embedder_that_only_reranks_embeds_what_it_meets_once(many: Collection, tmp_path: Path) -> None:
    system = System("words", Words())
    evaluation(many, tmp_path).run([system], first_stage="bm25")
    embedded: list[str] = system.embedder.embedded  # type: ignore[attr-defined]
    met = {each for mine in held(tmp_path / "BM25-first-stage.jsonl").values() for each in mine}
    assert set(embedded) == set(many.corpus.texts(sorted(met)))


def test_embedding_that_was_stopped_goes_on_even_within_a_vector(
    many: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense_module, "_EMBEDDED_AT_ONCE", 50)
    first = System("words", Words(fail_at=120))
    with pytest.raises(RuntimeError, match="the power went"):
        evaluation(many, tmp_path).run([first], first_stage=first)
    file = tmp_path / "words-passages.f32"
    assert file.stat().st_size == 100 * 64 * 4
    with file.open("ab") as rows:
        rows.write(b"half a vector")
    second = System("words", Words())
    evaluation(many, tmp_path).run([second], first_stage=second)
    assert len(second.embedder.embedded) == 200  # type: ignore[attr-defined]
    assert held(tmp_path / "words-retrieval-first-stage.jsonl") == expected(many, 10)


def test_vectors_of_another_model_are_refused(many: Collection, tmp_path: Path) -> None:
    class Other(System):
        def describe(self) -> dict[str, object]:
            return {"fingerprint": "others"}

    system, other = System("words", Words()), Other("words", Words())
    evaluation(many, tmp_path).run([system], first_stage=system)
    (tmp_path / "words-retrieval-first-stage.jsonl").unlink()
    with pytest.raises(InputError, match="vectors of another model or other passages"):
        evaluation(many, tmp_path).run([other], first_stage=other)


def test_a_real_embedder_is_told_by_its_files(
    many: Collection, tmp_path: Path, model_folder: Callable[[str], Path]
) -> None:
    from support.embedders import build_embedder

    folder = build_embedder("tiny-embedder", tmp_path / "model")
    with Embedder(str(folder)) as embedder:
        system = EmbedderSystem("model", embedder)
        results = evaluation(many, tmp_path / "out", queries=5).run(
            [system], first_stage="bm25", retrieval=[system]
        )
    facts = results.systems[1].facts
    assert (len(facts["fingerprint"]), facts["backend"]) == (64, facts["backend"])
    assert str(folder) not in str(results)
