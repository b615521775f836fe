"""What the conformance suites must know of a framework: one small class per adapter."""

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
    """One document that a component gave back.

    Attributes:
        id: the id it was made with.
        score: its score, of the very type that the component gave.
        text: its text.
        metadata: its metadata, less what the component adds (its score, say).
        document: the framework's own object, as it was given back; None from a component that gives
            places instead of documents.
    """

    id: str
    score: Any
    text: str
    metadata: Mapping[str, Any]
    document: Any = field(default=None, compare=False, repr=False)


class ComponentDriver(ABC, Generic[Component]):
    """Lets a suite use a component without knowing its framework.

    Attributes:
        words: the framework's word for an option, by ours: `{"top_k": "top_n"}`. All other methods
            are called with the framework's words already.
        own_forms: options (our names) whose value has a form of the framework's own, such as a
            secret or a device class, or a default of its own; `value` gives that form.
        unknown_option_errors: what the framework raises, in place of our error, for an option that
            does not exist; the message must still name it.
        dump_errors: what `dump` raises for a component that holds a secret, if the framework refuses
            to write such a component out.
    """

    words: ClassVar[Mapping[str, str]] = {}
    own_forms: ClassVar[frozenset[str]] = frozenset()
    unknown_option_errors: ClassVar[tuple[type[Exception], ...]] = (PertinenceError,)
    dump_errors: ClassVar[tuple[type[Exception], ...]] = ()

    @abstractmethod
    def make(self, **options: Any) -> Component:
        """A component with these options, under the framework's words."""

    @abstractmethod
    def dump(self, component: Component) -> Any:
        """The component as the framework writes it out: JSON-able data."""

    @abstractmethod
    def load(self, data: Any) -> Component:
        """The component that `dump` wrote."""

    def close(self, component: Component) -> None:
        """Have the component give its model back."""
        component.close()  # type: ignore[attr-defined]

    def value(self, option: str, plain: Any) -> Any:
        """The plain value of one of `own_forms`, in the framework's form."""
        return plain

    def parameters(self) -> Mapping[str, Any]:
        """What the component's constructor takes, and the defaults."""
        signature = inspect.signature(type(self.make()))
        return {name: each.default for name, each in signature.parameters.items()}

    def word(self, option: str) -> str:
        """The framework's word for an option."""
        return self.words.get(option, option)


class Driver(ComponentDriver[Component], Generic[Component, Document]):
    """Lets the suites use a component that reranks.

    Attributes:
        merges_ids: of documents that share an id, the component keeps one and says so.
    """

    merges_ids: ClassVar[bool] = False

    @abstractmethod
    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> Document:
        """A document with `name` for its id; a text that is no string is put in past all validation."""

    @abstractmethod
    def run(self, component: Component, query: Any, documents: Sequence[Document], **call: Any) -> list[Hit]:
        """The component's answer, best first; `call` holds options that are given call by call."""

    @abstractmethod
    async def arun(
        self, component: Component, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        """`run`, through the framework's asynchronous door."""

    def metadata(self, document: Document) -> Any:
        """The very metadata of a document, to which its owner may write."""
        return document.metadata  # type: ignore[attr-defined]

    def truncated(self, component: Component, query: str, documents: Sequence[Document]) -> int | None:
        """How many texts of a run the component says were cut short; None if it leaves that to the log."""
        self.run(component, query, documents)
        return None


class EmbedderDriver(ComponentDriver[Component]):
    """Lets the suites use a component that embeds, or two that share the work: `make` may give a pair."""

    @abstractmethod
    def embed_query(self, component: Component, query: Any) -> Any:
        """The vector of a query, of the very type that the component gave."""

    @abstractmethod
    async def aembed_query(self, component: Component, query: Any) -> Any:
        """`embed_query`, through the framework's asynchronous door."""

    @abstractmethod
    def embed_documents(self, component: Component, documents: Sequence[Any]) -> Sequence[Any]:
        """One vector per document, of the very type that the component gave."""

    @abstractmethod
    async def aembed_documents(self, component: Component, documents: Sequence[Any]) -> Sequence[Any]:
        """`embed_documents`, through the framework's asynchronous door."""

    def document(self, text: Any) -> Any:
        """What is embedded: the text itself, unless the framework has documents with one."""
        return text
