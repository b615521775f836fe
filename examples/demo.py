"""French passages reranked inside LangChain, LlamaIndex and Haystack: they retrieve, we put in order.

    python examples/demo.py        # or: nox -s demo

In each framework a first stage in memory returns the whole corpus in the order of BM25, which counts
shared words; Pertinence then reads every passage together with the question. The last two are the
hardest: a passage that shares their words answers something else, and is put first.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

# Haystack reports its use unless told not to; this demo talks to nobody.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import common
from haystack import Document as HaystackDocument
from haystack import Pipeline
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from llama_index.core.base.base_retriever import BaseRetriever as LlamaRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from langchain_pertinence import PertinenceRerank
from llama_index.postprocessor.pertinence import PertinenceRerank as LlamaRerank

QUESTIONS = {
    **common.QUESTIONS,
    "Combien d'heures un adulte doit-il dormir par nuit ?": "sante-sommeil",
    "Comment faire baisser ma facture de chauffage ?": "energie-chauffage",
}
SHOWN = 3
# Two batches of the same passages in another order may differ in the last bit of a float32.
CLOSE = 1e-6

Found = tuple[list[str], dict[str, float]]
"""Ids before reranking; ids after it with their scores, best first."""


def bm25(query: str, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> list[int]:
    """Indices of the texts, best first, for the two frameworks that bring no BM25 of their own."""
    bags = [Counter(re.findall(r"\w+", text.lower())) for text in texts]
    mean = sum(bag.total() for bag in bags) / len(bags)
    holders = Counter(word for bag in bags for word in bag)

    def score(index: int) -> float:
        bag, total = bags[index], 0.0
        for word in re.findall(r"\w+", query.lower()):
            rarity = math.log(1 + (len(bags) - holders[word] + 0.5) / (holders[word] + 0.5))
            total += rarity * bag[word] * (k1 + 1) / (bag[word] + k1 * (1 - b + b * bag.total() / mean))
        return total

    return sorted(range(len(texts)), key=score, reverse=True)


class BM25Retriever(BaseRetriever):
    """The first stage in LangChain."""

    documents: list[Document]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [
            self.documents[index] for index in bm25(query, [each.page_content for each in self.documents])
        ]


class LlamaBM25Retriever(LlamaRetriever):
    """The first stage in LlamaIndex."""

    def __init__(self, nodes: Sequence[TextNode]) -> None:
        super().__init__()
        self._nodes = nodes

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        order = bm25(query_bundle.query_str, [node.text for node in self._nodes])
        return [NodeWithScore(node=self._nodes[index]) for index in order]


class InLangChain:
    """A retriever and a document compressor."""

    def __init__(self, corpus: dict[str, str]) -> None:
        documents = [Document(id=id, page_content=text) for id, text in corpus.items()]
        self.retriever = BM25Retriever(documents=documents)
        self.reranker = PertinenceRerank()

    def __call__(self, question: str) -> Found:
        before = self.retriever.invoke(question)
        after = self.reranker.compress_documents(before, question)
        return [str(each.id) for each in before], {
            str(each.id): each.metadata["relevance_score"] for each in after
        }


class InLlamaIndex:
    """A retriever and a node postprocessor."""

    def __init__(self, corpus: dict[str, str]) -> None:
        self.retriever = LlamaBM25Retriever([TextNode(id_=id, text=text) for id, text in corpus.items()])
        self.reranker = LlamaRerank()

    def __call__(self, question: str) -> Found:
        before = self.retriever.retrieve(question)
        after = self.reranker.postprocess_nodes(before, query_str=question)
        return [each.node_id for each in before], {each.node_id: each.get_score() for each in after}


class InHaystack:
    """A pipeline of Haystack's own BM25 retriever and a ranker."""

    def __init__(self, corpus: dict[str, str]) -> None:
        # Okapi, because the others leave out what shares no word with the question.
        store = InMemoryDocumentStore(bm25_algorithm="BM25Okapi")
        store.write_documents([HaystackDocument(id=id, content=text) for id, text in corpus.items()])
        self.pipeline = Pipeline()
        self.pipeline.add_component("retriever", InMemoryBM25Retriever(store, top_k=len(corpus)))
        self.pipeline.add_component("ranker", PertinenceRanker())
        self.pipeline.connect("retriever.documents", "ranker.documents")

    def __call__(self, question: str) -> Found:
        asked: dict[str, Any] = {"retriever": {"query": question}, "ranker": {"query": question}}
        results = self.pipeline.run(asked, include_outputs_from={"retriever"})
        before, after = results["retriever"]["documents"], results["ranker"]["documents"]
        return [each.id for each in before], {each.id: each.score for each in after}


def show(question: str, answer: str, found: dict[str, Found], corpus: dict[str, str]) -> None:
    """The best passages and the one that answers, with their ranks in every framework's first stage."""
    befores = [before for before, _ in found.values()]
    _, after = next(iter(found.values()))
    width = shutil.get_terminal_size().columns
    print(f"\n{question}\n rank    score  was         passage")
    for rank, (id, score) in enumerate(after.items(), start=1):
        if rank <= SHOWN or id == answer:
            ranks = " ".join(f"{before.index(id) + 1:2}" for before in befores)
            start = f" {rank:3}{'*' if id == answer else ' '}  {score:7.4f}  {ranks}    "
            print(start + textwrap.shorten(corpus[id], width - len(start), placeholder=" …"))


def differences(found: dict[str, Found], corpus: dict[str, str]) -> Iterator[str]:
    """What the frameworks do not agree on: documents lost, order, scores."""
    (first, (_, reference)), *others = found.items()
    for name, (before, after) in found.items():
        if set(before) != set(corpus) or set(after) != set(corpus):
            yield f"{name} lost or invented passages"
    for name, (_, after) in others:
        apart = max(abs(after.get(id, math.inf) - score) for id, score in reference.items())
        if apart > CLOSE:
            yield f"{name} and {first} give scores that are {apart:.1e} apart"
        if list(after) != list(reference):
            yield f"{name} and {first} give another order"


def main() -> int:
    """Ask every question in every framework; 1 if they do not agree."""
    corpus = common.corpus()
    frameworks = {
        "LangChain": InLangChain(corpus),
        "LlamaIndex": InLlamaIndex(corpus),
        "Haystack": InHaystack(corpus),
    }
    print(f"{len(corpus)} passages. `was` is the rank that the first stage of {', '.join(frameworks)} gave;")
    print("`rank` is ours, the same for all three; * marks the passage that answers.")
    problems = []
    for question, answer in QUESTIONS.items():
        found = {name: ask(question) for name, ask in frameworks.items()}
        show(question, answer, found, corpus)
        problems += [f"{question} {difference}" for difference in differences(found, corpus)]
    print()
    for problem in problems:
        print(f"NOT THE SAME: {problem}")
    if not problems:
        print(f"{', '.join(frameworks)}: same order, same scores (within {CLOSE:g}).")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
