"""The options of Pertinence as fields of a LangChain component, and the model that they name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from langchain_core.utils import secret_from_env
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from pertinence import OptionError, Reranker
from pertinence.integration import (
    BackendName,
    DtypeName,
    Handle,
    Options,
    ScoreKindName,
    Truncation,
    options_of_fields,
)

__all__ = ["OptionFields"]


class OptionFields(BaseModel):
    """Fields named and set by default as in `pertinence.integration.Options`, which explains them.

    A value that an option does not take, or a name that is none, raises `pertinence.OptionError` (a
    `ValueError`); pydantic's own doors, such as `model_validate`, wrap it in their `ValidationError`.
    The `token` is read from `HF_TOKEN` where it is not given, the `api_key` from `PERTINENCE_API_KEY`;
    neither is ever written out, not even into pickles.
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), hide_input_in_errors=True)

    model: str | None = None
    score_kind: ScoreKindName = "auto"
    query_prefix: str = ""
    query_suffix: str = ""
    document_prefix: str = ""
    document_suffix: str = ""
    device: str = "auto"
    backend: BackendName = "auto"
    dtype: DtypeName = "auto"
    max_length: int | None = None
    truncation: Truncation = "longest_first"
    batch_tokens: int | None = None
    max_queued: int | None = None
    trust_remote_code: bool = False
    revision: str | None = None
    token: SecretStr | None = Field(default_factory=secret_from_env("HF_TOKEN", default=None), exclude=True)
    cache_folder: str | None = None
    local_files_only: bool = False
    model_kwargs: dict[str, Any] | None = None
    base_url: str | None = None
    dialect: str | dict[str, Any] | None = None
    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("PERTINENCE_API_KEY", default=None), exclude=True
    )
    timeout: float = 120.0
    max_retries: int = 3
    concurrency: int = 8
    headers: dict[str, str] | None = None
    verify: bool | str = True
    proxy: str | None = None

    _words: ClassVar[Mapping[str, str]] = {"top_k": "top_n"}
    _handle: Handle = PrivateAttr(default_factory=Handle)

    if not TYPE_CHECKING:  # type checkers read the signature off the fields

        def __init__(self, **data: Any) -> None:
            for name in data:
                if name not in type(self).model_fields:
                    raise OptionError.unknown(name, type(self).model_fields)
            options_of_fields(data, self._words)
            super().__init__(**data)

    @field_validator("model", "cache_folder", mode="before")
    @classmethod
    def _path_as_text(cls, value: Any) -> Any:
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    def warm_up(self) -> None:
        """Load the model now rather than on first use."""
        self._reranker().warm_up()

    async def awarm_up(self) -> None:
        """`warm_up` for an event loop."""
        await self._reranker().awarm_up()

    def close(self) -> None:
        """Give the model back; it is loaded anew if the component is used again."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __copy__(self) -> Self:
        # A handle of its own, so that closing a copy leaves the original at work.
        copied = super().__copy__()
        copied._handle = Handle()
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        # A pickle is a file on somebody's disk: secrets stay behind.
        return super(OptionFields, self.model_copy(update={"token": None, "api_key": None})).__getstate__()

    def _reranker(self) -> Reranker:
        return self._handle.reranker(self._options())

    def _options(self, **changes: Any) -> Options:
        """The fields as they are now, with those changed that are not None."""
        changed = {name: value for name, value in changes.items() if value is not None}
        return options_of_fields({**dict(self), **changed}, self._words)
