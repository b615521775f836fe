"""Folders in the form of BEIR: `corpus.jsonl`, `queries.jsonl`, `qrels/` and a first stage's candidates.

Each file may be gzipped. `qrels/<split>.trec` or `.tsv` holds the judgements, `bm25.trec` the candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pertinence.errors import InputError
from pertinence.gate.reading import read_lines, read_objects
from pertinence.gate.sets import Question, QuestionSet, evenly

__all__ = ["CANDIDATES", "read_beir"]

# So many of the first stage's best: twice what the gate's top-10 looks at.
CANDIDATES = 20
_SPLITS = ("test", "dev")


def read_beir(path: Path, most: int) -> QuestionSet:
    """The judged questions of one split, each with the first stage's best 20 candidates.

    Args:
        path: the folder, whose split is then `test`, `dev` or the only one; or a file in its `qrels`.
        most: how many questions to take, evenly.

    Raises:
        InputError: a file is missing or a line cannot be used; the message names it.
    """
    folder, judgements = (path, _split(path / "qrels")) if path.is_dir() else (path.parent.parent, path)
    grades = _grades(judgements)
    candidates = _candidates(_either(folder, "bm25.trec"), grades)
    known = sorted(query for query in grades if query in candidates)
    if not known:
        raise InputError(f"{judgements}: none of its {len(grades)} questions has candidates")
    taken = [known[place] for place in evenly(len(known), most)]
    queries = _texts(_either(folder, "queries.jsonl"), set(taken))
    passages = _texts(_either(folder, "corpus.jsonl"), {p for query in taken for p in candidates[query]})
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


def _split(folder: Path) -> Path:
    """The file of judgements to take where none was named."""
    found = sorted(file for ending in ("trec", "tsv") for file in folder.glob(f"*.{ending}*"))
    by_name = {file.name.split(".")[0]: file for file in found}
    for name in _SPLITS:
        if name in by_name:
            return by_name[name]
    if len(by_name) == 1:
        return found[0]
    there = f"{', '.join(by_name)}: name the file to take" if found else "no .trec or .tsv file"
    raise InputError(f"{folder}: {there}")


def _either(folder: Path, name: str) -> Path:
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return file
    raise InputError(f"{folder} holds no {name} and no {name}.gz")


def _grades(file: Path) -> dict[str, dict[str, float]]:
    """Query id -> passage id -> grade; a negative grade counts as 0, as for trec_eval."""
    grades: dict[str, dict[str, float]] = {}
    table = ".tsv" in file.suffixes
    columns = (3, "query, passage and grade") if table else (4, "query, 0, passage and grade")
    for number, (place, cells) in enumerate(_cells(file, *columns)):
        query, passage, grade = cells[0], cells[-2], cells[-1]
        try:
            value = max(0.0, float(grade))
        except ValueError as error:
            if table and number == 0:  # its header
                continue
            raise InputError(f"{place}: the grade must be a number, not {grade!r}") from error
        grades.setdefault(query, {})[passage] = value
    return grades


def _candidates(file: Path, wanted: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    """Query id -> passage ids, best first."""
    ranked: dict[str, list[tuple[int, str]]] = {}
    for place, cells in _cells(file, 6, "query, Q0, passage, rank, score and name"):
        query, passage, rank = cells[0], cells[2], cells[3]
        if query not in wanted:
            continue
        if not rank.isdecimal():
            raise InputError(f"{place}: the rank must be a whole number, not {rank!r}")
        ranked.setdefault(query, []).append((int(rank), passage))
    return {query: [passage for _, passage in sorted(rows)[:CANDIDATES]] for query, rows in ranked.items()}


def _cells(file: Path, count: int, what: str) -> Iterator[tuple[str, list[str]]]:
    for place, line in read_lines(file):
        cells = line.split()
        if len(cells) != count:
            raise InputError(f"{place}: {len(cells)} columns where {what} were due")
        yield place, cells


def _texts(file: Path, wanted: set[str]) -> dict[str, str]:
    """Id -> text, behind its title where there is one."""
    texts: dict[str, str] = {}
    for place, row in read_objects(file):
        key, text, title = row.get("_id"), row.get("text"), row.get("title") or ""
        if not (isinstance(key, str) and isinstance(text, str) and isinstance(title, str)):
            raise InputError(f"{place}: '_id' and 'text' must be strings, and 'title' where there is one")
        if key in wanted:
            texts[key] = f"{title}\n{text}" if title else text
    if missing := sorted(wanted - texts.keys()):
        raise InputError(f"{file}: {len(missing)} ids are missing, the first is {missing[0]!r}")
    return texts
