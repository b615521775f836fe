"""The suite of every adapter, over both doors of the LangChain component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from langchain_core.documents import Document
from pydantic import SecretStr

from langchain_pertinence import PertinenceRerank
from pertinence.testing import Driver, Hit
from pertinence.testing.conformance import ModelConformance, PerCallConformance, RerankerConformance
from support.remote import RemoteConformance


class CompressorDriver(Driver[PertinenceRerank, Document]):
    """`compress_documents`, as `ContextualCompressionRetriever` calls it."""

    words: ClassVar[Mapping[str, str]] = {"top_k": "top_n"}
    own_forms: ClassVar[frozenset[str]] = frozenset({"token", "api_key"})

    def make(self, **options: Any) -> PertinenceRerank:
        return PertinenceRerank(**options)

    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> Document:
        # Validation would refuse a lone surrogate, which documents that were unpickled do carry.
        return Document.model_construct(id=name, page_content=text, metadata=metadata)

    def run(
        self, component: PertinenceRerank, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        return [hit(each) for each in component.compress_documents(documents, query, **call)]

    async def arun(
        self, component: PertinenceRerank, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        return [hit(each) for each in await component.acompress_documents(documents, query, **call)]

    def dump(self, component: PertinenceRerank) -> Any:
        return component.model_dump(mode="json")

    def load(self, data: Any) -> PertinenceRerank:
        return PertinenceRerank.model_validate(data)

    def value(self, option: str, plain: Any) -> Any:
        return SecretStr(plain) if option in self.own_forms else plain


class RerankDriver(CompressorDriver):
    """`rerank`, which gives places and scores instead of documents."""

    def run(
        self, component: PertinenceRerank, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        return picked(documents, component.rerank(documents, query, **call))

    async def arun(
        self, component: PertinenceRerank, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        return picked(documents, await component.arerank(documents, query, **call))


class TestCompressDocuments(RerankerConformance):
    driver = CompressorDriver()


class TestRerank(PerCallConformance):
    driver = RerankDriver()


class TestEmbeddedDefault(ModelConformance):
    driver = CompressorDriver()


class TestServer(RemoteConformance):
    driver = CompressorDriver()


def hit(document: Document) -> Hit:
    metadata = dict(document.metadata)
    score = metadata.pop("relevance_score")
    return Hit(id=str(document.id), score=score, text=document.page_content, metadata=metadata)


def picked(documents: Sequence[Document], places: Sequence[Mapping[str, Any]]) -> list[Hit]:
    return [
        Hit(
            id=str(documents[each["index"]].id),
            score=each["relevance_score"],
            text=documents[each["index"]].page_content,
            metadata=documents[each["index"]].metadata,
        )
        for each in places
    ]
