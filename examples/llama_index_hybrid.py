"""LlamaIndex: hybrid search in Qdrant, then reranking, then an answer, as a query engine and as a tool.

    python examples/llama_index_hybrid.py
    python examples/llama_index_hybrid.py --base-url http://localhost:7997 --embedder NAME --reranker NAME

Qdrant runs inside this process. It fuses two first stages, vectors and shared words (BM25); Pertinence
embeds for the one and puts what both found in order. No language model is asked: the answer is the
sentence that fits best. With `--base-url`, a server embeds and reranks in place of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from common import QUESTIONS, Models, Sparse, corpus, models, quote, words_of, words_of_query
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import BaseSynthesizer
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import QueryEngineTool
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient
from qdrant_client.models import Modifier, SparseVectorParams

from llama_index.embeddings.pertinence import PertinenceEmbedding
from llama_index.postprocessor.pertinence import PertinenceRerank

FOUND = 10
KEPT = 3


class Quoting(BaseSynthesizer):
    """Answers with a sentence of the nodes, where a language model would write one."""

    def get_response(self, query_str: str, text_chunks: Sequence[str], **kwargs: Any) -> str:
        return quote(query_str, list(text_chunks))

    async def aget_response(self, query_str: str, text_chunks: Sequence[str], **kwargs: Any) -> str:
        return self.get_response(query_str, text_chunks)

    def _get_prompts(self) -> dict[str, Any]:
        return {}

    def _update_prompts(self, prompts: dict[str, Any]) -> None:
        return None


def main() -> None:
    """Index the passages, then ask each question."""
    chosen = models(__doc__)
    engine = query_engine(index(chosen), chosen)
    for question, wanted in QUESTIONS.items():
        response = engine.query(question)
        print(f"\n{question}\n  {response}")
        for found in response.source_nodes:
            before = found.metadata["retrieval_score"]
            print(f"  {found.score:.3f}  {name(found)}  (first stage {before:.3f})")
        if name(response.source_nodes[0]) != wanted:
            raise SystemExit(f"{wanted} should have come first")

    tool = QueryEngineTool.from_defaults(engine, name="household", description="Answers household questions.")
    question = next(iter(QUESTIONS))
    print(f"\nAn agent that calls the tool {tool.metadata.name!r} reads:\n  {tool.call(question).content}")


def index(chosen: Models) -> VectorStoreIndex:
    """The passages in a collection of Qdrant, each with its vector and its words."""
    embedding = PertinenceEmbedding(model_name=chosen.embedder["model"], **server(chosen))
    store = QdrantVectorStore(
        "household",
        client=QdrantClient(":memory:"),
        index_doc_id=False,  # payload indexes are for a Qdrant of its own
        enable_hybrid=True,
        sparse_doc_fn=sparse(words_of),
        sparse_query_fn=sparse(words_of_query),
        sparse_config=SparseVectorParams(modifier=Modifier.IDF),
    )
    hidden = ["passage"]  # told to us, and neither to the models nor to a prompt
    nodes = [
        TextNode(
            id_=str(uuid5(NAMESPACE_URL, each)),  # a name that Qdrant takes
            text=text,
            metadata={"passage": each},
            excluded_embed_metadata_keys=hidden,
            excluded_llm_metadata_keys=hidden,
        )
        for each, text in corpus().items()
    ]
    return VectorStoreIndex(
        nodes, storage_context=StorageContext.from_defaults(vector_store=store), embed_model=embedding
    )


def query_engine(passages: VectorStoreIndex, chosen: Models) -> RetrieverQueryEngine:
    """Hybrid retrieval, our reranker behind it, and an answer from what it keeps."""
    retriever = passages.as_retriever(
        vector_store_query_mode="hybrid", similarity_top_k=FOUND, sparse_top_k=FOUND, hybrid_top_k=FOUND
    )
    reranker = PertinenceRerank(top_n=KEPT, keep_retrieval_score=True, **chosen.reranker)
    return RetrieverQueryEngine(retriever, Quoting(llm=MockLLM()), node_postprocessors=[reranker])


def sparse(encode: Callable[[str], Sparse]) -> Callable[[list[str]], tuple[list[Any], list[Any]]]:
    """An encoder of one text in the form that the store wants: indices of all texts, weights of all."""

    def encoder(texts: list[str]) -> tuple[list[Any], list[Any]]:
        encoded = [encode(text) for text in texts]
        return [indices for indices, _ in encoded], [weights for _, weights in encoded]

    return encoder


def server(chosen: Models) -> dict[str, Any]:
    """The embedder's options but for the model, which LlamaIndex calls by another word."""
    return {name: value for name, value in chosen.embedder.items() if name != "model"}


def name(found: NodeWithScore) -> str:
    """The passage that a node holds."""
    return str(found.metadata["passage"])


if __name__ == "__main__":
    main()
