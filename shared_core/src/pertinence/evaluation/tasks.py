"""From a collection and a plan to tasks: one query each, with the passages that are to be put in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

from pertinence.errors import InputError
from pertinence.evaluation.collection import Candidates, Collection, Run
from pertinence.evaluation.measures import DEFAULT_MEASURES, MeasureName, parse_measures
from pertinence.texts import check_query

__all__ = ["Plan", "Task", "Tasks", "choose_queries"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a collection is evaluated; plain data, and part of what a checkpoint is told by.

    Attributes:
        top: how many of the first stage's best are reranked; None takes all.
        always_positives: passages judged relevant are reranked even where the first stage missed them,
            as sentence-transformers' `always_rerank_positives` has it.
        most_negatives: so many candidates that are not relevant at most; None is no limit.
        binary: any grade above 0 counts as 1.
        queries: a sample of so many judged queries; None takes all.
        seed: of that sample.
        without_positives: whether a query without a relevant passage counts as 0 in the means, or not at all.
        measures: what is reported.
    """

    top: int | None = 100
    always_positives: bool = False
    most_negatives: int | None = None
    binary: bool = False
    queries: int | None = None
    seed: int = 0
    without_positives: bool = False
    measures: tuple[MeasureName, ...] = DEFAULT_MEASURES

    def __post_init__(self) -> None:
        for name in ("top", "most_negatives", "queries"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InputError(f"{name} must be > 0, but got {value}")
        parse_measures(self.measures)

    def to_dict(self) -> dict[str, Any]:
        """As JSON data."""
        return {**asdict(self), "measures": list(self.measures)}

    def to_rank(self) -> dict[str, Any]:
        """What decides which passages are ranked; the rest is about measuring them."""
        names = ("top", "always_positives", "most_negatives", "queries", "seed")
        return {name: getattr(self, name) for name in names}

    def with_(self, **changes: Any) -> Plan:
        """The same with some of it changed."""
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One query and what is to be put in order for it.

    Attributes:
        query: its id.
        text: what is asked.
        passages: ids, in the order of the first stage; those that it missed come last, so that a model
            that ties them all gains nothing.
        texts: the passages.
        first_stage: the ranking to improve on; None where the candidates have no order.
        grades: passage id -> grade, of all judgements.
    """

    query: str
    text: str
    passages: tuple[str, ...]
    texts: Sequence[str]
    first_stage: tuple[str, ...] | None
    grades: Mapping[str, int]

    @property
    def judged(self) -> bool:
        """Whether any passage is relevant at all."""
        return any(self.grades.values())


class Tasks:
    """The tasks of the queries that are asked, one at a time, as the run comes to them; anew with every pass.

    Attributes:
        collection, run: what they are made of.
        asked: query id -> judgements.
    """

    def __init__(self, collection: Collection, run: Run, plan: Plan) -> None:
        self.asked = choose_queries(collection, plan)
        self.collection = collection
        self.run = run
        self._plan = plan

    def __iter__(self) -> Iterator[Task]:
        """Raises InputError where the corpus lacks a passage, a query is empty, or none is asked."""
        met = 0
        stranger = ""
        for candidates in self.run.read():
            grades = self.asked.get(candidates.query)
            if grades is None:
                stranger = stranger or candidates.query
                continue
            met += 1
            try:
                yield self._task(candidates, grades)
            except InputError as error:
                where = f"{self.collection.name}: query {candidates.query!r} of {self.run.name}"
                raise InputError(f"{where}: {error}") from error
        if not met:
            raise InputError(
                f"{self.run.name} has candidates for none of the {len(self.asked)} judged queries of "
                f"{self.collection.name}: the first judged is {next(iter(self.asked))!r}, the first that has "
                f"candidates {stranger!r}"
            )

    def _task(self, candidates: Candidates, grades: Mapping[str, int]) -> Task:
        kept = candidates.passages[: self._plan.top]
        found = dict(zip(kept, self.collection.corpus.texts(kept), strict=True))
        first_stage: tuple[str, ...] = kept
        if self._plan.always_positives:
            kept, first_stage = self._with_positives(found, grades)
        return Task(
            query=candidates.query,
            text=check_query(self.collection.queries[candidates.query]),
            passages=kept,
            texts=[found[each] for each in kept],
            first_stage=first_stage if self.run.ranked else None,
            grades=grades,
        )

    def _with_positives(
        self, found: dict[str, str], grades: Mapping[str, int]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is to be ranked, and the first stage's ranking, as `CrossEncoderRerankingEvaluator` has them.

        A candidate whose text is that of a relevant passage is that passage; the relevant ones that are not
        among the candidates come after them; and a first stage that found none of them scores 0.
        """
        positives = [passage for passage, grade in grades.items() if grade > 0]
        own = dict(zip(positives, self.collection.corpus.texts(positives), strict=True))
        by_text = {text: passage for passage, text in own.items()}
        ranking = dict.fromkeys(
            passage if passage in own else by_text.get(text, passage) for passage, text in found.items()
        )
        found |= own
        negatives = [passage for passage in ranking if passage not in own][: self._plan.most_negatives]
        allowed = {*negatives, *own}
        ranked = [passage for passage in ranking if passage in allowed]
        missed = [passage for passage in positives if passage not in ranking]
        every = (*ranked, *missed)
        return every, every if len(missed) < len(positives) else ()


def choose_queries(collection: Collection, plan: Plan) -> dict[str, Mapping[str, int]]:
    """Judgements of the queries to be asked: all, or a sample that the seed settles."""
    qrels = collection.qrels
    if plan.queries is not None and plan.queries < len(qrels):
        drawn = Random(plan.seed).sample(sorted(qrels), plan.queries)
        qrels = {query: qrels[query] for query in sorted(drawn)}
    if plan.binary:
        return {
            query: {each: int(grade > 0) for each, grade in mine.items()} for query, mine in qrels.items()
        }
    return dict(qrels)
