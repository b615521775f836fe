"""Report of the gate, as JSON and as a table: the models, the questions, the figures and the verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pertinence.errors import InputError
from pertinence.gate.limits import VERDICTS, Limits, Reason, VerdictName
from pertinence.gate.measuring import Figures, QuestionFigures
from pertinence.gate.sets import QuestionSet
from pertinence.local.files.cache import replace_text
from pertinence.local.machine.processor import Processor, processor
from pertinence.local.selection.verdicts import runtimes_of

__all__ = ["Contender", "GateReport", "SetFacts", "Subject", "write_reports"]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Way of running a model: backend, precision, and the versions of the packages that compute it."""

    backend: str
    dtype: str
    runtimes: Mapping[str, str]

    @classmethod
    def here(cls, backend: str, dtype: str) -> Contender:
        """Create a contender with the package versions that are installed."""
        return cls(backend=backend, dtype=dtype, runtimes=runtimes_of(backend))


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Subject of a verdict.

    Attributes:
        model: name of the model.
        fingerprint: fingerprint of the files that were judged (see `pertinence.local.files.fingerprint`).
        candidate: faster form that is judged.
        reference: form that the candidate is compared with.
        processor: processor on which both were run.
        date: day of the run, as YYYY-MM-DD, UTC.
    """

    model: str
    fingerprint: str
    candidate: Contender
    reference: Contender
    processor: Processor
    date: str

    @classmethod
    def here(
        cls,
        model: str,
        fingerprint: str,
        candidate: Contender,
        reference: Contender,
        where: Processor | None = None,
    ) -> Subject:
        """Create a subject for this machine and today. The processor is the CPU unless `where` is given."""
        return cls(
            model=model,
            fingerprint=fingerprint,
            candidate=candidate,
            reference=reference,
            processor=where or processor(),
            date=datetime.now(UTC).date().isoformat(),
        )


@dataclass(frozen=True, kw_only=True)
class SetFacts:
    """Summary of a question set: its name, the number of questions used and available, and a digest."""

    name: str
    questions: int
    total: int
    digest: str

    @classmethod
    def of(cls, questions: QuestionSet) -> SetFacts:
        """Summarize a question set."""
        count = len(questions.questions)
        return cls(name=questions.name, questions=count, total=questions.total, digest=questions.digest)


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """Verdict with everything that it is based on.

    Attributes:
        subject: subject of the verdict.
        verdict: `passed`, `refused` or `not judged`.
        reasons: reasons why the verdict is not `passed`, each with a name.
        limits: limits that were applied.
        figures: figures over all questions; without those about order if the verdict is `not judged`.
        sets: summary of each question set.
        questions: figures of each question.
    """

    subject: Subject
    verdict: VerdictName
    reasons: tuple[Reason, ...]
    limits: Limits
    figures: Figures
    sets: tuple[SetFacts, ...]
    questions: tuple[QuestionFigures, ...]

    @property
    def passed(self) -> bool:
        """True if the candidate may replace the reference."""
        return self.verdict == "passed"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data.

        The candidate's fields, such as backend and dtype, are at the top level, where readers look for them.
        """
        subject = self.subject
        return {
            "model": subject.model,
            "fingerprint": subject.fingerprint,
            **asdict(subject.candidate),
            "verdict": self.verdict,
            "reasons": [asdict(reason) for reason in self.reasons],
            "limits": asdict(self.limits),
            "lowered": list(self.limits.lowered),
            "figures": asdict(self.figures),
            "reference": asdict(subject.reference),
            "processor": {
                "name": subject.processor.name,
                "instructions": _listed(subject.processor.instructions),
            },
            "date": subject.date,
            "sets": [asdict(each) for each in self.sets],
            "questions": [asdict(each) for each in self.questions],
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> GateReport:
        """Create a report from the data that `to_dict` returned.

        Raises:
            InputError: the data is not a report.
        """
        try:
            verdict = data["verdict"]
            if verdict not in VERDICTS:
                raise ValueError(f"unknown verdict {verdict!r}")
            instructions = data["processor"]["instructions"]
            return cls(
                subject=Subject(
                    model=data["model"],
                    fingerprint=data["fingerprint"],
                    candidate=Contender(**{each.name: data[each.name] for each in fields(Contender)}),
                    reference=Contender(**data["reference"]),
                    processor=Processor(
                        name=data["processor"]["name"],
                        instructions=None if instructions is None else tuple(instructions),
                    ),
                    date=data["date"],
                ),
                verdict=verdict,
                reasons=tuple(Reason(**each) for each in data["reasons"]),
                limits=Limits(**data["limits"]),
                figures=Figures(**data["figures"]),
                sets=tuple(SetFacts(**each) for each in data["sets"]),
                questions=tuple(QuestionFigures(**each) for each in data["questions"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"no report of the gate: {type(error).__name__} {error}") from error

    def table(self) -> str:
        """Return the report as text for people, without the figures of each question."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        subject = self.subject
        candidate, reference = subject.candidate, subject.reference
        yield (
            f"{subject.model}: {candidate.backend} {candidate.dtype} beside "
            f"{reference.backend} {reference.dtype}"
        )
        yield f"on {_sets(self.sets)}; {self.figures.passages} pairs"
        yield f"{subject.processor.name}, {_versions(candidate)}, {subject.date}"
        yield ""
        rows = list(_rows(self.figures, self.limits))
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        for name, value, limit in rows:
            yield f"{name:{widths[0]}}  {value:>{widths[1]}}  {limit}".rstrip()
        yield ""
        lowered = f" (limits lowered: {', '.join(self.limits.lowered)})" if self.limits.lowered else ""
        yield f"verdict: {self.verdict}{lowered}"
        for reason in self.reasons:
            yield f"- {reason.name}: {reason.text}"
        if self.verdict == "not judged":
            yield "An order of scores that mean nothing says nothing: tau, overlap and nDCG are left out."


def write_reports(file: Path, reports: Sequence[GateReport]) -> None:
    """Write reports to a file in the form that a model's folder contains.

    Reports in the file about the same weights on another kind of processor are kept. All others are
    replaced.

    Raises:
        InputError: an entry in the file about the same weights is not a report; the message names the file.
    """
    if not reports:
        return
    about = {(report.subject.fingerprint, report.subject.processor) for report in reports}
    weights = {fingerprint for fingerprint, _ in about}
    there = [report for report in _read(file) if report.get("fingerprint") in weights]
    try:
        others = [GateReport.of(report) for report in there]
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    others = [each for each in others if (each.subject.fingerprint, each.subject.processor) not in about]
    data = [report.to_dict() for report in (*others, *reports)]
    replace_text(file, json.dumps(data, ensure_ascii=False, indent=1) + "\n")


def _read(file: Path) -> list[dict[str, Any]]:
    """Read the reports of a file as dicts. A missing or damaged file holds none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _rows(figures: Figures, limits: Limits) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and limit of each row of the table."""

    def shown(value: float | None, form: str = ".4f") -> str:
        return "-" if value is None else format(value, form)

    yield "Kendall tau, mean", shown(figures.tau), f"at least {limits.min_tau:g}"
    yield "Kendall tau, lowest", shown(figures.lowest_tau), ""
    yield "top-10 overlap", shown(figures.overlap), ""
    yield f"nDCG@10, reference ({figures.judged} judged)", shown(figures.ndcg_reference), ""
    yield "nDCG@10, candidate", shown(figures.ndcg), ""
    yield "nDCG@10, loss", shown(figures.ndcg_loss), f"at most {limits.max_ndcg_loss:g}"
    yield "random orders that reach the reference", shown(figures.chance, ".2%"), ""
    yield "spread of the logits", shown(figures.spread, ".4g"), ""
    yield "drift", shown(figures.drift, ".4g"), ""
    yield "drift over spread", shown(figures.drift_over_spread, ".4g"), ""
    yield (
        f"neighbour effect over spread ({figures.neighbour_passages} passages)",
        shown(figures.neighbour_effect, ".4g"),
        f"at most {limits.max_neighbour_effect:g}",
    )
    yield "times as fast", shown(figures.speed_ratio, ".2f"), ""


def _sets(sets: Sequence[SetFacts]) -> str:
    def count(each: SetFacts) -> str:
        return f"{each.questions} of {each.total}" if each.total > each.questions else f"{each.questions}"

    return ", ".join(f"{each.name} ({count(each)} questions)" for each in sets)


def _versions(contender: Contender) -> str:
    return ", ".join(f"{name} {each}" for name, each in contender.runtimes.items())


def _listed(instructions: tuple[str, ...] | None) -> list[str] | None:
    return None if instructions is None else list(instructions)
