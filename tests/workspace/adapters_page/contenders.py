"""The components that are measured, ours and the frameworks' own: how the suites use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from haystack import Document as HaystackDocument
from haystack.utils import ComponentDevice
from haystack_integrations.components.rankers.sentence_transformers import (
    SentenceTransformersSimilarityRanker,
)
from langchain_classic.retrievers.document_compressors import CrossEncoderReranker
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import Document
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.postprocessor import SentenceTransformerRerank

from pertinence.testing import Driver, FakeScorer, Hit, scoring_with
from support.drivers import drivers

__all__ = ["Contender", "contenders"]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A component and its driver.

    Attributes:
        name: its class.
        distribution: where it comes from.
        framework: whose interface it has.
        driver: how the suites use it.
        options: what it needs to find its model, and to keep all documents.
        told: how a run of it shows in the framework's traces; None where the framework sees to that.
        running: inside, it can be run.
    """

    name: str
    distribution: str
    framework: str
    driver: Driver[Any, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    told: Callable[[Any, Sequence[Any]], str] | None = None
    running: Callable[[], AbstractContextManager[Any]] = nullcontext

    @property
    def title(self) -> str:
        """Name, distribution and version, as a head of a column; our own version goes without saying."""
        if "pertinence" in self.distribution:
            return f"`{self.name}`"
        return f"`{self.name}` ({self.distribution} {version(self.distribution)})"


def contenders(model: Path) -> list[Contender]:
    """Ours over a fake scorer, and the frameworks' own over a small model of random weights."""
    peer = {"model": str(model), "top_k": 1000}

    def faked() -> AbstractContextManager[Any]:
        return scoring_with(FakeScorer())

    langchain, llama_index, haystack = (drivers(name) for name in ("langchain", "llama_index", "haystack"))
    return [
        Contender(
            name="PertinenceRerank",
            distribution="langchain-pertinence",
            framework="LangChain",
            driver=langchain.CompressorDriver(),
            told=_told_in_langchain,
            running=faked,
        ),
        Contender(
            name="CrossEncoderReranker",
            distribution="langchain-classic",
            framework="LangChain",
            driver=_LangChain(),
            options={"top_k": 1000},
            told=_told_in_langchain,
        ),
        Contender(
            name="PertinenceRerank",
            distribution="llama-index-postprocessor-pertinence",
            framework="LlamaIndex",
            driver=llama_index.PostprocessorDriver(),
            told=_told_in_llama_index,
            running=faked,
        ),
        Contender(
            name="SentenceTransformerRerank",
            distribution="llama-index-core",
            framework="LlamaIndex",
            driver=_llama_index(llama_index.PostprocessorDriver)(),
            options=peer,
            told=_told_in_llama_index,
        ),
        Contender(
            name="PertinenceRanker",
            distribution="pertinence-haystack",
            framework="Haystack",
            driver=haystack.RankerDriver(),
            running=faked,
        ),
        Contender(
            name="SentenceTransformersSimilarityRanker",
            distribution="sentence-transformers-haystack",
            framework="Haystack",
            driver=_Haystack(),
            options=peer,
        ),
    ]


class Overlap(BaseCrossEncoder):
    """A cross-encoder without a model."""

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        return [FakeScorer().score(query, text) for query, text in text_pairs]


class _LangChain(Driver[CrossEncoderReranker, Document]):
    words: ClassVar[Mapping[str, str]] = {"top_k": "top_n"}
    unknown_option_errors = (ValueError,)

    def make(self, **options: Any) -> CrossEncoderReranker:
        return CrossEncoderReranker(model=Overlap(), **options)

    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> Document:
        return Document.model_construct(id=name, page_content=text, metadata=metadata)

    def run(self, component: Any, query: Any, documents: Sequence[Document], **call: Any) -> list[Hit]:
        return [_langchain_hit(each) for each in component.compress_documents(documents, query)]

    async def arun(self, component: Any, query: Any, documents: Sequence[Document], **call: Any) -> list[Hit]:
        return [_langchain_hit(each) for each in await component.acompress_documents(documents, query)]

    def dump(self, component: Any) -> Any:
        return component.model_dump(mode="json")

    def load(self, data: Any) -> Any:
        return CrossEncoderReranker.model_validate(data)


def _langchain_hit(document: Document) -> Hit:
    metadata = dict(document.metadata)
    score = metadata.pop("relevance_score", None)
    return Hit(
        id=str(document.id), score=score, text=document.page_content, metadata=metadata, document=document
    )


def _llama_index(ours: type[Any]) -> type[Any]:
    class _LlamaIndex(ours):  # type: ignore[misc]
        """Nodes go in and come out as they do of ours."""

        unknown_option_errors = (TypeError,)

        def make(self, **options: Any) -> SentenceTransformerRerank:
            return SentenceTransformerRerank(device="cpu", **options)

        def load(self, data: Any) -> SentenceTransformerRerank:
            return SentenceTransformerRerank.from_dict(data)

    return _LlamaIndex


class _Haystack(Driver[SentenceTransformersSimilarityRanker, HaystackDocument]):
    words: ClassVar[Mapping[str, str]] = {"threshold": "score_threshold"}
    unknown_option_errors = (TypeError,)
    merges_ids = True

    def make(self, **options: Any) -> SentenceTransformersSimilarityRanker:
        return SentenceTransformersSimilarityRanker(device=ComponentDevice.from_str("cpu"), **options)

    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> HaystackDocument:
        document = HaystackDocument(id=name, meta=metadata)
        document.__dict__["content"] = text
        return document

    def run(self, component: Any, query: Any, documents: Sequence[Any], **call: Any) -> list[Hit]:
        found = component.run(query=query, documents=list(documents))["documents"]
        return [
            Hit(id=each.id, score=each.score, text=each.content, metadata=each.meta, document=each)
            for each in found
        ]

    async def arun(self, component: Any, query: Any, documents: Sequence[Any], **call: Any) -> list[Hit]:
        # What a pipeline does with a component that has no `run_async`.
        return await asyncio.to_thread(self.run, component, query, documents)

    def metadata(self, document: HaystackDocument) -> Any:
        return document.meta

    def dump(self, component: Any) -> Any:
        return component.to_dict()

    def load(self, data: Any) -> Any:
        return SentenceTransformersSimilarityRanker.from_dict(json.loads(json.dumps(data)))


class _Runs(BaseCallbackHandler):
    def __init__(self) -> None:
        self.count = 0

    def on_retriever_start(self, *_: Any, **__: Any) -> None:
        self.count += 1


def _told_in_langchain(component: Any, documents: Sequence[Any]) -> str:
    runs = _Runs()
    component.compress_documents(documents, "mill", callbacks=[runs])
    return "yes" if runs.count else "no"


class _Events(BaseEventHandler):  # type: ignore[misc]
    seen: ClassVar[list[str]] = []

    def handle(self, event: Any, **_: Any) -> None:
        self.seen.append(type(event).__name__)


def _told_in_llama_index(component: Any, documents: Sequence[Any]) -> str:
    root, callbacks = get_dispatcher(), LlamaDebugHandler(print_trace_on_end=False)
    handlers = list(root.event_handlers)
    root.add_event_handler(_Events())
    _Events.seen.clear()
    component.callback_manager = CallbackManager([callbacks])
    component.postprocess_nodes(list(documents), query_str="mill")
    root.event_handlers[:] = handlers
    if "ReRankStartEvent" in _Events.seen:
        return "yes"
    return "callback, no event" if callbacks.get_event_pairs(CBEventType.RERANKING) else "no"
