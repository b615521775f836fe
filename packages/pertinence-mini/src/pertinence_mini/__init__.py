"""The embedded default model of pertinence, as data: this package only says where its files are."""

from __future__ import annotations

from pathlib import Path

__all__ = ["folder"]


def folder() -> Path:
    """The folder that holds the weights, the tokenizer, the configuration and the model's card."""
    return Path(__file__).parent / "model"
