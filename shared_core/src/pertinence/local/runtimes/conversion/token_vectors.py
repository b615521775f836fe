"""Network of an embedding model without pooling: token ids in, token vectors out."""

from __future__ import annotations

from typing import Any

from pertinence.errors import MissingExtraError

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = ["TokenVectors"]


class TokenVectors(nn.Module):
    """Network of a `SentenceTransformer`, without unused parts such as a pooler."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.network: Any = model[0].auto_model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor]:
        """Return only the token vectors, of shape (rows, tokens, width)."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        return (self.network(input_ids=input_ids, attention_mask=attention_mask, **types)[0],)
