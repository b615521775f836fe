"""Tasks made from a collection and a plan: each is one query with the passages to rank for it."""

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
    """Settings of an evaluation, as plain data; checkpoint headers record those that affect ranking.

    Attributes:
        top: number of the first stage's best passages to rerank; None for all.
        always_positives: True to rerank passages judged relevant even if the first stage missed them, like
            `always_rerank_positives` in sentence-transformers.
        most_negatives: maximum number of candidates that are not relevant; None for no limit. It applies only
            with `always_positives`.
        binary: True to count any grade above 0 as 1.
        queries: number of judged queries to sample; None for all.
        seed: seed of the sample.
        without_positives: True if a query without a relevant passage counts as 0 in the means; False to leave
            it out.
        measures: measures to report.
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
        """Return the plan as JSON data."""
        return {**asdict(self), "measures": list(self.measures)}

    def to_rank(self) -> dict[str, Any]:
        """Return the settings that determine which passages are ranked; the others only affect measuring."""
        names = ("top", "always_positives", "most_negatives", "queries", "seed")
        return {name: getattr(self, name) for name in names}

    def with_(self, **changes: Any) -> Plan:
        """Return a copy with these changes."""
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One query and the passages to rank for it.

    Attributes:
        query: query id.
        text: text of the query.
        passages: passage ids in the order of the first stage. Passages that it missed come last, so that a
            model that gives all of them the same score gains nothing.
        texts: texts of the passages.
        first_stage: ranking to improve on; None if the order of the candidates is not meaningful.
        grades: passage id -> grade, of all judgments of the query.
    """

    query: str
    text: str
    passages: tuple[str, ...]
    texts: Sequence[str]
    first_stage: tuple[str, ...] | None
    grades: Mapping[str, int]

    @property
    def judged(self) -> bool:
        """True if any passage is relevant."""
        return any(self.grades.values())


class Tasks:
    """Tasks of the selected queries, created one at a time in the order of the run.

    Each iteration reads the run again.

    Attributes:
        collection, run: sources of the tasks.
        asked: selected queries, as query id -> judgments.
    """

    def __init__(self, collection: Collection, run: Run, plan: Plan) -> None:
        self.asked = choose_queries(collection, plan)
        self.collection = collection
        self.run = run
        self._plan = plan

    def __iter__(self) -> Iterator[Task]:
        """Yield the tasks.

        Raises:
            InputError: the corpus lacks a passage, a query is empty, or the run has no selected query.
        """
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
        """Return the ids to rank and the first stage's ranking, both as in `CrossEncoderRerankingEvaluator`.

        A candidate with the same text as a relevant passage is replaced by that passage. Relevant passages
        that are not candidates are added at the end. If the first stage found no relevant passage, its
        ranking is empty, so that it scores 0.
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
    """Return the judgments of the queries to evaluate: all queries, or a sample that the seed determines."""
    qrels = collection.qrels
    if plan.queries is not None and plan.queries < len(qrels):
        drawn = Random(plan.seed).sample(sorted(qrels), plan.queries)
        qrels = {query: qrels[query] for query in sorted(drawn)}
    if plan.binary:
        return {
            query: {each: int(grade > 0) for each, grade in mine.items()} for query, mine in qrels.items()
        }
    return dict(qrels)
