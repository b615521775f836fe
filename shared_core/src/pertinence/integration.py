"""For adapters, ours and anyone's: `Options` as plain data and a `Handle` on what they describe."""

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
    """`Options` from a component's own fields; errors speak the framework's words.

    Args:
        values: the fields, by the framework's names and already of plain types.
        words: the framework's word for an option, by ours: `{"top_k": "top_n"}`.
        kind: `EmbedderOptions` for a component that embeds.

    Raises:
        OptionError: a field that is no option, or a value that the option does not take.
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
    """`options_from` for a component whose fields hold more than options, and secrets in pydantic's form.

    Fields that are no options are left out, and a `SecretStr` is unwrapped.
    """
    wanted = {(words or {}).get(name, name) for name in kind.names()}
    values = {name: value for name, value in fields.items() if name in wanted}
    for name, value in values.items():
        if hasattr(value, "get_secret_value"):
            values[name] = value.get_secret_value()
    return options_from(values, words, kind)


def check_fields(fields: object, name: str = "metadata_fields") -> tuple[str, ...]:
    """Names of metadata as a tuple; None is none of them.

    Args:
        fields: what was given.
        name: the framework's word for it.

    Raises:
        OptionError: it is something else; one name alone would be read letter by letter.
    """
    if fields is None:
        return ()
    if not isinstance(fields, list | tuple) or not all(isinstance(each, str) for each in fields):
        raise OptionError(f"{name} must be a list of names or None, got {fields!r}")
    return tuple(fields)


def join_fields(content: Any, metadata: Mapping[str, Any], fields: Sequence[str], separator: str) -> Any:
    """What a model reads of a document: the metadata of these names that is not None, then the content.

    A document without content (None) counts as empty where some metadata stands for it. Content that is
    no string is handed on as it is, so that the core's error names the document's index.
    """
    values = [str(value) for name in fields if (value := metadata.get(name)) is not None]
    if not values or not (content is None or isinstance(content, str)):
        return content
    return separator.join([*values, content or ""])


def own_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a document's metadata that shares no list and no mapping with it; other values are shared."""
    return {name: _own(value) for name, value in metadata.items()}


def _own(value: Any) -> Any:
    # The very types alone: what a caller made of his own may not bear to be rebuilt.
    if type(value) is dict:
        return own_metadata(value)
    return [_own(each) for each in value] if type(value) is list else value


class Handle:
    """What a framework's component holds instead of a model.

    It opens a reranker or an embedder when one is first asked for and gives the same one again for
    equal options.
    Copying or pickling it gives an empty handle, so a component that is copied, pickled or
    sent to another process takes its plain options along and never a loaded model.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rerankers: list[Reranker] = []
        self._embedders: list[Embedder] = []
        self._noted = False

    def reranker(self, options: Options) -> Reranker:
        """The reranker for these options; nothing is loaded before it is used.

        It leaves out what may differ from call to call (`top_k`, `threshold`), so that one reranker
        serves them all: give those to `Reranker.rank`, as `Handle.rank` does.
        """
        options = replace(options, top_k=None, threshold=None)
        with self._lock:
            return _one(self._rerankers, options, Reranker.from_options)

    def embedder(self, options: Options) -> Embedder:
        """The embedder for these options; nothing is loaded before it is used.

        Args:
            options: `EmbedderOptions`, or plain ones that ask for nothing that only a reranker does.

        Raises:
            OptionError: the options name no model, or rank.
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
        """`Reranker.rank` as these options ask for it."""
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
        """`rank` for an event loop."""
        reranker = self.reranker(options)
        return await reranker.arank(query, documents, options.top_k, options.threshold, text=text)

    def log_notes(self, ranking: Ranking[Any]) -> None:
        """Log `Ranking.notes`, for a framework whose results have no place for them: loudly once."""
        for note in ranking.notes:
            _log.log(logging.INFO if self._noted else logging.WARNING, "%s: %s", ranking.model, note)
        self._noted = self._noted or bool(ranking.notes)

    def close(self) -> None:
        """Give back every model; the handle opens them anew if it is used again."""
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
    """The one of `opened` with these options, made now if there is none."""
    for each in opened:
        if each.options == options:
            return each
    opened.append(make(options))
    return opened[-1]
