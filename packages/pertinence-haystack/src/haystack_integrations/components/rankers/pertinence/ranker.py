"""`PertinenceRanker`: documents in order of relevance, behind any retriever of a pipeline and alone."""

from __future__ import annotations

import asyncio
import inspect
from copy import deepcopy
from operator import itemgetter
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.utils import ComponentDevice, Secret

from haystack_integrations.common.pertinence import SecretsStayBehind, check_forms, device_name, score_kind
from haystack_integrations.components.rankers.pertinence.documents import Candidate, answer, candidates
from pertinence.integration import BackendName, DtypeName, Handle, Options, Truncation, options_from

__all__ = ["PertinenceRanker"]

_WORDS = {"threshold": "score_threshold"}
# Options whose value has a form of Haystack's own.
_OWN_FORMS = ("score_kind", "device", "token", "api_key")
_PLAIN = tuple(_WORDS.get(name, name) for name in Options.names() if name not in _OWN_FORMS)
_TOKEN = Secret.from_env_var(["HF_API_TOKEN", "HF_TOKEN"], strict=False)
_API_KEY = Secret.from_env_var("PERTINENCE_API_KEY", strict=False)


@component
class PertinenceRanker(SecretsStayBehind):
    """
    Puts documents in order of relevance to a query and keeps the best.

    The model is loaded on first use and shared with every other component of this process that names the same
    one. One instance may serve any number of threads and event loops at once.

    ```python
    ranker = PertinenceRanker(top_k=3)
    result = ranker.run(query="Who built the mill?", documents=documents)
    ```
    """

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
        token: Secret | None = _TOKEN,
        cache_folder: str | None = None,
        local_files_only: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        base_url: str | None = None,
        dialect: str | dict[str, Any] | None = None,
        api_key: Secret | None = _API_KEY,
        timeout: float = 120.0,
        max_retries: int = 3,
        concurrency: int = 8,
        headers: dict[str, str] | None = None,
        verify: bool | str = True,
        proxy: str | None = None,
    ) -> None:
        """
        Set what to load and how to score; nothing is loaded yet.

        The parameters that are not listed here are explained by `pertinence.integration.Options`.

        :param top_k: How many documents to keep; None keeps all.
        :param scale_score: True gives probabilities, False the model's own logits; None gives probabilities
            too, but where only a server knows its scale, its scores as they come: `meta` says which they are.
        :param score_threshold: Keep scores greater than or equal to it, before `top_k`; None keeps all.
        :param meta_fields_to_embed: Metadata that is put before a document's text, where it is not None.
        :param embedding_separator: What stands between those and the text.
        :param device: The device of the torch backend; None leaves the choice to the core.
        :param token: Access token of the model hub.
        :param api_key: Key of the server that `base_url` names.
        :raises OptionError: A value that a parameter does not take; a `ValueError`.
        """
        self.model = model
        self.top_k = top_k
        self.scale_score = scale_score
        self.score_threshold = score_threshold
        self.query_prefix = query_prefix
        self.query_suffix = query_suffix
        self.document_prefix = document_prefix
        self.document_suffix = document_suffix
        self.meta_fields_to_embed = meta_fields_to_embed
        self.embedding_separator = embedding_separator
        self.device = device
        self.backend = backend
        self.dtype = dtype
        self.max_length = max_length
        self.truncation = truncation
        self.batch_tokens = batch_tokens
        self.max_queued = max_queued
        self.trust_remote_code = trust_remote_code
        self.revision = revision
        self.token = token
        self.cache_folder = cache_folder
        self.local_files_only = local_files_only
        self.model_kwargs = model_kwargs
        self.base_url = base_url
        self.dialect = dialect
        self.api_key = api_key
        self.timeout = timeout
        self.max_retries = max_retries
        self.concurrency = concurrency
        self.headers = headers
        self.verify = verify
        self.proxy = proxy
        self._handle = Handle()
        check_forms({"token": token, "api_key": api_key}, meta_fields_to_embed, embedding_separator)
        options = options_from(self._values(), _WORDS)
        # Paths become text here: what a component holds must be writable as YAML.
        self.model, self.cache_folder = options.model, options.cache_folder

    def to_dict(self) -> dict[str, Any]:
        """
        Write the component out; a secret that is no environment variable cannot be written.

        :returns: JSON-able data.
        :raises ValueError: The token or the key was given as such.
        """
        names = [name for name in inspect.signature(type(self).__init__).parameters if name != "self"]
        return default_to_dict(self, **{name: deepcopy(getattr(self, name)) for name in names})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PertinenceRanker:
        """Read the component that `to_dict` wrote; the data is left as it is."""
        # Copied, so that the component shares no list with what others may read again.
        return default_from_dict(cls, deepcopy(data))

    def warm_up(self) -> None:
        """Load the model now rather than on first use; once it is loaded, do nothing."""
        self._handle.reranker(self._options()).warm_up()

    async def warm_up_async(self) -> None:
        """`warm_up` for an event loop."""
        await self._handle.reranker(self._options()).awarm_up()

    def close(self) -> None:
        """Give the model back; it is loaded anew if the component is used again."""
        self._handle.close()

    async def close_async(self) -> None:
        """`close` for an event loop."""
        await asyncio.to_thread(self.close)

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
        Put the documents in order of relevance; of those that share an id, the highest score is taken.

        :param query: What is asked.
        :param documents: The documents; they are left as they are.
        :param top_k: How many to keep; None takes the component's own.
        :param scale_score: Probabilities or logits; None takes the component's own.
        :param score_threshold: Keep scores greater than or equal to it; None takes the component's own.
        :returns: `documents`, copies of the kept ones with their score, best first; and `meta`: the `model`,
            the `score_kind`, how many were `truncated`, `empty`, `repaired` (lone surrogates), `duplicates`.
        :raises InputError: The query is empty, a document has no text, or a value is out of range.
        :raises ModelError: The model cannot be found or loaded.
        """
        options = self._options(top_k=top_k, scale_score=scale_score, score_threshold=score_threshold)
        unique = self._candidates(documents)
        ranking = self._handle.rank(options, query, unique, text=itemgetter(1))
        return answer(ranking, duplicates=len(documents) - len(unique))

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(
        self,
        query: str,
        documents: list[Document],
        top_k: int | None = None,
        scale_score: bool | None = None,
        score_threshold: float | None = None,
    ) -> dict[str, Any]:
        """`run` for an event loop, without a thread; cancelling it withdraws the work."""
        options = self._options(top_k=top_k, scale_score=scale_score, score_threshold=score_threshold)
        unique = self._candidates(documents)
        ranking = await self._handle.arank(options, query, unique, text=itemgetter(1))
        return answer(ranking, duplicates=len(documents) - len(unique))

    def _options(self, **changes: Any) -> Options:
        # Secrets are resolved when they are needed: a component is made and written out without them.
        secrets = {"token": self.token, "api_key": self.api_key}
        resolved = {name: None if each is None else each.resolve_value() for name, each in secrets.items()}
        return options_from({**self._values(**changes), **resolved}, _WORDS)

    def _values(self, **changes: Any) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in (*_PLAIN, "scale_score")}
        values |= {name: value for name, value in changes.items() if value is not None}
        values["score_kind"] = score_kind(values.pop("scale_score"))
        values["device"] = device_name(self.device)
        return values

    def _candidates(self, documents: list[Document]) -> list[Candidate]:
        return candidates(documents, self.meta_fields_to_embed or [], self.embedding_separator)
