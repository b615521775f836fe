"""LlamaIndex's `SentenceTransformerRerank`, the one of llama-index-core."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.postprocessor import SentenceTransformerRerank
from llama_index.core.schema import NodeWithScore, TextNode

from benchmarks.contenders.base import Contender

__all__ = ["Postprocessor", "opened"]


class Postprocessor(Contender[list[NodeWithScore], list[NodeWithScore]]):
    """`postprocess_nodes`, keeping all."""

    def __init__(self, reranker: SentenceTransformerRerank) -> None:
        super().__init__()
        self._reranker = reranker

    def documents(self, texts: Sequence[str]) -> list[NodeWithScore]:
        """As a retriever gives them."""
        return [
            NodeWithScore(node=TextNode(text=text, id_=str(place)), score=0.5)
            for place, text in enumerate(texts)
        ]

    def run(self, query: str, documents: list[NodeWithScore]) -> list[NodeWithScore]:
        """It writes the scores into the nodes that it was given."""
        self._reranker.top_n = len(documents)
        return self._reranker.postprocess_nodes(documents, query_str=query)

    def values(self, result: list[NodeWithScore]) -> list[float]:
        """Back in the order of the ids."""
        return [float(each.score or 0.0) for each in sorted(result, key=lambda each: int(each.node.node_id))]


def opened(folder: str, ours: str | None) -> Postprocessor:
    """The float32 weights of `folder`; `ours` is for us."""
    return Postprocessor(SentenceTransformerRerank(model=folder, device="cpu"))
