"""Limit on waits in tests."""

from __future__ import annotations

__all__ = ["HANGS"]

# Seconds after which something that must come is taken for lost. No machine is so busy that it comes later:
# a test fails by this when something hangs, and never because something is slow.
HANGS = 600.0
