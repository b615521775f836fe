"""The suite of every adapter, over the LlamaIndex component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from llama_index.core.schema import NodeWithScore, TextNode

from llama_index.postprocessor.pertinence import PertinenceRerank
from pertinence.testing import Driver, Hit
from pertinence.testing.conformance import ModelConformance, RerankerConformance
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


class TestPostprocessNodes(RerankerConformance):
    driver = PostprocessorDriver()


class TestEmbeddedDefault(ModelConformance):
    driver = PostprocessorDriver()


class TestServer(RemoteConformance):
    driver = PostprocessorDriver()


def hit(found: NodeWithScore) -> Hit:
    return Hit(
        id=found.node.node_id, score=found.score, text=found.node.get_content(), metadata=found.node.metadata
    )
