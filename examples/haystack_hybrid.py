"""Haystack: hybrid search in Qdrant, then reranking, a prompt and an answer, as one pipeline.

    python examples/haystack_hybrid.py
    python examples/haystack_hybrid.py --base-url http://localhost:7997 --embedder NAME --reranker NAME

Qdrant runs inside this process. Two retrievers search it in parallel, by vector and by shared words (BM25),
and a joiner fuses what they found; Pertinence embeds for the one and puts the fused list in order. No
language model is asked: the answer is the sentence of the prompt that fits best. With `--base-url`, a
server embeds and reranks in place of this machine.
"""

from __future__ import annotations

import os
from typing import Any

# Haystack reports its use unless told not to; this example talks to nobody.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from common import QUESTIONS, Models, Sparse, corpus, models, quote, words_of, words_of_query
from haystack import Document, Pipeline, component
from haystack.components.builders import AnswerBuilder, PromptBuilder
from haystack.components.joiners import DocumentJoiner
from haystack.dataclasses import GeneratedAnswer, SparseEmbedding
from haystack_integrations.components.retrievers.qdrant import (
    QdrantEmbeddingRetriever,
    QdrantSparseEmbeddingRetriever,
)
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore

from haystack_integrations.components.embedders.pertinence import (
    PertinenceDocumentEmbedder,
    PertinenceTextEmbedder,
)
from haystack_integrations.components.rankers.pertinence import PertinenceRanker

FOUND = 10
KEPT = 3
PROMPT = """{% for document in documents %}{{ document.content }}
{% endfor %}{{ question }}"""


@component
class Words:
    """A question as the words that it shares with passages."""

    @component.output_types(sparse_embedding=SparseEmbedding)
    def run(self, text: str) -> dict[str, Any]:
        return {"sparse_embedding": sparse(words_of_query(text))}


@component
class Quoting:
    """Replies with a sentence of the prompt, where a language model would write one."""

    @component.output_types(replies=list[str])
    def run(self, prompt: str) -> dict[str, Any]:
        *passages, question = prompt.splitlines()
        return {"replies": [quote(question, passages)]}


def main() -> None:
    """Index the passages, then ask each question."""
    chosen = models(__doc__)
    asking = pipeline(index(chosen), chosen)
    for question, wanted in QUESTIONS.items():
        output = asking.run(
            {
                "embedder": {"text": question},
                "words": {"text": question},
                "ranker": {"query": question},
                "prompt": {"question": question},
                "answer": {"query": question},
            },
            include_outputs_from={"ranker"},
        )
        answer: GeneratedAnswer = output["answer"]["answers"][0]
        print(f"\n{question}\n  {answer.data}")
        for document in answer.documents:
            print(f"  {document.score:.3f}  {document.id}")
        meta = output["ranker"]["meta"]
        print(f"  {meta['scored']} found and scored by {meta['model']}, as {meta['score_kind']}")
        if answer.documents[0].id != wanted:
            raise SystemExit(f"{wanted} should have come first")
    asking.close()


def index(chosen: Models) -> QdrantDocumentStore:
    """The passages in a collection of Qdrant, each with its vector and its words."""
    documents = [
        Document(id=id, content=text, sparse_embedding=sparse(words_of(text)))
        for id, text in corpus().items()
    ]
    embedder = PertinenceDocumentEmbedder(**chosen.embedder)
    embedded = embedder.run(documents)["documents"]
    embedder.close()
    store = QdrantDocumentStore(
        ":memory:",
        embedding_dim=len(embedded[0].embedding),
        use_sparse_embeddings=True,
        sparse_idf=True,
        progress_bar=False,
    )
    store.write_documents(embedded)
    return store


def pipeline(store: QdrantDocumentStore, chosen: Models) -> Pipeline:
    """Two retrievers, a joiner, our ranker, and an answer from what it keeps."""
    pipeline = Pipeline()
    pipeline.add_component("embedder", PertinenceTextEmbedder(**chosen.embedder))
    pipeline.add_component("by_vector", QdrantEmbeddingRetriever(store, top_k=FOUND))
    pipeline.add_component("words", Words())
    pipeline.add_component("by_words", QdrantSparseEmbeddingRetriever(store, top_k=FOUND))
    pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
    pipeline.add_component("ranker", PertinenceRanker(top_k=KEPT, **chosen.reranker))
    pipeline.add_component("prompt", PromptBuilder(PROMPT, required_variables="*"))
    pipeline.add_component("llm", Quoting())
    pipeline.add_component("answer", AnswerBuilder())

    pipeline.connect("embedder.embedding", "by_vector.query_embedding")
    pipeline.connect("words.sparse_embedding", "by_words.query_sparse_embedding")
    pipeline.connect("by_vector.documents", "joiner.documents")
    pipeline.connect("by_words.documents", "joiner.documents")
    pipeline.connect("joiner.documents", "ranker.documents")
    pipeline.connect("ranker.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "llm.prompt")
    pipeline.connect("llm.replies", "answer.replies")
    pipeline.connect("ranker.documents", "answer.documents")
    return pipeline


def sparse(words: Sparse) -> SparseEmbedding:
    """Words in the form that Haystack's stores want."""
    indices, weights = words
    return SparseEmbedding(indices=indices, values=weights)


if __name__ == "__main__":
    main()
