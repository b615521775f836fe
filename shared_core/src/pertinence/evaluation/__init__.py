"""Evaluation: rerank candidates or retrieve, compute measures with ir_measures, compare systems, report.

A collection holds queries, relevance judgments, passages and a first-stage run. It is split into tasks, one
per query. A system ranks each task, and each ranking is written to a checkpoint file at once. Memory use
therefore does not grow with the number of queries, and a killed process resumes where it stopped. Measures
are computed from the checkpoints.
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
