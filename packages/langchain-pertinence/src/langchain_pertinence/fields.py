"""Secret fields with LangChain's usual defaults: values from environment variables."""

from __future__ import annotations

from langchain_core.utils import secret_from_env
from pydantic import BaseModel, Field, SecretStr

__all__ = ["SecretFields"]


class SecretFields(BaseModel):
    """Fields `token` (default from `HF_TOKEN`) and `api_key` (default from `PERTINENCE_API_KEY`).

    Neither is ever written out.
    """

    token: SecretStr | None = Field(default_factory=secret_from_env("HF_TOKEN", default=None), exclude=True)
    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("PERTINENCE_API_KEY", default=None), exclude=True
    )
