"""Reading of the texts of Haystack's documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from haystack import Document

from pertinence import InputError
from pertinence.integration import check_documents, extract_texts, join_fields

__all__ = ["read"]


def read(
    documents: Iterable[Document], fields: Sequence[str] | None, separator: str
) -> list[tuple[Document, str]]:
    """
    Return each document with its text: the named metadata that is not None, then the content.

    :param documents: Documents with content, with some of the named metadata, or with both.
    :param fields: Names of metadata.
    :param separator: Separator between the metadata values, and before the content.
    :returns: Pairs in the order of the documents. Later changes to the caller's list have no effect.
    :raises InputError: The argument is not a list of documents, or a document has no text; the message names
        its index.
    """
    given = check_documents(documents)
    texts = extract_texts([_text(*each, fields or (), separator) for each in enumerate(given)], None)
    return list(zip(given, texts, strict=True))


def _text(place: int, document: Document, fields: Sequence[str], separator: str) -> Any:
    if not isinstance(document, Document):
        raise InputError(f"document {place} must be a Document, not {type(document).__name__}")
    text = join_fields(document.content, document.meta, fields, separator)
    if text is None:
        raise InputError(
            f"document {place} (id {document.id!r}) has no content: leave it out, give it one, "
            "or name metadata that tells what it is in meta_fields_to_embed"
        )
    return text
