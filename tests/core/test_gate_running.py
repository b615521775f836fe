"""The gate at work: over scorers that are damaged on purpose, and over the embedded default."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest

from pertinence.errors import InputError, ScoreError
from pertinence.gate import (
    Contender,
    GateReport,
    Question,
    QuestionSet,
    Subject,
    built_in,
    judge,
    pairs_to_score,
)
from pertinence.local.selection.reranker_spec import torch_installed
from pertinence.local.serving.scorer import LocalScorer
from pertinence.options import BackendName, DtypeName, Options
from pertinence.scorer import Float32, Scorer, Scores
from pertinence.testing import FakeScorer

SUBJECT = Subject.here(
    "m",
    "0" * 64,
    Contender(backend="b", dtype="int8", runtimes={}),
    Contender(backend="b", dtype="float32", runtimes={}),
)


class Damaged:
    """A scorer over another, whose logits are changed by `damage(texts, logits)`."""

    name = "damaged"

    def __init__(self, sound: Scorer, damage: Callable[[Sequence[str], Float32], Float32]) -> None:
        self._sound = sound
        self._damage = damage

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        scores = self._sound.submit(query, texts).result()
        future: Future[Scores] = Future()
        future.set_result(replace(scores, values=self._damage(texts, scores.values)))
        return future

    def warm_up(self) -> Future[None]:
        return self._sound.warm_up()

    def close(self) -> None:
        self._sound.close()


class Remembering:
    """A scorer over another, which it asks once for every pair: a sound one, at no cost."""

    name = "remembering"

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._known: dict[tuple[str, str], float] = {}

    def submit(self, query: str, texts: Sequence[str]) -> Future[Scores]:
        missing = [text for text in texts if (query, text) not in self._known]
        if missing:
            values = self._scorer.submit(query, missing).result().values
            self._known.update(zip([(query, text) for text in missing], values.tolist(), strict=True))
        future: Future[Scores] = Future()
        logits = np.array([self._known[query, text] for text in texts], dtype=np.float32)
        future.set_result(Scores(values=logits, kind="logit"))
        return future

    def warm_up(self) -> Future[None]:
        return self._scorer.warm_up()

    def close(self) -> None:
        """It is another's to close."""


@pytest.fixture(scope="module")
def short() -> QuestionSet:
    """Eight of the built-in questions, without their longer passages."""
    questions = []
    for question in built_in().questions[::4]:
        assert question.grades is not None
        kept = [place for place, text in enumerate(question.passages) if len(text.split()) < 90]
        questions.append(
            Question(
                query=question.query,
                passages=tuple(question.passages[place] for place in kept),
                grades=tuple(question.grades[place] for place in kept),
            )
        )
    return QuestionSet(name="short", questions=tuple(questions), total=32)


@pytest.fixture(scope="module")
def float32() -> Iterator[Scorer]:
    """The embedded default in float32."""
    scorer = LocalScorer(Options(backend="onnx", dtype="float32", score_kind="logit"))
    yield scorer
    scorer.close()


@pytest.fixture(scope="module")
def default(float32: Scorer) -> Scorer:
    """The same, for what is done to its scores."""
    return Remembering(float32)


def reasons(report: GateReport) -> list[str]:
    return [reason.name for reason in report.reasons]


def test_a_model_passes_beside_itself(float32: Scorer, short: QuestionSet) -> None:
    report = judge(float32, float32, [short], SUBJECT)
    assert report.passed
    assert (report.figures.tau, report.figures.overlap, report.figures.ndcg_loss) == (1, 1, 0)
    assert report.figures.neighbour_effect is not None
    # In float32 a score is the same to 1e-6 in any batch.
    assert report.figures.neighbour_effect * report.figures.spread < 1e-5
    assert (report.figures.questions, report.figures.passages) == (8, short.passages)


def test_noise_is_refused_for_its_tau(default: Scorer, short: QuestionSet) -> None:
    def noise(texts: Sequence[str], logits: Float32) -> Float32:
        # A text's noise is its own: whoever its neighbours are, it stays the same.
        draws = [random.Random(text).gauss(0, 0.5) for text in texts]
        return logits + np.array(draws, dtype=np.float32)

    report = judge(default, Damaged(default, noise), [short], SUBJECT)
    assert report.verdict == "refused"
    assert "min_tau" in reasons(report)
    assert "max_neighbour_effect" not in reasons(report)


def test_a_lost_first_place_is_refused_for_its_ndcg(default: Scorer, short: QuestionSet) -> None:
    for question in short.questions:
        scores = default.submit(question.query, question.passages).result().values
        best, lost = np.argsort(-scores)[:2]
        if question.grades is not None and question.grades[best] > question.grades[lost]:
            break
    else:
        pytest.fail("the test wants a right answer in front of a wrong one")
    best_text, lost_text = question.passages[best], question.passages[lost]

    def swap(texts: Sequence[str], logits: Float32) -> Float32:
        gap = 1.01 * (scores[best] - scores[lost])
        shifts = [gap * ((text == lost_text) - (text == best_text)) / 2 for text in texts]
        return logits + np.array(shifts, dtype=np.float32)

    report = judge(default, Damaged(default, swap), [short], SUBJECT)
    assert report.figures.ndcg_loss is not None
    assert report.figures.ndcg_loss > 0.002
    assert "max_ndcg_loss" in reasons(report)


