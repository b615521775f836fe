"""`PertinenceRanker`: document ranker, for use after any retriever of a pipeline or standalone."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, ClassVar

from haystack import Document, component
from haystack.utils import ComponentDevice, Secret

from haystack_integrations.common.pertinence import API_KEY, TOKEN, PertinenceComponent, read, score_kind
from haystack_integrations.components.rankers.pertinence.documents import Candidate, answer, candidates
from pertinence import Reranker
from pertinence.integration import BackendName, DtypeName, Truncation

__all__ = ["PertinenceRanker"]


@component
class PertinenceRanker(PertinenceComponent):
    """
    Ranker that puts documents in order of relevance to a query and keeps the best.

    The model is loaded on first use and shared with every other component of this process that names the same
    model. One instance may serve any number of threads and event loops at once.

    ```python
    from haystack import Document
    from haystack_integrations.components.rankers.pertinence import PertinenceRanker

    ranker = PertinenceRanker(top_k=1)
    documents = [Document(content="The mill was built in 1880."), Document(content="Taxes are due in May.")]
    result = ranker.run(query="Who built the mill?", documents=documents)
    ```
    """

    _words: ClassVar = {"threshold": "score_threshold"}

    top_k: int | None
    scale_score: bool | None
    score_threshold: float | None
    query_prefix: str
    query_suffix: str
    document_prefix: str
    document_suffix: str
    meta_fields_to_embed: list[str] | None
    embedding_separator: str
    truncation: Truncation

    def __init__(
        self,
        *,
        model: str | None = None,
        top_k: int | None = None,
        scale_score: bool | None = None,
        score_threshold: float | None = None,
        query_prefix: str = "",
        query_suffix: str = "",
        document_prefix: str = "",
        document_suffix: str = "",
        meta_fields_to_embed: list[str] | None = None,
        embedding_separator: str = "\n",
        device: ComponentDevice | None = None,
        backend: BackendName = "auto",
        dtype: DtypeName = "auto",
        max_length: int | None = None,
        truncation: Truncation = "longest_first",
        batch_tokens: int | None = None,
        max_queued: int | None = None,
        trust_remote_code: bool = False,
        revision: str | None = None,
        token: Secret | None = TOKEN,
        cache_folder: str | None = None,
        local_files_only: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        base_url: str | None = None,
        dialect: str | dict[str, Any] | None = None,
        api_key: Secret | None = API_KEY,
        timeout: float = 120.0,
        max_retries: int = 3,
        concurrency: int = 8,
        headers: dict[str, str] | None = None,
        verify: bool | str = True,
        proxy: str | None = None,
    ) -> None:
        """
        Set the model and the ranking options; nothing is loaded yet.

        `pertinence.integration.Options` documents the parameters that are not listed here.

        :param top_k: How many documents to keep; None keeps all.
        :param scale_score: True gives probabilities, False the model's own logits. None gives probabilities
            if they are available. If only the server knows the scale of its scores, None gives them
            unchanged. `meta` states which kind was returned.
        :param score_threshold: Keep scores greater than or equal to it, before `top_k`; None keeps all.
        :param meta_fields_to_embed: Metadata that is put before a document's text, if it is not None.
        :param embedding_separator: Separator between those metadata and the text.
        :param device: The device of the torch backend; None leaves the choice to the core.
        :param token: Access token of the model hub.
        :param api_key: Key of the server that `base_url` names.
        :raises OptionError: A parameter has a value that is not accepted; a `ValueError`.
        """
        self._keep(locals())
        self._ready()

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(
        self,
        query: str,
        documents: list[Document],
        top_k: int | None = None,
        scale_score: bool | None = None,
        score_threshold: float | None = None,
    ) -> dict[str, Any]:
        """
        Put documents in order of relevance. Of documents that share an id, only the highest-scored is ranked.

        :param query: The query.
        :param documents: The documents; they are not changed.
        :param top_k: How many to keep; None takes the component's own.
        :param scale_score: Probabilities or logits; None takes the component's own.
        :param score_threshold: Keep scores greater than or equal to it; None takes the component's own.
        :returns: `documents`, copies of the kept ones with their score, best first; and `meta`: the `model`
            and `score_kind`; why documents may be missing (`duplicates`, how many were `scored`, the
            `score_threshold` and `top_k` of this run); changes made to texts (how many were `truncated`,
            `empty`, `repaired` of lone surrogates; `query_truncated`); and the `usage` that a server reports.
        :raises InputError: The query is empty, a document has no text, or a value is out of range.
        :raises ModelError: The model cannot be found or loaded.
        """
        options = self._options(top_k=top_k, scale_score=scale_score, score_threshold=score_threshold)
        given = self._read(documents)
        ranking = self._handle.rank(options, query, candidates(given), text=itemgetter(1))
        return answer(ranking, options, len(given))

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(
        self,
        query: str,
        documents: list[Document],
        top_k: int | None = None,
        scale_score: bool | None = None,
        score_threshold: float | None = None,
    ) -> dict[str, Any]:
        """Run asynchronously and without a thread. Cancelling the task withdraws the request."""
        options = self._options(top_k=top_k, scale_score=scale_score, score_threshold=score_threshold)
        given = self._read(documents)
        ranking = await self._handle.arank(options, query, candidates(given), text=itemgetter(1))
        return answer(ranking, options, len(given))

    def _opened(self) -> Reranker:
        return self._handle.reranker(self._options())

    def _values(self, *, scale_score: bool | None = None, **changes: Any) -> dict[str, Any]:
        asked = self.scale_score if scale_score is None else scale_score
        # `super()` would fail: it refers to the class that Haystack's decorator has replaced.
        return {**PertinenceComponent._values(self, **changes), "score_kind": score_kind(asked)}

    def _read(self, documents: list[Document]) -> list[Candidate]:
        return read(documents, self.meta_fields_to_embed, self.embedding_separator)
