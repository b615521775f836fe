"""Drivers that describe a framework to the conformance suites: one small class per adapter."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from pertinence.errors import PertinenceError

__all__ = ["ComponentDriver", "Driver", "EmbedderDriver", "Hit"]

Component = TypeVar("Component")
Document = TypeVar("Document")


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Document that a component returned.

    Attributes:
        id: the id that the document was created with.
        score: its score, with the exact type that the component returned.
        text: its text.
        metadata: its metadata, without the entries that the component adds (such as its score).
        document: the framework's own object, as returned; None for a component that returns indices instead
            of documents.
    """

    id: str
    score: Any
    text: str
    metadata: Mapping[str, Any]
    document: Any = field(default=None, compare=False, repr=False)


class ComponentDriver(ABC, Generic[Component]):
    """Driver through which a suite uses a component without knowing its framework.

    Attributes:
        words: the framework's name of an option, by our name: `{"top_k": "top_n"}`. All other methods are
            called with the framework's names.
        own_forms: options (our names) whose value has a type of the framework, such as a secret or a device
            class, or that have another default; `value` converts to that type.
        unknown_option_errors: errors that the framework raises, instead of ours, for an option that does not
            exist; the message must still name the option.
        dump_errors: errors that `dump` raises for a component that holds a secret, if the framework refuses
            to serialize such a component.
    """

    words: ClassVar[Mapping[str, str]] = {}
    own_forms: ClassVar[frozenset[str]] = frozenset()
    unknown_option_errors: ClassVar[tuple[type[Exception], ...]] = (PertinenceError,)
    dump_errors: ClassVar[tuple[type[Exception], ...]] = ()

    @abstractmethod
    def make(self, **options: Any) -> Component:
        """Create a component with these options, which have the framework's names."""

    @abstractmethod
    def dump(self, component: Component) -> Any:
        """Serialize the component as the framework does, to JSON-able data."""

    @abstractmethod
    def load(self, data: Any) -> Component:
        """Load the component that `dump` wrote."""

    def close(self, component: Component) -> None:
        """Make the component release its model."""
        component.close()  # type: ignore[attr-defined]

    def value(self, option: str, plain: Any) -> Any:
        """Convert the plain value of one of `own_forms` to the framework's type."""
        return plain

    def parameters(self) -> Mapping[str, Any]:
        """Return the parameters of the component's constructor, with their defaults."""
        signature = inspect.signature(type(self.make()))
        return {name: each.default for name, each in signature.parameters.items()}

    def word(self, option: str) -> str:
        """Return the framework's name of an option."""
        return self.words.get(option, option)


class Driver(ComponentDriver[Component], Generic[Component, Document]):
    """Driver through which the suites use a component that reranks.

    Attributes:
        merges_ids: True if the component keeps one of several documents that share an id, and says so.
    """

    merges_ids: ClassVar[bool] = False

    @abstractmethod
    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> Document:
        """Create a document with `name` as its id. A text that is not a string must bypass all validation."""

    @abstractmethod
    def run(self, component: Component, query: Any, documents: Sequence[Document], **call: Any) -> list[Hit]:
        """Return the component's answer, best first; `call` holds options that are passed per call."""

    @abstractmethod
    async def arun(
        self, component: Component, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        """Return the answer as `run` does, through the framework's asynchronous entry point."""

    def metadata(self, document: Document) -> Any:
        """Return the metadata of a document: the original object, to which its owner may write."""
        return document.metadata  # type: ignore[attr-defined]

    def truncated(self, component: Component, query: str, documents: Sequence[Document]) -> int | None:
        """Return the number of truncated texts that the component reports for a run.

        None means that the component only logs the number.
        """
        self.run(component, query, documents)
        return None


class EmbedderDriver(ComponentDriver[Component]):
    """Driver through which the suites use a component that embeds, or a pair of them.

    If two components share the work, `make` may return a pair.
    """

    @abstractmethod
    def embed_query(self, component: Component, query: Any) -> Any:
        """Return the vector of a query, with the exact type that the component returned."""

    @abstractmethod
    async def aembed_query(self, component: Component, query: Any) -> Any:
        """Run `embed_query` through the framework's asynchronous entry point."""

    @abstractmethod
    def embed_documents(self, component: Component, documents: Sequence[Any]) -> Sequence[Any]:
        """Return one vector per document, with the exact type that the component returned."""

    @abstractmethod
    async def aembed_documents(self, component: Component, documents: Sequence[Any]) -> Sequence[Any]:
        """Run `embed_documents` through the framework's asynchronous entry point."""

    def document(self, text: Any) -> Any:
        """Create the object to embed: the text itself, unless the framework embeds document objects."""
        return text
