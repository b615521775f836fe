"""Quality gate: a check that a faster form of a model ranks as its float32 form does.

A candidate and the reference score the same questions with their passages. The measured figures are
compared with limits. The report says passed, refused or not judged, and why.
"""

from __future__ import annotations

from pertinence.gate.builtin import built_in, calibration_pairs
from pertinence.gate.limits import Limits, Reason
from pertinence.gate.measuring import Figures, QuestionFigures
from pertinence.gate.racing import race
from pertinence.gate.reading import read_sets
from pertinence.gate.report import Contender, GateReport, Subject, write_reports
from pertinence.gate.running import judge, pairs_to_score
from pertinence.gate.sets import Question, QuestionSet

__all__ = [
    "Contender",
    "Figures",
    "GateReport",
    "Limits",
    "Question",
    "QuestionFigures",
    "QuestionSet",
    "Reason",
    "Subject",
    "built_in",
    "calibration_pairs",
    "judge",
    "pairs_to_score",
    "race",
    "read_sets",
    "write_reports",
]
