"""Translation of Lajavaness' bilingual-embedding models into XLM-RoBERTa, the network that they are.

Their settings name a `model_type` and code of their own, which transformers 5 can no longer import. The code
is XLM-RoBERTa's under another name, and the weights have XLM-RoBERTa's names, so no code is downloaded or
run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pertinence.errors import ModelError

__all__ = ["native_bilingual"]


def native_bilingual(name: str, config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the settings of the same network as XLM-RoBERTa; None if it is no bilingual-embedding model.

    Raises:
        ModelError: positions are embedded in a way that transformers' XLM-RoBERTa does not support.
    """
    if config.get("model_type") != "bilingual":
        return None
    positions = config.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise ModelError(
            f"{name} is a bilingual model with position_embedding_type={positions!r}, and transformers' "
            "XLM-RoBERTa knows 'absolute' alone; trust_remote_code=True runs its own code"
        )
    kept = {key: value for key, value in config.items() if key not in ("auto_map", "position_embedding_type")}
    return {**kept, "model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"]}
