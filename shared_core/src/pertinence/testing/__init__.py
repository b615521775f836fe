"""For those who write an adapter: a scorer that needs no model, and the suite every adapter must pass.

`pertinence.testing.conformance` needs pytest and is imported by its own name.
"""

from __future__ import annotations

import sys

from pertinence.testing.driver import Driver, Hit
from pertinence.testing.fake import FakeScorer, scoring_with

__all__ = ["Driver", "FakeScorer", "Hit", "scoring_with"]

if "pytest" in sys.modules:  # so that a failing test of the suite tells the values, as the user's own do
    sys.modules["pytest"].register_assert_rewrite(
        "pertinence.testing.answers", "pertinence.testing.conformance"
    )
