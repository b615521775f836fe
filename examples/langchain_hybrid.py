"""LangChain: hybrid search in Qdrant, then reranking, in a chain that answers and as an agent's tool.

    python examples/langchain_hybrid.py
    python examples/langchain_hybrid.py --base-url http://localhost:7997 --embedder NAME --reranker NAME

Qdrant runs inside this process. It fuses two first stages, vectors and shared words (BM25); Pertinence
embeds for the one and puts what both found in order. No language model is asked: the answer is the
sentence that fits best. With `--base-url`, a server embeds and reranks in place of this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from common import QUESTIONS, Models, corpus, models, quote, words_of, words_of_query
from langchain_core.documents import Document
from langchain_core.language_models import SimpleChatModel
from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnablePassthrough
from langchain_core.tools import create_retriever_tool
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector
from qdrant_client.models import Modifier

from langchain_pertinence import PertinenceEmbeddings, PertinenceRetriever

FOUND = 10
KEPT = 3
PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer from the passages."), ("human", "{passages}\n\n{question}")]
)


class Words(SparseEmbeddings):
    """A text's words, which Qdrant searches as BM25 does."""

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        return [SparseVector(indices=places, values=weights) for places, weights in map(words_of, texts)]

    def embed_query(self, text: str) -> SparseVector:
        places, weights = words_of_query(text)
        return SparseVector(indices=places, values=weights)


class Quoting(SimpleChatModel):
    """Quotes the sentence of its prompt that answers best, where a chat model would write one."""

    @property
    def _llm_type(self) -> str:
        return "quoting"

    def _call(self, messages: list[BaseMessage], *_: Any, **__: Any) -> str:
        *passages, question = messages[-1].text.split("\n\n")
        return quote(question, passages)


def main() -> None:
    """Index the passages, ask each question, and let an agent ask one."""
    chosen = models(__doc__)
    retriever = reranked(chosen)
    chain = answering(retriever)
    for question, wanted in QUESTIONS.items():
        kept = retriever.invoke(question)
        print(f"\n{question}\n  {chain.invoke(question)}")
        for document in kept:
            print(f"  {score(document):.3f}  {name(document)}")
        # Of the embedded default we know that it answers these; of another model we do not.
        if not chosen.reranker and name(kept[0]) != wanted:
            raise SystemExit(f"{wanted} should have come first")

    message = asyncio.run(called(retriever, next(iter(QUESTIONS))))
    print(f"\nAn agent that calls the tool {message.name!r} reads:\n  {message.text.splitlines()[0]}")
    print("and its program has the documents:")
    print("  " + ", ".join(f"{name(document)} {score(document):.3f}" for document in message.artifact))


def reranked(chosen: Models) -> PertinenceRetriever:
    """The passages in a collection of Qdrant, each with its vector and its words; what it finds, reranked."""
    store = QdrantVectorStore.from_documents(
        [Document(text, metadata={"passage": each}) for each, text in corpus().items()],
        embedding=PertinenceEmbeddings(**chosen.embedder),
        sparse_embedding=Words(),
        sparse_vector_params={"modifier": Modifier.IDF},
        retrieval_mode=RetrievalMode.HYBRID,
        location=":memory:",
    )
    first_stage = store.as_retriever(search_kwargs={"k": FOUND})
    return PertinenceRetriever(retriever=first_stage, k=KEPT, **chosen.reranker)


def answering(retriever: BaseRetriever) -> Runnable[str, str]:
    """From a question to an answer; a chat model of yours goes where `Quoting` is."""
    asked = {"passages": retriever | joined, "question": RunnablePassthrough()}
    return asked | PROMPT | Quoting() | StrOutputParser()


async def called(retriever: BaseRetriever, question: str) -> ToolMessage:
    """What an agent is given when it calls the retriever as a tool."""
    tool = create_retriever_tool(
        retriever, "household", "Answers household questions.", response_format="content_and_artifact"
    )
    call = {"name": tool.name, "args": {"query": question}, "id": "call-1", "type": "tool_call"}
    message: ToolMessage = await tool.ainvoke(call)
    return message


def joined(documents: Sequence[Document]) -> str:
    """Their texts, as a prompt takes them."""
    return "\n\n".join(document.page_content for document in documents)


def name(document: Document) -> str:
    """The passage that a document holds."""
    return str(document.metadata["passage"])


def score(document: Document) -> float:
    """How well it answers, in the eyes of the reranker."""
    return float(document.metadata["relevance_score"])


if __name__ == "__main__":
    main()
