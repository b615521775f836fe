"""The suites of every adapter, over the components of Haystack."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

from haystack import Document
from haystack.utils import ComponentDevice, Secret

from haystack_integrations.components.embedders.pertinence import (
    PertinenceDocumentEmbedder,
    PertinenceTextEmbedder,
)
from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from pertinence.testing import Driver, EmbedderDriver, Hit
from pertinence.testing.conformance import EmbedderConformance, PerCallConformance
from support.conformance import (
    EmbeddedConformance,
    LocalConformance,
    LocalVectorsConformance,
    RemoteVectorsConformance,
)
from support.remote import RemoteConformance


class RankerDriver(Driver[PertinenceRanker, Document]):
    """`run` and `run_async`, as a pipeline calls them."""

    words: ClassVar[Mapping[str, str]] = {"threshold": "score_threshold", "score_kind": "scale_score"}
    own_forms: ClassVar[frozenset[str]] = frozenset({"token", "api_key", "device", "score_kind"})
    unknown_option_errors = (TypeError,)
    dump_errors = (ValueError,)
    merges_ids = True

    def make(self, **options: Any) -> PertinenceRanker:
        return PertinenceRanker(**options)

    def document(self, name: str, text: Any, metadata: dict[str, Any]) -> Document:
        document = Document(id=name, meta=metadata)
        document.__dict__["content"] = text
        return document

    def run(
        self, component: PertinenceRanker, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        # The annotation asks for a list; what is promised holds for any sequence.
        output = component.run(query=query, documents=documents, **call)  # type: ignore[arg-type]
        return [hit(each) for each in output["documents"]]

    async def arun(
        self, component: PertinenceRanker, query: Any, documents: Sequence[Document], **call: Any
    ) -> list[Hit]:
        output = await component.run_async(query=query, documents=documents, **call)  # type: ignore[arg-type]
        return [hit(each) for each in output["documents"]]

    def dump(self, component: PertinenceRanker) -> Any:
        return component.to_dict()

    def load(self, data: Any) -> PertinenceRanker:
        return PertinenceRanker.from_dict(data)

    def value(self, option: str, plain: Any) -> Any:
        forms = {
            "token": Secret.from_token,
            "api_key": Secret.from_token,
            "device": ComponentDevice.from_str,
            "score_kind": lambda kind: kind == "probability",
        }
        return forms[option](plain) if option in forms else plain

    def parameters(self) -> Mapping[str, Any]:
        return parameters_of(PertinenceRanker)

    def metadata(self, document: Document) -> Any:
        return document.meta

    def truncated(self, component: PertinenceRanker, query: str, documents: Sequence[Document]) -> int | None:
        truncated: int | None = component.run(query, list(documents))["meta"]["truncated"]
        return truncated


@dataclass
class Embedders:
    """Haystack's two: one for questions and one for documents."""

    text: PertinenceTextEmbedder
    document: PertinenceDocumentEmbedder

    def close(self) -> None:
        self.text.close()
        self.document.close()

    def __copy__(self) -> Embedders:
        return Embedders(copy(self.text), copy(self.document))


class EmbeddersDriver(EmbedderDriver[Embedders]):
    """`run` and `run_async` of both."""

    words: ClassVar[Mapping[str, str]] = {
        "query_prefix": "text:prefix",
        "query_suffix": "text:suffix",
        "document_prefix": "document:prefix",
        "document_suffix": "document:suffix",
        "normalize": "normalize_embeddings",
        "ranges": "quantization_ranges",
    }
    own_forms: ClassVar[frozenset[str]] = frozenset({"token", "api_key", "device", "normalize"})
    unknown_option_errors = (TypeError,)
    dump_errors = (ValueError,)

    def make(self, **options: Any) -> Embedders:
        text = {name.removeprefix("text:"): value for name, value in options.items()}
        document = {name.removeprefix("document:"): value for name, value in options.items()}
        return Embedders(
            PertinenceTextEmbedder(**{name: value for name, value in text.items() if ":" not in name}),
            PertinenceDocumentEmbedder(
                **{name: value for name, value in document.items() if ":" not in name}
            ),
        )

    def parameters(self) -> Mapping[str, Any]:
        text, document = parameters_of(PertinenceTextEmbedder), parameters_of(PertinenceDocumentEmbedder)
        own = {f"text:{name}": text[name] for name in ("prefix", "suffix")}
        return {**text, **own, **{f"document:{name}": document[name] for name in ("prefix", "suffix")}}

    def document(self, text: Any) -> Document:
        return RankerDriver().document("one", text, {"page": 1})

    def embed_query(self, component: Embedders, query: Any) -> Any:
        return component.text.run(query)["embedding"]

    async def aembed_query(self, component: Embedders, query: Any) -> Any:
        return (await component.text.run_async(query))["embedding"]

    def embed_documents(self, component: Embedders, documents: Sequence[Any]) -> Any:
        return [each.embedding for each in component.document.run(list(documents))["documents"]]

    async def aembed_documents(self, component: Embedders, documents: Sequence[Any]) -> Any:
        output = await component.document.run_async(list(documents))
        return [each.embedding for each in output["documents"]]

    def dump(self, component: Embedders) -> Any:
        return [component.text.to_dict(), component.document.to_dict()]

    def load(self, data: Any) -> Embedders:
        text, document = data
        return Embedders(
            PertinenceTextEmbedder.from_dict(text), PertinenceDocumentEmbedder.from_dict(document)
        )

    def value(self, option: str, plain: Any) -> Any:
        return plain if option == "normalize" else RankerDriver().value(option, plain)


class TestRun(PerCallConformance):
    driver = RankerDriver()


class TestEmbeddedDefault(EmbeddedConformance):
    driver = RankerDriver()


class TestModelOfThisMachine(LocalConformance):
    driver = RankerDriver()


class TestServer(RemoteConformance):
    driver = RankerDriver()


class TestEmbedders(EmbedderConformance):
    driver = EmbeddersDriver()


class TestEmbeddingModelOfThisMachine(LocalVectorsConformance):
    driver = EmbeddersDriver()


class TestServerOfVectors(RemoteVectorsConformance):
    driver = EmbeddersDriver()


def parameters_of(component: Any) -> dict[str, Any]:
    # Haystack's metaclass hides the constructor behind a call of its own.
    signature = inspect.signature(component.__init__)
    return {name: each.default for name, each in signature.parameters.items() if name != "self"}


def hit(document: Document) -> Hit:
    return Hit(
        id=document.id,
        score=document.score,
        text=document.content or "",
        metadata=document.meta,
        document=document,
    )
