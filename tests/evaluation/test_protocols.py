"""Datasets by id and protocols by name, on tiny sets in the form of the real ones: nothing is fetched."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pertinence.cards import CARDS
from pertinence.cards import PROTOCOLS as ON_CARDS
from pertinence.errors import InputError, OptionError
from pertinence.evaluation import PROTOCOLS, Evaluation, Results, open_data, protocol_named, published
from pertinence.evaluation.hub import NANO_BEIR, NEGATIVES, nano_beir, negatives
from support.evaluation import Peer, Scoring, write_beir, write_jsonl

ir_datasets = pytest.importorskip("ir_datasets")

SMALL_DEV = "mmarco/v2/fr/dev/small"


def register(name: str, folder: Path, *, queries: int, passages: int, candidates: int) -> None:
    """A dataset of these ids in ir_datasets' own formats, as mMARCO has them: TSV and a run without ranks."""
    draw = random.Random(1)
    folder.mkdir(parents=True)
    ids = [str(n) for n in range(passages)]
    (folder / "docs.tsv").write_text("".join(f"{each}\tpassage numéro {each}\n" for each in ids))
    (folder / "queries.tsv").write_text(
        "".join(f"{n}\tquestion {n} ?\n" for n in range(1000, 1000 + queries))
    )
    (folder / "qrels").write_text(
        "".join(f"{n} 0 {draw.choice(ids)} 1\n" for n in range(1000, 1000 + queries))
    )
    (folder / "run.tsv").write_text(
        "".join(
            f"{n}\t{each}\t{rank}\n"
            for n in range(1000, 1000 + queries)
            for rank, each in enumerate(draw.sample(ids, candidates), start=1)
        )
    )
    dataset = ir_datasets.create_dataset(
        str(folder / "docs.tsv"), str(folder / "queries.tsv"), str(folder / "qrels")
    )
    run = ir_datasets.formats.TrecScoredDocs(
        ir_datasets.util.LocalDownload(folder / "run.tsv"), negate_score=True
    )
    whole = ir_datasets.Dataset(dataset, run)
    ir_datasets.registry._registered[name] = whole


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Registers a tiny dataset; the real registry is back afterwards."""
    known = ir_datasets.registry._registered
    monkeypatch.setattr(ir_datasets.registry, "_registered", dict(known))
    count = 0

    def make(name: str, **sizes: int) -> None:
        nonlocal count
        count += 1
        register(name, tmp_path / f"dataset-{count}", **sizes)

    return make


# Datasets by id


def test_a_dataset_is_read_by_its_id_with_its_own_run(registered: Callable[..., None]) -> None:
    registered("tiny/dev", queries=6, passages=40, candidates=10)
    collection = open_data("tiny/dev")
    assert (collection.name, len(collection.qrels), len(collection.queries)) == ("tiny/dev", 6, 6)
    assert collection.corpus.texts(["3", "7"]) == ["passage numéro 3", "passage numéro 7"]
    assert collection.corpus.size == 40
    assert len(list(collection.corpus)) == 40
    assert collection.run is not None
    found = {each.query: each.passages for each in collection.run.read()}
    assert list(found) == [str(n) for n in range(1000, 1006)]
    assert all(len(each) == 10 for each in found.values())
    assert open_data("tiny/dev").digest == collection.digest


def test_a_passage_that_a_dataset_lacks_is_named(registered: Callable[..., None]) -> None:
    registered("tiny/dev", queries=2, passages=5, candidates=3)
    with pytest.raises(InputError, match="tiny/dev lacks 1 of 2 passages, the first is '77'"):
        open_data("tiny/dev").corpus.texts(["1", "77"])


def test_a_part_without_judgements_is_told_and_so_is_a_split(registered: Callable[..., None]) -> None:
    with pytest.raises(InputError, match="the dataset 'mmarco/v2/fr' of ir_datasets has no queries"):
        open_data("mmarco/v2/fr")
    with pytest.raises(InputError, match=r"the split of 'mmarco/v2/fr' is part of its id; there are .*/dev"):
        open_data("mmarco/v2/fr", split="dev")


def test_a_dataset_that_cannot_be_fetched_is_named(registered: Callable[..., None], tmp_path: Path) -> None:
    registered("tiny/dev", queries=2, passages=5, candidates=3)
    for file in tmp_path.rglob("qrels"):
        file.unlink()
    with pytest.raises(InputError, match="the dataset 'tiny/dev' of ir_datasets cannot be fetched or read"):
        open_data("tiny/dev")


# Protocols


def test_every_protocol_that_cards_call_reproducible_is_known_and_no_other() -> None:
    assert set(PROTOCOLS) == {each.name for each in ON_CARDS.values() if each.reproducible}
    for name, protocol in PROTOCOLS.items():
        on_cards = [each for card in CARDS for each in card.published if each.protocol == name]
        assert on_cards, f"no card was made by {name}"
        assert {each.dataset for each in on_cards} <= {*protocol.sets, "mean"}
        # Whatever such a card tells is measured, so that it can stand beside ours.
        assert {metric for each in on_cards for metric in each.metrics} <= set(protocol.plan.measures)


def test_an_unknown_protocol_is_told_with_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"unknown protocol 'nanobeir'; did you mean 'nanobeir-r100'\?"):
        protocol_named("nanobeir")


def test_published_figures_are_found_by_full_and_short_names() -> None:
    full = published("antoinelouis/crossencoder-camembert-base-mmarcoFR", "mmarco-fr-small-dev", "mmarco-fr")
    assert full is not None
    assert full["MRR@10"] == pytest.approx(0.334)
    assert published("crossencoder-camembert-base-mmarcoFR", "mmarco-fr-small-dev", "mmarco-fr") == full
    assert published("nobody/nothing", "mmarco-fr-small-dev", "mmarco-fr") is None
    assert published("BAAI/bge-reranker-v2-m3", "mmarco-fr-small-dev", "mmarco-fr") is None


def evaluated(name: str, out: Path, sets: list[Any] | None = None) -> list[Results]:
    protocol = PROTOCOLS[name]
    collections = sets or [make(str(out / "hub")) for make in protocol.sets.values()]
    return [
        Evaluation(
            collection=each,
            plan=protocol.plan,
            folder=out / "out" / each.name,
            published=lambda system: {"MRR@10": 0.5},
        ).run([Scoring(lambda query, text: -float(text.split()[-1]))])
        for each in collections
    ]


def test_mmarco_500_asks_a_seeded_sample_with_positives_and_at_most_200_negatives(
    registered: Callable[..., None], tmp_path: Path
) -> None:
    registered(SMALL_DEV, queries=520, passages=300, candidates=230)
    (results,) = evaluated("mmarco-fr-500", tmp_path)
    assert (results.name, results.queries) == ("mmarco-fr", 500)
    assert "A sample of 500 of 520 judged queries, drawn with seed 42." in results.notes
    rows = [json.loads(line) for line in (tmp_path / "out/mmarco-fr/scoring.jsonl").read_text().splitlines()]
    lengths = {len(row[1]) for row in rows[1:]}
    assert lengths == {201}
    # All relevant passages are among what is ranked, so at some depth all are found.
    assert results.measures == ("RP", "MRR@10", "R@10", "R@20", "R@50", "R@100")
    assert PROTOCOLS["mmarco-fr-500"].comparable_only
    assert results.systems[1].estimates["MRR@10"].published == 0.5


def hub(folder: Path, repository: str, commit: str = "a" * 40) -> Path:
    """The place of a data set's files in a cache of the hub."""
    place = folder / f"datasets--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    snapshot = place / "snapshots" / commit
    snapshot.mkdir(parents=True)
    return snapshot


