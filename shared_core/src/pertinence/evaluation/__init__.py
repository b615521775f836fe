"""Evaluation: rerank candidates and retrieve, measure with ir_measures, compare, report.

A collection (queries, judgements, passages, a first stage's run) becomes tasks, one query each; a system
ranks them, and every ranking goes to a checkpoint at once, so that nothing grows with the number of queries
and a process that was killed goes on where it stopped; what is measured is read from the checkpoints.
"""

from __future__ import annotations

from pertinence.evaluation.collection import Candidates, Collection, Run, open_files, open_folder, trec_run
from pertinence.evaluation.evaluating import Evaluation, slug
from pertinence.evaluation.finding import open_data
from pertinence.evaluation.protocols import PROTOCOLS, Protocol, protocol_named, published
from pertinence.evaluation.results import Comparison, Estimate, Question, Results, SystemResult
from pertinence.evaluation.systems import EmbedderSystem, RerankerSystem, System
from pertinence.evaluation.tasks import Plan

__all__ = [
    "PROTOCOLS",
    "Candidates",
    "Collection",
    "Comparison",
    "EmbedderSystem",
    "Estimate",
    "Evaluation",
    "Plan",
    "Protocol",
    "Question",
    "RerankerSystem",
    "Results",
    "Run",
    "System",
    "SystemResult",
    "open_data",
    "open_files",
    "open_folder",
    "protocol_named",
    "published",
    "slug",
    "trec_run",
]
