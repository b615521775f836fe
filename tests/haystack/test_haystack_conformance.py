"""The suite of every adapter, over the Haystack component."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from haystack import Document
from haystack.utils import ComponentDevice, Secret

from haystack_integrations.components.rankers.pertinence import PertinenceRanker
from pertinence.testing import Driver, Hit
from pertinence.testing.conformance import ModelConformance, PerCallConformance
from support.remote import RemoteConformance


class RankerDriver(Driver[PertinenceRanker, Document]):
    """`run` and `run_async`, as a pipeline calls them."""

    words: ClassVar[Mapping[str, str]] = {"threshold": "score_threshold", "score_kind": "scale_score"}
    own_forms: ClassVar[frozenset[str]] = frozenset({"token", "api_key", "device", "score_kind"})
    unknown_option_errors = (TypeError,)
    dump_errors = (ValueError,)

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
        # Haystack's metaclass hides the constructor behind a call of its own.
        signature = inspect.signature(PertinenceRanker.__init__)
        return {name: each.default for name, each in signature.parameters.items() if name != "self"}


class TestRun(PerCallConformance):
    driver = RankerDriver()


class TestEmbeddedDefault(ModelConformance):
    driver = RankerDriver()


class TestServer(RemoteConformance):
    driver = RankerDriver()


def hit(document: Document) -> Hit:
    return Hit(id=document.id, score=document.score, text=document.content or "", metadata=document.meta)
