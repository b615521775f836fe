"""Test tools for authors of adapters: fake models without weights, and suites that every adapter must pass.

`pertinence.testing.conformance` needs pytest and must be imported by its own name.
"""

from __future__ import annotations

import sys

from pertinence.testing.driver import ComponentDriver, Driver, EmbedderDriver, Hit
from pertinence.testing.fake import FakeScorer, FakeVectoriser
from pertinence.testing.patching import embedding_with, scoring_with

__all__ = [
    "ComponentDriver",
    "Driver",
    "EmbedderDriver",
    "FakeScorer",
    "FakeVectoriser",
    "Hit",
    "embedding_with",
    "scoring_with",
]

if "pytest" in sys.modules:  # so that a failing test of a suite shows the values, as the user's own tests do
    sys.modules["pytest"].register_assert_rewrite(
        "pertinence.testing.conformance", "pertinence.testing.suites"
    )
