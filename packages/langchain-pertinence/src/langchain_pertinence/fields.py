"""What LangChain users expect of the fields that hold secrets: the environment, where nothing is given."""

from __future__ import annotations

from langchain_core.utils import secret_from_env
from pydantic import BaseModel, Field, SecretStr

__all__ = ["SecretFields"]


class SecretFields(BaseModel):
    """The `token` from `HF_TOKEN`, the `api_key` from `PERTINENCE_API_KEY`; neither is ever written out."""

    token: SecretStr | None = Field(default_factory=secret_from_env("HF_TOKEN", default=None), exclude=True)
    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("PERTINENCE_API_KEY", default=None), exclude=True
    )
