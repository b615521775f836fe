"""What a model's JSON files say, whatever kind of model it is: positions, token types, limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pertinence.errors import ModelError

__all__ = [
    "count_labels",
    "positive_label",
    "read_json",
    "read_object",
    "usable_positions",
    "wants_token_types",
]

# What a tokenizer without a limit of its own writes down (transformers' VERY_LARGE_INTEGER).
_NO_LIMIT = 10**18
# Families that number positions from the pad id on, and so have that many fewer than they declare.
_POSITIONS_AFTER_PAD = {"camembert", "roberta", "xlm-roberta", "xlm-roberta-xl", "longformer", "mpnet"}
# Families whose transformers tokenizer hands token types to the model, unless its config says otherwise.
_TYPED = {
    "bert",
    "electra",
    "deberta",
    "debertav2",
    "deberta-v2",
    "convbert",
    "funnel",
    "mobilebert",
    "roformer",
}


# What a label that means relevance is called, where labels are called anything.
_YES = {"yes", "true", "relevant", "positive"}


def count_labels(name: str, config: Mapping[str, Any]) -> int:
    """How many numbers a reranker gives for a pair: 1 or 2.

    Raises:
        ModelError: it is another number; the message says which.
    """
    labels = config.get("num_labels") or len(config.get("id2label") or (0, 1))
    if labels not in (1, 2):
        raise ModelError(
            f"{name} gives {labels} labels; a reranker gives one, or two of which one means relevance"
        )
    return int(labels)


def positive_label(config: Mapping[str, Any], labels: int) -> int:
    """Which label means relevance: the last, unless only the first of two is called so."""
    names = [str(name).lower() in _YES for _, name in sorted((config.get("id2label") or {}).items())]
    return 0 if names == [True, False] else labels - 1


def usable_positions(config: Mapping[str, Any], pad_id: int) -> int:
    """The most tokens that the model of this `config.json` can read."""
    declared = int(config.get("max_position_embeddings") or _NO_LIMIT)
    return declared - pad_id - 1 if config.get("model_type") in _POSITIONS_AFTER_PAD else declared


def wants_token_types(tokenizer: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether transformers would hand token types to the model of these settings."""
    names = tokenizer.get("model_input_names")
    if names:
        return "token_type_ids" in names
    kind = str(tokenizer.get("tokenizer_class") or "").removesuffix("Fast").removesuffix("Tokenizer").lower()
    return (kind or config.get("model_type")) in _TYPED


def read_json(path: Path) -> Any:
    """What a JSON file holds, or None where there is no such file.

    Raises:
        ModelError: the file is there and cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def read_object(path: Path) -> dict[str, Any] | None:
    """`read_json` for a file that must hold an object."""
    content = read_json(path)
    if content is not None and not isinstance(content, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return content
