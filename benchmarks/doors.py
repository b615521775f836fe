"""The synchronous door of each adapter, and the core alone, on the same passages and the same model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from haystack import Document as HaystackDocument
from langchain_core.documents import Document
from llama_index.core.schema import NodeWithScore, TextNode

from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from langchain_pertinence import PertinenceRerank
from llama_index.postprocessor.pertinence import PertinenceRerank as LlamaRerank
from pertinence import Reranker

__all__ = ["CORE", "QUERY", "doors"]

QUERY = "Quand faut-il remuer le compost ?"
CORE = "`Reranker.rank`"


def doors(texts: Sequence[str]) -> dict[str, Callable[[], object]]:
    """Each over documents with the metadata that a loader leaves on them, which no model reads."""
    about = [{"source": "corpus.jsonl", "page": page, "language": "fr"} for page in range(len(texts))]
    both = [*zip(texts, about, strict=True)]
    documents = [Document(page_content=text, metadata=meta, id=str(meta["page"])) for text, meta in both]
    nodes = [
        NodeWithScore(
            node=TextNode(text=text, metadata=meta, excluded_embed_metadata_keys=list(meta)), score=0.5
        )
        for text, meta in both
    ]
    candidates = [HaystackDocument(content=text, meta=meta, score=0.5) for text, meta in both]
    core, langchain, llama, haystack = Reranker(), PertinenceRerank(), LlamaRerank(), PertinenceRanker()
    return {
        CORE: lambda: core.rank(QUERY, texts),
        "LangChain `compress_documents`": lambda: langchain.compress_documents(documents, QUERY),
        "LlamaIndex `postprocess_nodes`": lambda: llama.postprocess_nodes(nodes, query_str=QUERY),
        "Haystack `run`": lambda: haystack.run(QUERY, candidates),
    }
