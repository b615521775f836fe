"""Building blocks for adapters, including third-party ones: `Options` as plain data, and `Handle`."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar, overload

from pertinence.embedder import Embedder
from pertinence.embedder_options import EmbedderOptions, EmbedderValues
from pertinence.errors import OptionError
from pertinence.options import BackendName, DtypeName, Options, OptionValues, Truncation
from pertinence.ranking import Ranking
from pertinence.reranker import Reranker
from pertinence.scorer import ScoreKind, ScoreKindName
from pertinence.texts import check_documents, check_query, extract_texts
from pertinence.vectors import Embeddings, PrecisionName

__all__ = [
    "BackendName",
    "DtypeName",
    "EmbedderOptions",
    "EmbedderValues",
    "Embeddings",
    "Handle",
    "OptionValues",
    "Options",
    "PrecisionName",
    "ScoreKind",
    "ScoreKindName",
    "Truncation",
    "check_documents",
    "check_fields",
    "check_query",
    "extract_texts",
    "join_fields",
    "options_from",
    "options_of_fields",
    "own_metadata",
]

_log = logging.getLogger(__name__)

T = TypeVar("T")
P = TypeVar("P", Reranker, Embedder)
K = TypeVar("K", bound=Options)


@overload
def options_from(values: Mapping[str, Any], words: Mapping[str, str] | None = None) -> Options: ...
@overload
def options_from(values: Mapping[str, Any], words: Mapping[str, str] | None, kind: type[K]) -> K: ...
def options_from(
    values: Mapping[str, Any], words: Mapping[str, str] | None = None, kind: type[Any] = Options
) -> Any:
    """Create `Options` from a component's own fields. Error messages use the framework's option names.

    Args:
        values: the fields, by the framework's names, with values of plain types.
        words: the framework's name of an option, by our name: `{"top_k": "top_n"}`.
        kind: class of the options; `EmbedderOptions` for a component that embeds.

    Raises:
        OptionError: a field is not an option, or a value is not accepted.
    """
    word = {name: (words or {}).get(name, name) for name in kind.names()}
    ours = {each: name for name, each in word.items()}
    for each in values:
        if each not in ours:
            raise OptionError.unknown(each, ours)
    try:
        return kind(**{ours[each]: value for each, value in values.items()})
    except OptionError as error:
        said = str(error)
        name = re.split(r"\W", said, maxsplit=1)[0]
        raise OptionError(f"{word.get(name, name)}{said[len(name) :]}") from error.__cause__


@overload
def options_of_fields(fields: Mapping[str, Any], words: Mapping[str, str] | None = None) -> Options: ...
@overload
def options_of_fields(fields: Mapping[str, Any], words: Mapping[str, str] | None, kind: type[K]) -> K: ...
def options_of_fields(
    fields: Mapping[str, Any], words: Mapping[str, str] | None = None, kind: type[Any] = Options
) -> Any:
    """Create options from a component's fields, as `options_from` does.

    Fields that are not options are ignored, and a pydantic `SecretStr` is unwrapped.
    """
    wanted = {(words or {}).get(name, name) for name in kind.names()}
    values = {name: value for name, value in fields.items() if name in wanted}
    for name, value in values.items():
        if hasattr(value, "get_secret_value"):
            values[name] = value.get_secret_value()
    return options_from(values, words, kind)


def check_fields(fields: object, name: str = "metadata_fields") -> tuple[str, ...]:
    """Return names of metadata fields as a tuple; None gives an empty tuple.

    Args:
        fields: the argument to check.
        name: the framework's name of the argument, for the message.

    Raises:
        OptionError: the argument is not a list or tuple of strings; a single string would be read letter by
            letter.
    """
    if fields is None:
        return ()
    if not isinstance(fields, list | tuple) or not all(isinstance(each, str) for each in fields):
        raise OptionError(f"{name} must be a list of names or None, got {fields!r}")
    return tuple(fields)


def join_fields(content: Any, metadata: Mapping[str, Any], fields: Sequence[str], separator: str) -> Any:
    """Return the text that a model reads of a document.

    It is the named metadata that is not None, then the content. A document without content (None) counts as
    empty if it has such metadata. Content that is not a string is returned unchanged, so that the core's
    error names the document's index.
    """
    values = [str(value) for name in fields if (value := metadata.get(name)) is not None]
    if not values or not (content is None or isinstance(content, str)):
        return content
    return separator.join([*values, content or ""])


def own_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a document's metadata. Lists and mappings inside are copied too; other values are shared."""
    return {name: _own(value) for name, value in metadata.items()}


