"""Reader of BEIR folders: `corpus.jsonl`, `queries.jsonl`, `qrels/` and the candidates of a first stage.

Each file may be gzipped. `qrels/<split>.trec` or `.tsv` holds the judgments, `bm25.trec` the candidates.
"""

from __future__ import annotations

from pathlib import Path

from pertinence.datafiles import (
    RunRow,
    best_first,
    find_either,
    find_split,
    read_grades,
    read_run,
    read_texts,
)
from pertinence.errors import InputError
from pertinence.gate.sets import Question, QuestionSet, evenly

__all__ = ["CANDIDATES", "read_beir"]

# Number of best candidates of the first stage to use: twice the depth of the gate's top-10 figures.
CANDIDATES = 20


def read_beir(path: Path, most: int) -> QuestionSet:
    """Read the judged questions of one split, each with the first stage's best 20 candidates.

    Args:
        path: the folder, of which the split `test`, `dev` or the only one is used; or a file in its `qrels`.
        most: maximum number of questions, evenly spaced over the split.

    Raises:
        InputError: a file is missing or a line is not valid; the message names it.
    """
    folder, judgements = (path, find_split(path / "qrels")) if path.is_dir() else (path.parent.parent, path)
    grades = _grades(judgements)
    candidates = _candidates(find_either(folder, "bm25.trec"), grades)
    known = sorted(query for query in grades if query in candidates)
    if not known:
        raise InputError(f"{judgements}: none of its {len(grades)} questions has candidates")
    taken = [known[place] for place in evenly(len(known), most)]
    queries = _texts(find_either(folder, "queries.jsonl"), set(taken))
    passages = _texts(find_either(folder, "corpus.jsonl"), {p for query in taken for p in candidates[query]})
    questions = tuple(
        Question(
            query=queries[query],
            passages=tuple(passages[each] for each in candidates[query]),
            grades=tuple(grades[query].get(each, 0.0) for each in candidates[query]),
        )
        for query in taken
    )
    name = f"{folder.resolve().name}/{judgements.name.split('.')[0]}"
    return QuestionSet(name=name, questions=questions, total=len(known))


def _grades(file: Path) -> dict[str, dict[str, float]]:
    """Read query id -> passage id -> grade. A negative grade counts as 0, as in trec_eval."""
    grades: dict[str, dict[str, float]] = {}
    for row in read_grades(file):
        grades.setdefault(row.query, {})[row.passage] = max(0.0, row.value)
    return grades


def _candidates(file: Path, wanted: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    """Read query id -> ids of its `CANDIDATES` best passages, best first."""
    ranked: dict[str, list[RunRow]] = {}
    for row in read_run(file):
        if row.query in wanted:
            ranked.setdefault(row.query, []).append(row)
    return {query: [row.passage for row in best_first(rows)[:CANDIDATES]] for query, rows in ranked.items()}


def _texts(file: Path, wanted: set[str]) -> dict[str, str]:
    """Read id -> text for the wanted ids; a text with a title follows its title."""
    texts = {key: text for _, key, text in read_texts(file) if key in wanted}
    if missing := sorted(wanted - texts.keys()):
        raise InputError(f"{file}: {len(missing)} ids are missing, the first is {missing[0]!r}")
    return texts
