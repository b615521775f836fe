"""Evaluation of systems on one collection: retrieve if necessary, rank, measure and compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pertinence.errors import InputError
from pertinence.evaluation.bm25 import Bm25
from pertinence.evaluation.checkpoint import Checkpoint, Ranked
from pertinence.evaluation.collection import Candidates, Collection, Run, digest_of
from pertinence.evaluation.dense import Vectors, embed_corpus, search
from pertinence.evaluation.measures import headline, measurer
from pertinence.evaluation.measuring import Measured, measure_all
from pertinence.evaluation.questions import pick_questions
from pertinence.evaluation.results import Results, SystemResult, compare
from pertinence.evaluation.running import Search, Watch, rank_all, search_all
from pertinence.evaluation.systems import EmbedderSystem, FirstStage, Kind, System
from pertinence.evaluation.tasks import Plan, Tasks, choose_queries
from pertinence.evaluation.trec import RunWriter

__all__ = ["Evaluation", "Published", "slug"]

Published = Callable[[str], Mapping[str, float] | None]
"""By the name of a system, what its model's card says of this collection: measures by name."""


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A complete checkpoint, and the system that made it."""

    name: str
    kind: Kind
    facts: Mapping[str, Any]
    checkpoint: Checkpoint


@dataclass(kw_only=True)
class Evaluation:
    """Evaluation of systems on one collection.

    Attributes:
        collection: data to evaluate on.
        plan: which queries and candidates are ranked, and which measures are computed.
        folder: folder for checkpoints.
        keyed: True if checkpoint names start with a hash of their header, so that one folder can hold the
            checkpoints of any evaluations.
        fresh: True to discard existing checkpoints and start again.
        runs: folder for runs in TREC format; None to write none.
        published: returns the figures of a system's model card.
        watch: callback for progress.
    """

    collection: Collection
    plan: Plan
    folder: Path
    keyed: bool = False
    fresh: bool = False
    runs: Path | None = None
    published: Published = lambda system: None
    watch: Watch = lambda system, done, total: None
    _made: list[_Made] = field(default_factory=list)

    def run(
        self,
        systems: Sequence[System],
        *,
        first_stage: str | EmbedderSystem = "run",
        retrieval: Sequence[EmbedderSystem] = (),
    ) -> Results:
        """Evaluate the systems, and close each one as soon as it is done.

        Args:
            systems: systems that rerank, each with a different name.
            first_stage: `run` (the collection's own), `bm25`, or an embedder that retrieves.
            retrieval: the embedders among the systems whose retrieval over the whole corpus is evaluated too.

        Raises:
            InputError: the data is invalid, or a checkpoint belongs to another evaluation.
        """
        self._made.clear()
        # Raise now, and not after much ranking, if ir_measures or a model is missing.
        measurer(self.plan.measures)
        for system in systems:
            system.describe()
        try:
            tasks = Tasks(self.collection, self._first_stage(first_stage), self.plan)
            if not any(any(grades.values()) for grades in tasks.asked.values()):
                raise InputError(f"{self.collection.name}: no query that is asked has a relevant passage")
            if tasks.run.ranked:
                self._rank(FirstStage(tasks.run.name), tasks)
            for system in systems:
                if isinstance(system, EmbedderSystem) and system in retrieval and system is not first_stage:
                    self._retrieve(system, "retrieval")
                self._rank(system, tasks)
                system.close()
        finally:
            for system in systems:
                system.close()
        return self._results(tasks)

    def _rank(self, system: System, tasks: Tasks) -> None:
        run = {"name": tasks.run.name, "digest": tasks.run.digest}
        facts = system.describe()
        with self._checkpoint(
            system.name, system.kind, facts, run=run, plan=self.plan.to_rank()
        ) as checkpoint:
            rank_all(system, tasks, checkpoint, len(tasks.asked), self.watch)
        self._made.append(_Made(name=system.name, kind=system.kind, facts=facts, checkpoint=checkpoint))

    def _first_stage(self, chosen: str | EmbedderSystem) -> Run:
        if isinstance(chosen, EmbedderSystem):
            return self._retrieve(chosen, "first stage")
        if chosen == "run":
            if self.collection.run is None:
                raise InputError(
                    f"{self.collection.name} comes without a first stage: take bm25, or name a run"
                )
            return self.collection.run
        if chosen != "bm25":
            raise InputError(f"the first stage must be run, bm25 or an embedder, not {chosen!r}")
        corpus = self.collection.corpus
        return self._search("BM25", "first stage", dict(Bm25.parameters), lambda: Bm25(corpus).search)

    def _retrieve(self, system: EmbedderSystem, kind: Kind) -> Run:
        facts = system.describe()

        def make() -> Search:
            vectors = self._vectors(system, facts)
            system.vectors = vectors.of
            return lambda queries, top: search(system.embedder, vectors, queries, top)

        return self._search(f"{system.name} retrieval", kind, facts, make)

    def _vectors(self, system: EmbedderSystem, facts: Mapping[str, Any]) -> Vectors:
        header = {"system": facts, "data": self._data()}
        file = self._file(f"{slug(system.name)}-passages.f32", header)
        if self.fresh:
            file.with_suffix(".json").unlink(missing_ok=True)
        return embed_corpus(system.embedder, self.collection.corpus, file, header, self.watch, system.name)

    def _search(self, name: str, kind: Kind, facts: Mapping[str, Any], make: Callable[[], Search]) -> Run:
        """Retrieve into a checkpoint, and return its content as a run."""
        asked = choose_queries(self.collection, self.plan)
        top = self.plan.top or self.collection.corpus.size
        if top is None:
            raise InputError(f"{name}: the corpus does not say how many passages it holds; name a top")
        plan = {**self.plan.to_rank(), "top": top}
        checkpoint = self._checkpoint(name, kind, facts, plan=plan)
        with checkpoint:
            texts = {query: self.collection.queries[query] for query in asked}
            search_all(name, make, texts, top, checkpoint, self.watch)
        if kind == "retrieval":
            self._made.append(_Made(name=name, kind=kind, facts=facts, checkpoint=checkpoint))

        def read() -> Iterator[Candidates]:
            return (Candidates(query=each.query, passages=each.passages) for each in checkpoint)

        return Run(name=name, digest=digest_of([checkpoint.header]), read=read)

    def _checkpoint(self, name: str, kind: Kind, facts: Mapping[str, Any], **more: Any) -> Checkpoint:
        if any(slug(made.name) == slug(name) for made in self._made):
            raise InputError(f"two systems are called {name!r}: give them names that differ")
        header = {"system": {"name": name, "kind": kind, **facts}, "data": self._data(), **more}
        stem = f"{slug(name)}-first-stage" if kind == "first stage" and "run" not in more else slug(name)
        return Checkpoint(self._file(f"{stem}.jsonl", header), header).open(fresh=self.fresh)

    def _file(self, name: str, header: Mapping[str, Any]) -> Path:
        return self.folder / (f"{digest_of([header])}-{name}" if self.keyed else name)

    def _data(self) -> dict[str, str]:
        return {"name": self.collection.name, "digest": self.collection.digest}

    def _results(self, tasks: Tasks) -> Results:
        measured = {made.name: self._measured(made, tasks) for made in self._made}
        measures = self.plan.measures
        systems = tuple(
            SystemResult(
                name=made.name,
                kind=made.kind,
                facts=made.facts,
                estimates=measured[made.name].estimates(measures, self.published(made.name)),
                values=measured[made.name].values,
                milliseconds=None if made.kind == "first stage" else measured[made.name].milliseconds,
                pairs_per_second=None if made.kind != "reranker" else measured[made.name].pairs_per_second,
                passages=measured[made.name].passages,
                truncated=measured[made.name].truncated,
            )
            for made in self._made
        )
        main = headline(measures)
        return Results(
            name=self.collection.name,
            queries=len(next(iter(measured.values())).values),
            passages=self.collection.corpus.size,
            measures=measures,
            headline=main,
            systems=systems,
            comparisons=compare(systems, measures),
            questions=pick_questions(
                systems,
                {made.name: made.checkpoint for made in self._made},
                self.collection,
                tasks.asked,
                queries=next(iter(measured.values())).queries,
                column=measures.index(main),
                measure=main,
            ),
            notes=tuple(_notes(tasks, self.plan, systems, measured, main)),
        )

    def _measured(self, made: _Made, tasks: Tasks) -> Measured:
        writer = (
            nullcontext()
            if self.runs is None
            else RunWriter(self.runs / f"{slug(made.name)}.trec", made.name)
        )
        with writer as opened:

            def rankings() -> Iterator[Ranked]:
                for ranked in made.checkpoint:
                    if opened is not None:
                        opened.write(ranked)
                    yield ranked

            return measure_all(rankings(), tasks.asked, self.plan)


def slug(name: str) -> str:
    """Convert a name to one that is safe for files and folders."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "system"


def _notes(
    tasks: Tasks,
    plan: Plan,
    systems: Sequence[SystemResult],
    measured: Mapping[str, Measured],
    main: str,
) -> Iterator[str]:
    asked = len(tasks.asked)
    if empty := sum(not any(grades.values()) for grades in tasks.asked.values()):
        which = f"{empty} of {asked} queries have no relevant passage"
        if plan.without_positives:
            without = ", ".join(
                f"{each.name} {measured[each.name].without_empty(plan.measures.index(main)):.4f}"
                for each in systems
            )
            yield f"{which}: they count as 0. Without them, {main}: {without}."
        else:
            yield f"{which}: they are left out of the means."
    every = len(tasks.collection.qrels)
    if missing := asked - max(each.ranked for each in measured.values()):
        yield f"{missing} of {asked} queries have no candidates in {tasks.run.name}: they count as 0."
    if asked < every:
        yield f"A sample of {asked} of {every} judged queries, drawn with seed {plan.seed}."
    for each in systems:
        if each.truncated:
            yield f"{each.name}: {each.truncated} of {each.passages} passages were cut to fit the model."
