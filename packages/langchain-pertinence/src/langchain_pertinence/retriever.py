"""`PertinenceRetriever`: wrapper of any retriever that reranks the documents it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, RetrieverLike
from langchain_core.runnables import Runnable
from pydantic import WithJsonSchema

from langchain_pertinence.documents import DocumentFields
from langchain_pertinence.rerank import PertinenceRerank
from pertinence import OptionError
from pertinence.components import CONFIG
from pertinence.integration import Options, check_query

__all__ = ["PertinenceRetriever"]

# In a trace, the rerank step has the same name as behind any other retriever.
_STEP = PertinenceRerank.__name__


class PertinenceRetriever(DocumentFields, BaseRetriever):
    """Retriever that queries another retriever and puts the documents it finds in order of relevance.

    The other retriever determines the number of candidates. Let it fetch a few dozen, and keep a handful of
    them here.

        retriever = PertinenceRetriever(retriever=store.as_retriever(search_kwargs={"k": 50}), k=5)
        tool = create_retriever_tool(retriever, "search", "Searches the handbook.")

    In a trace, the runs of the other retriever and of the rerank step are children of this retriever's run.
    The model is loaded on first use and shared with every other component that names the same model.

    Attributes:
        retriever: any retriever, or any other runnable that takes a query and returns documents.
        k: how many documents to keep, after `threshold`; None keeps all. A call may set other values:
            `invoke(query, k=3, threshold=0.5)`.
    """

    model_config = CONFIG

    retriever: Annotated[RetrieverLike, WithJsonSchema({"type": "object"})]
    k: int | None = None

    _words: ClassVar[Mapping[str, str]] = {"top_k": "k"}

    @classmethod
    def _check(cls, data: Mapping[str, Any], options: Options) -> None:
        super()._check(data, options)
        given = data.get("retriever")
        if not isinstance(given, Runnable):
            raise OptionError(f"retriever must be a retriever or another Runnable, got {given!r}")

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        threshold: float | None = None,
    ) -> list[Document]:
        options = self._options(k=k, threshold=threshold)
        found = self.retriever.invoke(check_query(query), {"callbacks": run_manager.get_child()})
        return self._step(options, found, query, run_manager.get_child(), _STEP)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        threshold: float | None = None,
    ) -> list[Document]:
        options = self._options(k=k, threshold=threshold)
        found = await self.retriever.ainvoke(check_query(query), {"callbacks": run_manager.get_child()})
        return await self._astep(options, found, query, run_manager.get_child(), _STEP)