def test_scores_that_follow_their_neighbours_are_refused(default: Scorer, short: QuestionSet) -> None:
    def shift(texts: Sequence[str], logits: Float32) -> Float32:
        return logits + np.float32(0.01 * len(texts))

    report = judge(default, Damaged(default, shift), [short], SUBJECT)
    assert report.figures.tau == 1
    assert reasons(report) == ["max_neighbour_effect"]
    # Alone, and among so many as the fullest two lists hold together.
    counts = [len(each.passages) for each in short.questions]
    most = max(counts[place] + counts[(place + 4) % 8] for place in range(8))
    assert report.figures.neighbour_effect == pytest.approx(
        0.01 * (most - 1) / report.figures.spread, rel=1e-3
    )


def test_who_scores_by_place_in_the_batch_is_found_by_the_shuffling() -> None:
    def by_place(texts: Sequence[str], logits: Float32) -> Float32:
        return logits + np.float32(0.5) * np.arange(len(texts), dtype=np.float32)

    questions = tuple(
        Question(query=f"n{n}", passages=("n0 n1", "n2 n3", "n4 n5"), grades=None) for n in range(6)
    )
    fake = FakeScorer(kind="logit")
    report = judge(
        fake, Damaged(fake, by_place), [QuestionSet(name="s", questions=questions, total=6)], SUBJECT
    )
    assert report.figures.neighbour_effect is not None
    assert report.figures.neighbour_effect > 1


def test_a_candidate_that_gives_one_score_to_all_is_refused(default: Scorer, short: QuestionSet) -> None:
    report = judge(default, Damaged(default, lambda texts, logits: logits * 0), [short], SUBJECT)
    assert report.figures.tau == 0
    assert {"min_tau", "max_ndcg_loss"} <= set(reasons(report))


def test_a_reference_that_answers_by_chance_is_not_judged_and_has_no_tau(short: QuestionSet) -> None:
    chance = FakeScorer(lambda query, text: random.Random(query + text).gauss(0, 1), kind="logit")
    report = judge(chance, chance, [short], SUBJECT)
    assert (report.verdict, reasons(report)) == ("not judged", ["chance"])
    assert (report.figures.tau, report.figures.overlap, report.figures.ndcg_loss) == (None, None, None)
    assert all(each.tau is None for each in report.questions)
    assert report.figures.drift_over_spread == 0
    assert "tau, overlap and nDCG are left out" in report.table()


def test_weights_that_are_said_to_be_random_are_not_judged(default: Scorer, short: QuestionSet) -> None:
    report = judge(default, default, [short], SUBJECT, random_weights=True)
    assert (report.verdict, reasons(report)) == ("not judged", ["random_weights"])
    assert report.figures.tau is None


def test_a_candidate_that_overflows_is_named(default: Scorer, short: QuestionSet) -> None:
    overflowing = Damaged(default, lambda texts, logits: logits * np.float32("inf"))
    with pytest.raises(ScoreError, match=r"damaged gave .*inf for document 0"):
        judge(default, overflowing, [short], SUBJECT)


def test_probabilities_are_no_logits(short: QuestionSet) -> None:
    with pytest.raises(InputError, match="kind 'probability'; a gate compares logits"):
        judge(FakeScorer(), FakeScorer(kind="logit"), [short], SUBJECT)


def test_the_work_is_known_before_and_told_as_it_is_done() -> None:
    fake, told = FakeScorer(kind="logit"), []
    candidate = FakeScorer(kind="logit")
    judge(fake, candidate, [built_in()], SUBJECT, watch=told.append)
    assert sum(told) == pairs_to_score([built_in()]) == fake.rows + candidate.rows
    assert fake.rows == built_in().passages


@pytest.mark.skipif(not torch_installed(), reason="the torch backend needs the extra 'torch'")
def test_bfloat16_of_the_embedded_default_keeps_the_order_and_not_the_values(
    default: Scorer, short: QuestionSet
) -> None:
    backend: BackendName = "torch"
    dtype: DtypeName = "bfloat16"
    candidate = LocalScorer(Options(backend=backend, dtype=dtype, score_kind="logit"))
    report = judge(default, candidate, [short], SUBJECT)
    candidate.close()
    assert report.verdict in ("passed", "refused")
    assert report.figures.tau is not None
    assert report.figures.tau > 0.95
    # Eight bits of mantissa: a part in 256 of the logits, and not nothing.
    assert 1e-4 < report.figures.drift < 0.2
    assert report.figures.speed_ratio is not None
