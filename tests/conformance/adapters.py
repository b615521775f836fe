"""The smallest adapters there can be: what the suites prove of them they prove of the core itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pertinence import Embedder, Ranking
from pertinence.integration import EmbedderOptions, Handle, Options
from pertinence.testing import Driver, EmbedderDriver, Hit

__all__ = ["Passage", "PlainDriver", "PlainEmbedder", "PlainEmbedderDriver", "PlainReranker"]


@dataclass(frozen=True)
class Passage:
    id: str
    text: Any
    metadata: dict[str, Any]


@dataclass(frozen=True)
class PlainReranker:
    options: Options
    handle: Handle = field(default_factory=Handle)

    def run(self, query: str, passages: Sequence[Passage], **call: Any) -> Ranking[Passage]:
        return self.handle.rank(self.asked(call), query, passages, text=text_of)

    async def arun(self, query: str, passages: Sequence[Passage], **call: Any) -> Ranking[Passage]:
        return await self.handle.arank(self.asked(call), query, passages, text=text_of)

    def close(self) -> None:
        self.handle.close()

    def asked(self, call: Mapping[str, Any]) -> Options:
        return self.options.with_(**{name: value for name, value in call.items() if value is not None})


class PlainDriver(Driver[PlainReranker, Passage]):
    def make(self, **options: Any) -> PlainReranker:
        return PlainReranker(Options.of(options))

    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> Passage:
        return Passage(name, text, metadata)

    def run(
        self, component: PlainReranker, query: Any, documents: Sequence[Passage], **call: Any
    ) -> list[Hit]:
        return hits(component.run(query, documents, **call))

    async def arun(
        self, component: PlainReranker, query: Any, documents: Sequence[Passage], **call: Any
    ) -> list[Hit]:
        return hits(await component.arun(query, documents, **call))

    def dump(self, component: PlainReranker) -> Any:
        return component.options.to_dict()

    def load(self, data: Any) -> PlainReranker:
        return PlainReranker(Options.of(data))

    def parameters(self) -> Mapping[str, Any]:
        return {name: getattr(Options(), name) for name in Options.names()}

    def truncated(self, component: PlainReranker, query: str, documents: Sequence[Passage]) -> int | None:
        return component.run(query, documents).truncated


def text_of(passage: Any) -> Any:
    # What is no passage is handed on: the core's error names its index.
    return getattr(passage, "text", passage)


def hits(ranking: Ranking[Passage]) -> list[Hit]:
    """The answer, with copies of the caller's passages."""
    copies = [replace(item.document, metadata={**item.document.metadata}) for item in ranking]
    return [
        Hit(id=each.id, score=item.score, text=each.text, metadata=each.metadata, document=each)
        for item, each in zip(ranking, copies, strict=True)
    ]


@dataclass(frozen=True)
class PlainEmbedder:
    options: EmbedderOptions
    handle: Handle = field(default_factory=Handle)

    def opened(self) -> Embedder:
        return self.handle.embedder(self.options)

    def close(self) -> None:
        self.handle.close()


class PlainEmbedderDriver(EmbedderDriver[PlainEmbedder]):
    """Vectors come as arrays from the core: what is proved of them here is all but their form."""

    def make(self, **options: Any) -> PlainEmbedder:
        embedder = PlainEmbedder(EmbedderOptions.of(options))
        embedder.opened()
        return embedder

    def embed_query(self, component: PlainEmbedder, query: Any) -> Any:
        return component.opened().embed_query(query).tolist()

    async def aembed_query(self, component: PlainEmbedder, query: Any) -> Any:
        return (await component.opened().aembed_query(query)).tolist()

    def embed_documents(self, component: PlainEmbedder, documents: Sequence[Any]) -> Any:
        return component.opened().embed_documents(documents).tolist()

    async def aembed_documents(self, component: PlainEmbedder, documents: Sequence[Any]) -> Any:
        return (await component.opened().aembed_documents(documents)).tolist()

    def dump(self, component: PlainEmbedder) -> Any:
        return component.options.to_dict()

    def load(self, data: Any) -> PlainEmbedder:
        return PlainEmbedder(EmbedderOptions.of(data))

    def parameters(self) -> Mapping[str, Any]:
        return {name: getattr(EmbedderOptions(), name) for name in EmbedderOptions.names()}
