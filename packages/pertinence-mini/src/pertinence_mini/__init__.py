"""Embedded default model of Pertinence, as data files. This package only returns the path of their folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["folder"]


def folder() -> Path:
    """Return the folder that holds the weights, the tokenizer, the configuration and the model card."""
    return Path(__file__).parent / "model"
