"""Plain options shared by the core, every adapter and the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self, TypedDict, get_args

from pertinence.endpoint import REMOTE_CHECKS
from pertinence.errors import OptionError
from pertinence.ranking import check_threshold, check_top_k
from pertinence.scorer import ScoreKindName

__all__ = ["BackendName", "DtypeName", "OptionValues", "Options", "Truncation"]

BackendName = Literal["auto", "torch", "onnx", "openvino"]
DtypeName = Literal["auto", "float32", "bfloat16", "float16", "int8"]
Truncation = Literal["longest_first", "only_second"]

_SECRETS = frozenset({"token", "api_key"})
# Names not allowed in model_kwargs, because each is an option: they could contradict it, or show a secret.
_OWN_OPTIONS = frozenset({"dtype", "torch_dtype", "token", "use_auth_token", "revision", "trust_remote_code"})
_CHOICES: dict[str, tuple[str, ...]] = {
    "score_kind": get_args(ScoreKindName),
    "backend": get_args(BackendName),
    "dtype": get_args(DtypeName),
    "truncation": get_args(Truncation),
}
_TEXTS = ("query_prefix", "query_suffix", "document_prefix", "document_suffix", "device")
_TEXTS_OR_NONE = ("model", "revision", "token", "cache_folder")
_SIZES = ("max_length", "batch_tokens", "max_queued")
_SWITCHES = ("trust_remote_code", "local_files_only")


class OptionValues(TypedDict, total=False):
    """`Options` as keyword arguments, without `model`."""

    top_k: int | None
    threshold: float | None
    score_kind: ScoreKindName
    query_prefix: str
    query_suffix: str
    document_prefix: str
    document_suffix: str
    device: str
    backend: BackendName
    dtype: DtypeName
    max_length: int | None
    truncation: Truncation
    batch_tokens: int | None
    max_queued: int | None
    trust_remote_code: bool
    revision: str | None
    token: str | None
    cache_folder: str | None
    local_files_only: bool
    model_kwargs: Mapping[str, Any] | None
    base_url: str | None
    dialect: str | Mapping[str, Any] | None
    api_key: str | None
    timeout: float
    max_retries: int
    concurrency: int
    headers: Mapping[str, str] | None
    verify: bool | str
    proxy: str | None


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a reranker, as plain data.

    Attributes:
        model: a folder, a name on the hub, or None for the embedded default; with `base_url`, the server's
            name for it.
        top_k: how many documents to keep; None keeps all.
        threshold: keep scores greater than or equal to it, before `top_k`; None keeps all.
        score_kind: `probability` (sigmoid of one label, softmax of two), `logit` (the model's own output),
            `raw` (the scale that the model's own settings declare, as
            `sentence_transformers.CrossEncoder.predict` gives it, or the scale of the server), or `auto`:
            `probability` wherever it is available, which for local models is always, else `raw`.
        query_prefix: text put before the query, after any prompt of the model's own settings; likewise
            `query_suffix`, `document_prefix` and `document_suffix`.
        device: `auto`, `cpu`, `cuda` (every visible GPU), `cuda:N` or `mps`; only the torch backend runs on
            anything but the CPU.
        backend: `auto`, `torch`, `onnx` or `openvino`; `auto` is the fastest installed that can run the
            model.
        dtype: precision of the computation: `auto`, `float32`, `bfloat16`, `float16` or `int8`; `auto` is
            float32, unless a measurement for this model and kind of processor showed that a faster one ranks
            the same.
        max_length: maximum number of tokens of a pair, special tokens included; None takes the model's own
            limit.
        truncation: `longest_first` truncates the longer of query and document, as sentence-transformers does;
            `only_second` never truncates the query.
        batch_tokens: maximum number of tokens in a batch, padding included; None takes a value that suits the
            device.
        max_queued: maximum number of documents that may wait for one model of this machine, over all its
            callers; a call that would exceed it raises `OverloadedError`. None sets no limit.
        trust_remote_code: run code that comes with the model.
        revision: branch, tag or commit on the hub.
        token: access token of the hub; never shown and never written out.
        cache_folder: folder for downloads and converted models.
        local_files_only: never look on the hub.
        model_kwargs: further arguments for loading the torch model.
        base_url: URL of a server that scores instead of this machine; its path is kept unchanged.
        dialect: request and response format of that server: a name, `auto` to ask the server, or a JSON
            object that describes it; None takes the format that most servers support for this kind of model.
        api_key: key of the server, never shown and never written out; without it, PERTINENCE_API_KEY of the
            environment is used.
        timeout: maximum number of seconds for one call to the server, retries and waits included.
        max_retries: how often a request is sent again after a temporary failure.
        concurrency: maximum number of requests in flight at once.
        headers: headers sent with every request; keys are not allowed here.
        verify: whether certificates are checked, or a file or folder of certificates to trust.
        proxy: URL of a proxy; None takes the proxy of the environment.
    """

    model: str | None = None
    top_k: int | None = None
    threshold: float | None = None
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
    token: str | None = field(default=None, repr=False)
    cache_folder: str | None = None
    local_files_only: bool = False
    model_kwargs: Mapping[str, Any] | None = None
    base_url: str | None = None
    dialect: str | Mapping[str, Any] | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    max_retries: int = 3
    concurrency: int = 8
    headers: Mapping[str, str] | None = None
    verify: bool | str = True
    proxy: str | None = None

    def __post_init__(self) -> None:
        for name in ("model", "cache_folder", "verify"):
            value = getattr(self, name)
            if isinstance(value, os.PathLike):
                object.__setattr__(self, name, os.fspath(value))
        object.__setattr__(self, "top_k", check_top_k(self.top_k))
        object.__setattr__(self, "threshold", check_threshold(self.threshold))
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise OptionError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}")
        for name in _TEXTS:
            self._require(name, str)
        for name in _TEXTS_OR_NONE:
            self._require(name, str, type(None))
        for name in _SWITCHES:
            self._require(name, bool)
        for name in _SIZES:
            object.__setattr__(self, name, check_top_k(getattr(self, name), name))
        if self.model == "":
            raise OptionError("model is empty; leave it out for the embedded default")
        self._require("model_kwargs", Mapping, type(None))
        if self.model_kwargs is not None:
            object.__setattr__(self, "model_kwargs", dict(self.model_kwargs))
            for name in _OWN_OPTIONS & self.model_kwargs.keys():
                raise OptionError(f"model_kwargs must not hold {name!r}: it is an option of its own")
        for name, check in REMOTE_CHECKS.items():
            object.__setattr__(self, name, check(getattr(self, name)))

    def _require(self, name: str, *types: type) -> None:
        value = getattr(self, name)
        if not isinstance(value, types):
            # A secret of the wrong type is still a secret, so the message shows only its type.
            told = type(value).__name__ if name in _SECRETS else repr(value)
            raise OptionError(f"{name} cannot be {told}")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all options, in order of declaration."""
        return tuple(item.name for item in fields(cls))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Create options from a mapping.

        Raises:
            OptionError: a name is not an option, or a value is not accepted.
        """
        known = cls.names()
        for name in values:
            if name not in known:
                raise OptionError.unknown(name, known)
        return cls(**values)

    def with_(self, **changes: Any) -> Self:
        """Return a copy of these options with some of them changed."""
        return self.of({**{name: getattr(self, name) for name in self.names()}, **changes})

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        # A pickle is a file on disk, so it holds no secrets.
        return type(self).of, (self.to_dict(),)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the options as JSON-able data, without secrets."""
        return {name: getattr(self, name) for name in self.names() if name not in _SECRETS}

    def to_json(self) -> str:
        """Return the options as one line of JSON, without secrets."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Create options from the output of `to_json`."""
        return cls.of(json.loads(text))