def test_mmarco_small_dev_ranks_positives_and_hard_negatives_without_a_first_stage(
    registered: Callable[..., None], tmp_path: Path
) -> None:
    registered(SMALL_DEV, queries=8, passages=60, candidates=5)
    qrels = ir_datasets.load(SMALL_DEV).qrels_dict()
    draw = random.Random(2)
    repository, name = NEGATIVES
    rows = []
    for query, relevant in qrels.items():
        mined = draw.sample([n for n in range(60) if str(n) not in relevant], 20)
        rows.append({"qid": int(query), "pos": [int(each) for each in relevant], "neg": mined})
    write_jsonl(hub(tmp_path / "hub", repository) / name, rows)
    (results,) = evaluated("mmarco-fr-small-dev", tmp_path)
    # The order of mined negatives says nothing: there is nothing to improve on.
    assert [each.kind for each in results.systems] == ["reranker"]
    assert results.systems[0].passages == 8 * 21
    assert results.measures == ("MRR@10", "R@10", "R@100", "R@500")
    assert results.systems[0].estimates["R@100"].mean == 1.0


def test_negatives_in_another_form_are_told_by_line(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "negatives.jsonl", [{"qid": 1, "pos": [2], "neg": [3]}, {"qid": 1}])
    with pytest.raises(InputError, match=r"negatives.jsonl, line 2: 'qid', 'pos' and 'neg' must be there"):
        list(negatives(file).read())


