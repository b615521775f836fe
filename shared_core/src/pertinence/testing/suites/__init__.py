"""Tests that every component must pass; `pertinence.testing.conformance` names the classes to subclass."""
