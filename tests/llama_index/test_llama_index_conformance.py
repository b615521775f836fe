"""The suites of every adapter, over the components of LlamaIndex."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from llama_index.core.schema import NodeWithScore, TextNode

from llama_index.embeddings.pertinence import PertinenceEmbedding
from llama_index.postprocessor.pertinence import PertinenceRerank
from pertinence.testing import Driver, EmbedderDriver, Hit
from pertinence.testing.conformance import EmbedderConformance, RerankerConformance
from support.conformance import (
    EmbeddedConformance,
    LocalConformance,
    LocalVectorsConformance,
    RemoteVectorsConformance,
)
from support.remote import RemoteConformance


class PostprocessorDriver(Driver[PertinenceRerank, NodeWithScore]):
    """`postprocess_nodes`, as query engines call it."""

    words: ClassVar[Mapping[str, str]] = {"top_k": "top_n"}
    own_forms: ClassVar[frozenset[str]] = frozenset({"token", "api_key"})

    def make(self, **options: Any) -> PertinenceRerank:
        return PertinenceRerank(**options)

    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> NodeWithScore:
        # The suite is about texts: metadata is kept out of what the model reads.
        node = TextNode(id_=name, metadata=metadata, excluded_embed_metadata_keys=list(metadata))
        # Validation would refuse a lone surrogate, which nodes that were unpickled do carry.
        return NodeWithScore(node=node.model_copy(update={"text": text}), score=0.5)

    def run(
        self, component: PertinenceRerank, query: Any, documents: Sequence[NodeWithScore], **call: Any
    ) -> list[Hit]:
        # The annotation asks for a list; what is promised holds for any sequence.
        kept = component.postprocess_nodes(documents, query_str=query, **call)  # type: ignore[arg-type]
        return [hit(each) for each in kept]

    async def arun(
        self, component: PertinenceRerank, query: Any, documents: Sequence[NodeWithScore], **call: Any
    ) -> list[Hit]:
        kept = await component.apostprocess_nodes(documents, query_str=query, **call)  # type: ignore[arg-type]
        return [hit(each) for each in kept]

    def dump(self, component: PertinenceRerank) -> Any:
        return component.to_dict()

    def load(self, data: Any) -> PertinenceRerank:
        return PertinenceRerank.from_dict(data)

    def metadata(self, document: NodeWithScore) -> Any:
        return document.node.metadata


class EmbeddingDriver(EmbedderDriver[PertinenceEmbedding]):
    """The public methods of `BaseEmbedding`, as indices and retrievers call them."""

    words: ClassVar[Mapping[str, str]] = {
        "model": "model_name",
        "query_prefix": "query_instruction",
        "document_prefix": "text_instruction",
    }
    own_forms: ClassVar[frozenset[str]] = frozenset({"token", "api_key"})

    def make(self, **options: Any) -> PertinenceEmbedding:
        return PertinenceEmbedding(**options)

    def parameters(self) -> Mapping[str, Any]:
        signature = inspect.signature(PertinenceEmbedding)
        return {name: each.default for name, each in signature.parameters.items()}

    def embed_query(self, component: PertinenceEmbedding, query: Any) -> Any:
        return component.get_query_embedding(query)

    async def aembed_query(self, component: PertinenceEmbedding, query: Any) -> Any:
        return await component.aget_query_embedding(query)

    def embed_documents(self, component: PertinenceEmbedding, documents: Sequence[Any]) -> Any:
        return component.get_text_embedding_batch(list(documents))

    async def aembed_documents(self, component: PertinenceEmbedding, documents: Sequence[Any]) -> Any:
        return await component.aget_text_embedding_batch(list(documents))

    def dump(self, component: PertinenceEmbedding) -> Any:
        return component.to_dict()

    def load(self, data: Any) -> PertinenceEmbedding:
        return PertinenceEmbedding.from_dict(data)


class TestPostprocessNodes(RerankerConformance):
    driver = PostprocessorDriver()


class TestEmbeddedDefault(EmbeddedConformance):
    driver = PostprocessorDriver()


class TestModelOfThisMachine(LocalConformance):
    driver = PostprocessorDriver()


class TestServer(RemoteConformance):
    driver = PostprocessorDriver()


class TestEmbedding(EmbedderConformance):
    driver = EmbeddingDriver()


class TestEmbeddingModelOfThisMachine(LocalVectorsConformance):
    driver = EmbeddingDriver()


class TestServerOfVectors(RemoteVectorsConformance):
    driver = EmbeddingDriver()


def hit(found: NodeWithScore) -> Hit:
    return Hit(
        id=found.node.node_id,
        score=found.score,
        text=found.node.get_content(),
        metadata=found.node.metadata,
        document=found,
    )
