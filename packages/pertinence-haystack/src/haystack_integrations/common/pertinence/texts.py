"""What a model reads of Haystack's documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from haystack import Document

from pertinence import InputError
from pertinence.integration import extract_texts, join_fields

__all__ = ["texts_of"]


def texts_of(documents: Sequence[Document], fields: Sequence[str] | None, separator: str) -> list[str]:
    """
    One text per document, in their order: the metadata of these names that is not None, then the content.

    :param documents: They may be known by their content, by such metadata, or by both.
    :param fields: Names of metadata.
    :param separator: What stands between them, and before the content.
    :returns: The texts.
    :raises InputError: It is no list of documents, or one has no text; the message names its place.
    """
    if isinstance(documents, str) or not isinstance(documents, Sequence):
        raise InputError(f"documents must be a list of Document, not {type(documents).__name__}")
    return extract_texts([_text(*each, fields or (), separator) for each in enumerate(documents)], None)


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
