"""The suite over the smallest adapter there can be: what it proves here is the core itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pertinence import Ranking
from pertinence.integration import Handle, Options
from pertinence.testing import Driver, Hit
from pertinence.testing.conformance import ModelConformance, PerCallConformance
from support.remote import RemoteConformance


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
        return self.handle.rank(self.asked(call), query, passages, text=lambda each: each.text)

    async def arun(self, query: str, passages: Sequence[Passage], **call: Any) -> Ranking[Passage]:
        return await self.handle.arank(self.asked(call), query, passages, text=lambda each: each.text)

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


def hits(ranking: Ranking[Passage]) -> list[Hit]:
    return [
        Hit(id=item.document.id, score=item.score, text=item.document.text, metadata=item.document.metadata)
        for item in ranking
    ]


class TestPlainReranker(PerCallConformance):
    driver = PlainDriver()


class TestEmbeddedDefault(ModelConformance):
    driver = PlainDriver()


class TestServer(RemoteConformance):
    driver = PlainDriver()
