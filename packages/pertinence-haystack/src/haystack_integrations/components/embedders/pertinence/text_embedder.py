"""`PertinenceTextEmbedder`: vector of a query, for an embedding retriever."""

from __future__ import annotations

from typing import Any, ClassVar

from haystack import component
from haystack.utils import ComponentDevice, Secret

from haystack_integrations.common.pertinence import API_KEY, TOKEN
from haystack_integrations.components.embedders.pertinence.embedder import PertinenceEmbedder, told
from pertinence import Embedder, InputError
from pertinence.integration import BackendName, DtypeName, Embeddings, PrecisionName

__all__ = ["PertinenceTextEmbedder"]


@component
class PertinenceTextEmbedder(PertinenceEmbedder):
    """
    Embedder of queries. It uses the prompt for queries that the model's own settings define.

    The model is loaded on first use and shared with every other component of this process that names the same
    model. One instance may serve any number of threads and event loops at once.

    ```python
    embedder = PertinenceTextEmbedder(model="Lajavaness/bilingual-embedding-base")
    embedding = embedder.run("Who built the mill?")["embedding"]
    ```
    """

    _words: ClassVar = {**PertinenceEmbedder._words, "query_prefix": "prefix", "query_suffix": "suffix"}

    def __init__(
        self,
        *,
        model: str | None = None,
        device: ComponentDevice | None = None,
        token: Secret | None = TOKEN,
        prefix: str = "",
        suffix: str = "",
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        precision: PrecisionName = "float32",
        quantization_ranges: list[list[float]] | None = None,
        backend: BackendName = "auto",
        dtype: DtypeName = "auto",
        max_length: int | None = None,
        batch_tokens: int | None = None,
        max_queued: int | None = None,
        trust_remote_code: bool = False,
        revision: str | None = None,
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
        Set the model and its options; nothing is loaded yet.

        `pertinence.integration.EmbedderOptions` documents the parameters that are not listed here.

        :param model: A folder or a name on the hub; with `base_url`, the server's name for it.
        :param device: The device of the torch backend; None leaves the choice to the core.
        :param token: Access token of the model hub.
        :param prefix: Text put before the query, after any prompt of the model's own settings.
        :param suffix: Text put after the query.
        :param normalize_embeddings: Scale every vector to length 1; False leaves that to the model's own
            modules.
        :param quantization_ranges: The minimum and the maximum of each vector element, for `int8` and
            `uint8`.
        :param api_key: Key of the server that `base_url` names.
        :raises OptionError: A parameter has a value that is not accepted, or no model is named; a
            `ValueError`.
        """
        self._keep(locals())
        self._ready()

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    def run(self, text: str) -> dict[str, Any]:
        """
        Embed a query.

        :param text: The query.
        :returns: `embedding`, and `meta`: the `model`, whether the text was `truncated` or `repaired` (a lone
            surrogate) as 1 or 0, and the `usage` that a server reports.
        :raises InputError: The text is not a string, or is empty.
        :raises ModelError: The model cannot be found or loaded.
        """
        embedder = self._opened()
        return _answer(embedder, embedder.embed([_checked(text)], "query"))

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    async def run_async(self, text: str) -> dict[str, Any]:
        """Run asynchronously and without a thread. Cancelling the task withdraws the request."""
        embedder = self._opened()
        return _answer(embedder, await embedder.aembed([_checked(text)], "query"))


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise InputError(
            f"text must be a string, not {type(text).__name__}: documents are for PertinenceDocumentEmbedder"
        )
    if not text or text.isspace():
        raise InputError("text is empty or only whitespace")
    return text


def _answer(embedder: Embedder, embeddings: Embeddings) -> dict[str, Any]:
    return {"embedding": embeddings.values[0].tolist(), "meta": told(embedder, embeddings)}
