"""The suites of every adapter, over the components of LangChain."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import SecretStr

from langchain_pertinence import PertinenceEmbeddings, PertinenceRerank, PertinenceRetriever
from pertinence.testing import Driver, EmbedderDriver, Hit
from pertinence.testing.conformance import EmbedderConformance, PerCallConformance, RerankerConformance
from support.conformance import (
    EmbeddedConformance,
    LocalConformance,
    LocalVectorsConformance,
    RemoteVectorsConformance,
)
from support.remote import RemoteConformance

SECRETS = frozenset({"token", "api_key"})


class CompressorDriver(Driver[PertinenceRerank, Document]):
    """`compress_documents`, as `ContextualCompressionRetriever` calls it."""

    words: ClassVar[Mapping[str, str]] = {"top_k": "top_n"}
    own_forms: ClassVar[frozenset[str]] = SECRETS

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


class Given(BaseRetriever):
    """Finds what the caller has put down here, in this context."""

    documents: ClassVar[ContextVar[Any]] = ContextVar("documents")

    def _get_relevant_documents(self, query: str, **_: Any) -> Any:
        return self.documents.get()

    async def _aget_relevant_documents(self, query: str, **_: Any) -> Any:
        return self.documents.get()


class RetrieverDriver(Driver[PertinenceRetriever, Document]):
    """`invoke`, over a retriever that finds the documents of the suite."""

    words: ClassVar[Mapping[str, str]] = {"top_k": "k"}
    own_forms: ClassVar[frozenset[str]] = SECRETS

    def make(self, **options: Any) -> PertinenceRetriever:
        return PertinenceRetriever(retriever=Given(), **options)

    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> Document:
        return CompressorDriver().document(name, text, metadata)

    def run(
        self, component: PertinenceRetriever, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        Given.documents.set(documents)
        return [hit(each) for each in component.invoke(query, **call)]

    async def arun(
        self, component: PertinenceRetriever, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        Given.documents.set(documents)
        return [hit(each) for each in await component.ainvoke(query, **call)]

    def dump(self, component: PertinenceRetriever) -> Any:
        return component.model_dump(mode="json", exclude={"retriever"})

    def load(self, data: Any) -> PertinenceRetriever:
        return PertinenceRetriever.model_validate({**data, "retriever": Given()})

    def value(self, option: str, plain: Any) -> Any:
        return SecretStr(plain) if option in self.own_forms else plain


class EmbeddingsDriver(EmbedderDriver[PertinenceEmbeddings]):
    """The four methods of `Embeddings`, as vector stores call them."""

    own_forms: ClassVar[frozenset[str]] = SECRETS

    def make(self, **options: Any) -> PertinenceEmbeddings:
        return PertinenceEmbeddings(**options)

    def parameters(self) -> Mapping[str, Any]:
        signature = inspect.signature(PertinenceEmbeddings)
        return {name: each.default for name, each in signature.parameters.items()}

    def embed_query(self, component: PertinenceEmbeddings, query: Any) -> Any:
        return component.embed_query(query)

    async def aembed_query(self, component: PertinenceEmbeddings, query: Any) -> Any:
        return await component.aembed_query(query)

    def embed_documents(self, component: PertinenceEmbeddings, documents: Sequence[Any]) -> Any:
        return component.embed_documents(list(documents))

    async def aembed_documents(self, component: PertinenceEmbeddings, documents: Sequence[Any]) -> Any:
        return await component.aembed_documents(list(documents))

    def dump(self, component: PertinenceEmbeddings) -> Any:
        return component.model_dump(mode="json")

    def load(self, data: Any) -> PertinenceEmbeddings:
        return PertinenceEmbeddings.model_validate(data)

    def value(self, option: str, plain: Any) -> Any:
        return SecretStr(plain) if option in self.own_forms else plain


class TestCompressDocuments(RerankerConformance):
    driver = CompressorDriver()


class TestRerank(PerCallConformance):
    driver = RerankDriver()


class TestRetriever(PerCallConformance):
    driver = RetrieverDriver()


class TestEmbeddedDefault(EmbeddedConformance):
    driver = CompressorDriver()


class TestModelOfThisMachine(LocalConformance):
    driver = CompressorDriver()


class TestServer(RemoteConformance):
    driver = CompressorDriver()


class TestRetrieverOverAServer(RemoteConformance):
    driver = RetrieverDriver()


class TestEmbeddings(EmbedderConformance):
    driver = EmbeddingsDriver()


class TestEmbeddingModelOfThisMachine(LocalVectorsConformance):
    driver = EmbeddingsDriver()


class TestServerOfVectors(RemoteVectorsConformance):
    driver = EmbeddingsDriver()


def hit(document: Document) -> Hit:
    metadata = dict(document.metadata)
    score = metadata.pop("relevance_score")
    return Hit(
        id=str(document.id), score=score, text=document.page_content, metadata=metadata, document=document
    )


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
