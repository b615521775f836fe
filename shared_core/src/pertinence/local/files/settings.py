"""Settings in a model's JSON files, for every kind of model: labels, positions, token types."""

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

# Number that means no limit, like the one that a tokenizer without a limit saves (transformers'
# VERY_LARGE_INTEGER).
_NO_LIMIT = 10**18
# Families that number positions from the id after the pad id. They declare pad id + 1 more positions than can
# be used.
_POSITIONS_AFTER_PAD = {"camembert", "roberta", "xlm-roberta", "xlm-roberta-xl", "longformer", "mpnet"}
# Families whose tokenizer in transformers passes token types to the model, unless its config says otherwise.
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


# Names of a label that means relevance, if labels have names.
_YES = {"yes", "true", "relevant", "positive"}


def count_labels(name: str, config: Mapping[str, Any]) -> int:
    """Return the number of values that a reranker outputs for a pair: 1 or 2.

    Raises:
        ModelError: it is another number, which the message contains.
    """
    labels = config.get("num_labels") or len(config.get("id2label") or (0, 1))
    if labels not in (1, 2):
        raise ModelError(
            f"{name} gives {labels} labels; a reranker gives one, or two of which one means relevance"
        )
    return int(labels)


def positive_label(config: Mapping[str, Any], labels: int) -> int:
    """Return the index of the label for relevance: the last, unless only the first of two has such a name."""
    names = [str(name).lower() in _YES for _, name in sorted((config.get("id2label") or {}).items())]
    return 0 if names == [True, False] else labels - 1


def usable_positions(config: Mapping[str, Any], pad_id: int) -> int:
    """Return the largest number of tokens that a model with this `config.json` can read."""
    declared = int(config.get("max_position_embeddings") or _NO_LIMIT)
    return declared - pad_id - 1 if config.get("model_type") in _POSITIONS_AFTER_PAD else declared


def wants_token_types(tokenizer: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Check whether transformers would pass token types to a model with these settings."""
    names = tokenizer.get("model_input_names")
    if names:
        return "token_type_ids" in names
    kind = str(tokenizer.get("tokenizer_class") or "").removesuffix("Fast").removesuffix("Tokenizer").lower()
    return (kind or config.get("model_type")) in _TYPED


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None if the file does not exist.

    Raises:
        ModelError: the file exists and cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the content of a JSON file that must hold an object, or None if the file does not exist.

    Raises:
        ModelError: the file exists, and cannot be read or holds something else.
    """
    content = read_json(path)
    if content is not None and not isinstance(content, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return content
