"""`PertinenceDocumentEmbedder`: adds vectors to documents, before they go to a document store."""

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
    Embedder of documents. It uses the prompt for documents that the model's own settings define.

    The model is loaded on first use and shared with every other component of this process that names the same
    model. One instance may serve any number of threads and event loops at once.

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
        Set the model and its options; nothing is loaded yet.

        `pertinence.integration.EmbedderOptions` documents the parameters that are not listed here.

        :param model: A folder or a name on the hub; with `base_url`, the server's name for it.
        :param device: The device of the torch backend; None leaves the choice to the core.
        :param token: Access token of the model hub.
        :param prefix: Text put before every document's text, after any prompt of the model's own settings.
        :param suffix: Text put after every document's text.
        :param progress_bar: Show the progress of a run on standard error.
        :param meta_fields_to_embed: Metadata that is put before a document's text, if it is not None.
        :param embedding_separator: Separator between those metadata and the text.
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

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """
        Embed documents.

        :param documents: The documents; they are not changed. If two documents share an id, each gets the
            vector of its own text.
        :returns: `documents`, copies of all documents in input order, with their `embedding`; and `meta`: the
            `model`, how many texts were `truncated`, `empty`, `repaired` (lone surrogates), and the `usage`
            that a server reports.
        :raises InputError: A document has no text.
        :raises ModelError: The model cannot be found or loaded.
        """
        embedder, given, texts = self._read(documents)
        with following(embedder, texts, shown=self.progress_bar):
            return _answer(embedder, given, embedder.embed(texts) if texts else None)

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(self, documents: list[Document]) -> dict[str, Any]:
        """Run asynchronously and without a thread. Cancelling the task withdraws the request."""
        embedder, given, texts = self._read(documents)
        with following(embedder, texts, shown=self.progress_bar):
            return _answer(embedder, given, await embedder.aembed(texts) if texts else None)

    def _read(self, documents: list[Document]) -> tuple[Embedder, list[Document], list[str]]:
        given = read(documents, self.meta_fields_to_embed, self.embedding_separator)
        return self._opened(), [document for document, _ in given], [text for _, text in given]


def _answer(embedder: Embedder, documents: list[Document], embeddings: Embeddings | None) -> dict[str, Any]:
    # Match vectors by index, not by id: two documents may share an id.
    vectors = [] if embeddings is None else embeddings.values.tolist()
    embedded = [
        replace(document, embedding=vector, meta=own_metadata(document.meta))
        for document, vector in zip(documents, vectors, strict=True)
    ]
    return {"documents": embedded, "meta": told(embedder, embeddings)}