@pytest.fixture
def nano(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Three tiny sets as NanoBEIR's parquet files hold them, in a cache of the hub."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    draw = random.Random(7)
    snapshot = hub(tmp_path / "hub", NANO_BEIR)
    made = {}
    for split in PROTOCOLS["nanobeir-r100"].sets:
        passages = {f"d{n}": f"text {n}" for n in range(150)}
        queries = {f"q{n}": f"query {n}" for n in range(6)}
        qrels = {query: draw.sample(list(passages), draw.randint(1, 4)) for query in queries}
        bm25 = {query: draw.sample(list(passages), 120) for query in queries}
        parts: dict[str, list[dict[str, Any]]] = {
            "corpus": [{"_id": key, "text": text} for key, text in passages.items()],
            "queries": [{"_id": key, "text": text} for key, text in queries.items()],
            "qrels": [
                {"query-id": query, "corpus-id": each} for query, mine in qrels.items() for each in mine
            ],
            "bm25": [{"query-id": query, "corpus-ids": ids} for query, ids in bm25.items()],
        }
        for part, rows in parts.items():
            (snapshot / part).mkdir(exist_ok=True)
            table = pyarrow.Table.from_pylist(rows)
            parquet.write_table(table, snapshot / part / f"{split}-00000-of-00001.parquet")
        made[split] = {"passages": passages, "queries": queries, "qrels": qrels, "bm25": bm25}
    return made


def test_nanobeir_equals_sentence_transformers_set_by_set(
    nano: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    evaluation = pytest.importorskip("sentence_transformers.cross_encoder.evaluation")
    draw = random.Random(8)
    for split, parts in nano.items():
        pairs = [(query, text) for query in parts["queries"].values() for text in parts["passages"].values()]
        table = dict(zip(pairs, draw.sample(range(10**6), len(pairs)), strict=True))
        samples = [
            {
                "query": parts["queries"][query],
                "positive": [parts["passages"][each] for each in parts["qrels"][query]],
                "documents": [parts["passages"][each] for each in parts["bm25"][query][:100]],
            }
            for query in parts["queries"]
        ]
        theirs = evaluation.CrossEncoderRerankingEvaluator(samples, at_k=10, write_csv=False)(Peer(table))
        collection = nano_beir(split, str(tmp_path / "hub"))
        results = Evaluation(
            collection=collection, plan=PROTOCOLS["nanobeir-r100"].plan, folder=tmp_path / split
        ).run([Scoring(lambda query, text, table=table: table[query, text])])  # type: ignore[misc]
        base, reranked = results.systems
        for ours, name in (("MAP", "map"), ("MRR@10", "mrr@10"), ("nDCG@10", "ndcg@10")):
            assert reranked.estimates[ours].mean == pytest.approx(theirs[name], abs=1e-9)
            assert base.estimates[ours].mean == pytest.approx(theirs[f"base_{name}"], abs=1e-9)


def test_a_set_that_is_not_in_the_cache_is_named_where_nothing_can_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"the data set {NANO_BEIR} is not in the hub's cache"):
        nano_beir("NanoNQ", str(tmp_path / "empty"))


def test_a_protocol_takes_data_of_ones_own_in_the_same_form(tmp_path: Path) -> None:
    folder = write_beir(
        tmp_path / "own",
        passages={f"p{n}": f"text {n}" for n in range(9)},
        queries={"q": "query"},
        qrels={"q": {"p8": 1}},
        run={"q": ["p1", "p2"]},
    )
    (results,) = evaluated("nanobeir-r100", tmp_path, [open_data(str(folder))])
    assert results.systems[1].passages == 3
