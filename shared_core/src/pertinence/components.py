"""Base classes for components that are pydantic models: options as fields, and the lifecycle of a model.

The framework brings pydantic. No other module of the core imports it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from pertinence.embedder import Embedder
from pertinence.embedder_options import EmbedderOptions
from pertinence.errors import OptionError
from pertinence.integration import Handle, options_of_fields
from pertinence.options import BackendName, DtypeName, Options, Truncation
from pertinence.reranker import Reranker
from pertinence.scorer import ScoreKindName
from pertinence.vectors import PrecisionName

__all__ = ["CONFIG", "EmbedderFields", "RerankerFields"]

# A component must set this again if its framework's base class has another configuration: in pydantic, the
# last base class wins.
CONFIG = ConfigDict(extra="forbid", protected_namespaces=(), hide_input_in_errors=True)


class OptionFields(BaseModel):
    """Options as pydantic fields, with the names and defaults of `pertinence.integration.Options`.

    `Options` documents each of them. An unknown name, or a value that the option does not accept, raises
    `pertinence.OptionError` (a `ValueError`). Pydantic's own entry points, such as `model_validate`, wrap it
    in a `ValidationError`. `token` and `api_key` are never written out, not even to pickles.

    A component must list this class before the framework's base class. Otherwise the methods for copies and
    pickles defined here are not used.
    """

    model_config = CONFIG

    query_suffix: str = ""
    document_suffix: str = ""
    device: str = "auto"
    backend: BackendName = "auto"
    dtype: DtypeName = "auto"
    max_length: int | None = None
    batch_tokens: int | None = None
    max_queued: int | None = None
    trust_remote_code: bool = False
    revision: str | None = None
    token: SecretStr | None = Field(default=None, exclude=True)
    cache_folder: str | None = None
    local_files_only: bool = False
    model_kwargs: dict[str, Any] | None = None
    base_url: str | None = None
    dialect: str | dict[str, Any] | None = None
    api_key: SecretStr | None = Field(default=None, exclude=True)
    timeout: float = 120.0
    max_retries: int = 3
    concurrency: int = 8
    headers: dict[str, str] | None = None
    verify: bool | str = True
    proxy: str | None = None

    # Framework's name of an option, by our name.
    _words: ClassVar[Mapping[str, str]] = {}
    # Keys that the framework writes out in addition to the fields, and passes to the constructor again.
    _ignored: ClassVar[frozenset[str]] = frozenset()
    _kind: ClassVar[type[Options]] = Options
    _handle: Handle = PrivateAttr(default_factory=Handle)

    if not TYPE_CHECKING:  # type checkers derive the signature from the fields

        def __init__(self, **data: Any) -> None:
            data = {name: value for name, value in data.items() if name not in self._ignored}
            known = type(self).model_fields
            for name in data:
                if name not in known and name in self._words:
                    raise OptionError(f"unknown option {name!r}; did you mean {self._words[name]!r}?")
                if name not in known:
                    raise OptionError.unknown(name, known)
            self._check(data, options_of_fields(data, self._words, self._kind))
            super().__init__(**data)

    @field_validator("model", "model_name", "cache_folder", mode="before", check_fields=False)
    @classmethod
    def _path_as_text(cls, value: Any) -> Any:
        return os.fspath(value) if isinstance(value, os.PathLike) else value

    def warm_up(self) -> None:
        """Load the model now instead of on first use."""
        self._opened().warm_up()

    async def awarm_up(self) -> None:
        """Run `warm_up` without blocking the event loop."""
        await self._opened().awarm_up()

    def close(self) -> None:
        """Release the model. It is loaded again if the component is used again."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __copy__(self) -> Self:
        # The copy gets its own handle, so that closing it does not close the original.
        copied = super().__copy__()
        copied._handle = Handle()
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        # Take the state from a copy without secrets: a pickle is a file on disk, where secrets do not belong.
        # Besides, a framework's own `__getstate__` may delete what it cannot pickle from the object itself.
        return super(OptionFields, self.model_copy(update={"token": None, "api_key": None})).__getstate__()

    @classmethod
    def _check(cls, data: Mapping[str, Any], options: Options) -> None:
        """Reject constructor arguments that are invalid although `options` are valid on their own."""

    def _options(self, **changes: Any) -> Options:
        """Return the current options, with each change that is not None applied."""
        changed = {name: value for name, value in changes.items() if value is not None}
        return options_of_fields({**dict(self), **changed}, self._words, self._kind)

    def _opened(self) -> Reranker | Embedder:
        """Return the reranker or embedder of the component, with nothing loaded yet."""
        raise NotImplementedError


class RerankerFields(OptionFields):
    """`OptionFields` of a component that scores. A component that ranks adds `top_k` and `threshold`."""

    model: str | None = None
    query_prefix: str = ""
    document_prefix: str = ""
    score_kind: ScoreKindName = "auto"
    truncation: Truncation = "longest_first"

    def _opened(self) -> Reranker:
        return self._handle.reranker(self._options())


class EmbedderFields(OptionFields):
    """`OptionFields` of a component that embeds, without `model`, `query_prefix` and `document_prefix`.

    The component declares those three itself, because frameworks have their own names for them.
    """

    truncate_dim: int | None = None
    normalize: bool | None = None
    precision: PrecisionName = "float32"
    ranges: list[list[float]] | None = None

    _kind: ClassVar[type[Options]] = EmbedderOptions

    def _opened(self) -> Embedder:
        return self._handle.embedder(self._options())

    @classmethod
    def _check(cls, data: Mapping[str, Any], options: Options) -> None:
        if options.model is None and options.base_url is None:
            word = cls._words.get("model", "model")
            raise OptionError(f"{word} is missing: name an embedding model, there is no embedded default")
        Embedder.from_options(options)
