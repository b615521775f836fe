"""For those who write an adapter: a scorer that needs no model, and the suite every adapter must pass.

`pertinence.testing.conformance` needs pytest and is imported by its own name.
"""

from __future__ import annotations

from pertinence.testing.driver import Driver, Hit
from pertinence.testing.fake import FakeScorer, scoring_with

__all__ = ["Driver", "FakeScorer", "Hit", "scoring_with"]
