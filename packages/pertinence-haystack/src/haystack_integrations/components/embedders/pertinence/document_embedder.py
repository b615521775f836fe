"""`PertinenceDocumentEmbedder`: documents with their vectors, ahead of a document store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from haystack import Document, component
from haystack.utils import ComponentDevice, Secret

from haystack_integrations.common.pertinence import API_KEY, TOKEN, read
from haystack_integrations.components.embedders.pertinence.embedder import PertinenceEmbedder, told
from haystack_integrations.components.embedders.pertinence.progress import following
from pertinence import Embedder
from pertinence.integration import BackendName, DtypeName, Embeddings, PrecisionName, own_metadata

__all__ = ["PertinenceDocumentEmbedder"]


@component
class PertinenceDocumentEmbedder(PertinenceEmbedder):
    """
    Gives documents their vectors, behind the prompt that the model's own settings have for documents.

    The model is loaded on first use and shared with every other component of this process that names the same
    one. One instance may serve any number of threads and event loops at once.

    ```python
    embedder = PertinenceDocumentEmbedder(model="Lajavaness/bilingual-embedding-base")
    documents = embedder.run([Document(content="The mill was built in 1880.")])["documents"]
    ```
    """

    _words: ClassVar = {**PertinenceEmbedder._words, "document_prefix": "prefix", "document_suffix": "suffix"}

    progress_bar: bool
    meta_fields_to_embed: list[str] | None
    embedding_separator: str

    def __init__(
        self,
        *,
        model: str | None = None,
        device: ComponentDevice | None = None,
        token: Secret | None = TOKEN,
        prefix: str = "",
        suffix: str = "",
        progress_bar: bool = False,
        meta_fields_to_embed: list[str] | None = None,
        embedding_separator: str = "\n",
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
        Set what to load; nothing is loaded yet.

        The parameters that are not listed here are explained by `pertinence.integration.EmbedderOptions`.

        :param model: A folder or a name on the hub; with `base_url`, the server's name for it.
        :param device: The device of the torch backend; None leaves the choice to the core.
        :param token: Access token of the model hub.
        :param prefix: Put before every text, after the prompt that the model's own settings may have.
        :param suffix: Put after every text.
        :param progress_bar: Show on standard error how far a run is.
        :param meta_fields_to_embed: Metadata that is put before a document's text, where it is not None.
        :param embedding_separator: What stands between those and the text.
        :param normalize_embeddings: Bring every vector to length 1; False leaves that to the model's own
            modules.
        :param quantization_ranges: The least and the greatest value of each number, for `int8` and `uint8`.
        :param api_key: Key of the server that `base_url` names.
        :raises OptionError: A value that a parameter does not take, or no model; a `ValueError`.
        """
        self._keep(locals())
        self._ready()

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """
        Embed documents.

        :param documents: The documents; they are left as they are. Of an id that comes twice, each has the
            vector of its own text.
        :returns: `documents`, copies of all of them, in their order, with their `embedding`; and `meta`: the
            `model`, how many texts were `truncated`, `empty`, `repaired` (lone surrogates), and the `usage`
            that a server counts.
        :raises InputError: A document has no text.
        :raises ModelError: The model cannot be found or loaded.
        """
        embedder, given, texts = self._read(documents)
        with following(embedder, texts, shown=self.progress_bar):
            return _answer(embedder, given, embedder.embed(texts) if texts else None)

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(self, documents: list[Document]) -> dict[str, Any]:
        """`run` for an event loop, without a thread; cancelling it withdraws the work."""
        embedder, given, texts = self._read(documents)
        with following(embedder, texts, shown=self.progress_bar):
            return _answer(embedder, given, await embedder.aembed(texts) if texts else None)

    def _read(self, documents: list[Document]) -> tuple[Embedder, list[Document], list[str]]:
        given = read(documents, self.meta_fields_to_embed, self.embedding_separator)
        return self._opened(), [document for document, _ in given], [text for _, text in given]


def _answer(embedder: Embedder, documents: list[Document], embeddings: Embeddings | None) -> dict[str, Any]:
    # By place and not by id: two documents may share one.
    vectors = [] if embeddings is None else embeddings.values.tolist()
    embedded = [
        replace(document, embedding=vector, meta=own_metadata(document.meta))
        for document, vector in zip(documents, vectors, strict=True)
    ]
    return {"documents": embedded, "meta": told(embedder, embeddings)}