def _own(value: Any) -> Any:
    # Copy exact types only: a caller's subclass may not survive being rebuilt.
    if type(value) is dict:
        return own_metadata(value)
    return [_own(each) for each in value] if type(value) is list else value


class Handle:
    """Holder of rerankers and embedders, for a framework's component to keep in place of a model.

    It opens a reranker or an embedder on first request and returns the same one again for equal options.
    Copying or pickling gives an empty handle. So a component that is copied, pickled or sent to another
    process carries its plain options and never a loaded model.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rerankers: list[Reranker] = []
        self._embedders: list[Embedder] = []
        self._noted = False

    def reranker(self, options: Options) -> Reranker:
        """Return the reranker for these options; nothing is loaded before it is used.

        It ignores `top_k` and `threshold`, which may differ from call to call, so that one reranker serves
        all calls. Pass those to `Reranker.rank`, as `Handle.rank` does.
        """
        options = replace(options, top_k=None, threshold=None)
        with self._lock:
            return _one(self._rerankers, options, Reranker.from_options)

    def embedder(self, options: Options) -> Embedder:
        """Return the embedder for these options; nothing is loaded before it is used.

        Args:
            options: `EmbedderOptions`, or plain `Options` that set nothing that only a reranker does.

        Raises:
            OptionError: the options name no model, or set an option that only ranks.
        """
        with self._lock:
            return _one(self._embedders, EmbedderOptions.from_options(options), Embedder.from_options)

    def rank(
        self,
        options: Options,
        query: str,
        documents: Sequence[T],
        *,
        text: Callable[[T], str] | None = None,
    ) -> Ranking[T]:
        """Rank documents with `Reranker.rank`, using `top_k` and `threshold` of these options."""
        reranker = self.reranker(options)
        return reranker.rank(query, documents, options.top_k, options.threshold, text=text)

    async def arank(
        self,
        options: Options,
        query: str,
        documents: Sequence[T],
        *,
        text: Callable[[T], str] | None = None,
    ) -> Ranking[T]:
        """Run `rank` without blocking the event loop."""
        reranker = self.reranker(options)
        return await reranker.arank(query, documents, options.top_k, options.threshold, text=text)

    def log_notes(self, ranking: Ranking[Any]) -> None:
        """Log `Ranking.notes`, for a framework whose results cannot carry them.

        The notes of the first such ranking are warnings, later ones are info messages.
        """
        for note in ranking.notes:
            _log.log(logging.INFO if self._noted else logging.WARNING, "%s: %s", ranking.model, note)
        self._noted = self._noted or bool(ranking.notes)

    def close(self) -> None:
        """Release every model. The handle opens models again if it is used again."""
        with self._lock:
            opened: list[Reranker | Embedder] = [*self._rerankers, *self._embedders]
            self._rerankers, self._embedders = [], []
        for each in opened:
            each.close()

    def __copy__(self) -> Self:
        return type(self)()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

    def __repr__(self) -> str:
        return f"Handle({len(self._rerankers) + len(self._embedders)} open)"


def _one(opened: list[P], options: Options, make: Callable[[Options], P]) -> P:
    """Return the element of `opened` with these options, and make it if there is none."""
    for each in opened:
        if each.options == options:
            return each
    opened.append(make(options))
    return opened[-1]
