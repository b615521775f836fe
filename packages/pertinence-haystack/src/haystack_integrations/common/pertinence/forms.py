"""What has a form of Haystack's own, in the plain form that the core takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from haystack import Document
from haystack.utils import ComponentDevice, Secret

from pertinence import InputError, OptionError
from pertinence.integration import ScoreKind

__all__ = ["check_forms", "device_name", "score_kind", "text_with_meta"]


def device_name(device: object) -> str:
    """The core's name for a device.

    :param device: One `ComponentDevice`, or None to leave the choice to the core.
    :returns: `auto`, `cpu`, `cuda:0` and the like.
    :raises OptionError: It is something else, or a map of several devices.
    """
    if device is None:
        return "auto"
    if not isinstance(device, ComponentDevice):
        raise OptionError(f"device must be a ComponentDevice or None, got {device!r}")
    if device.has_multiple_devices:
        raise OptionError("device must be a single device, not a device map")
    return device.to_torch_str()


def check_forms(token: object, fields: object, separator: object) -> None:
    """Refuse what only Haystack knows and cannot use.

    A token that is no `Secret` would be written out with its component; a single name instead of a list of
    names would be read letter by letter.

    :raises OptionError: It names the parameter; a token is not shown.
    """
    if token is not None and not isinstance(token, Secret):
        raise OptionError(f"token must be a Secret or None, not {type(token).__name__}")
    listed = isinstance(fields, list | tuple) and all(isinstance(name, str) for name in fields)
    if not listed and fields is not None:
        raise OptionError(f"meta_fields_to_embed must be a list of names or None, got {fields!r}")
    if not isinstance(separator, str):
        raise OptionError(f"embedding_separator must be a string, got {separator!r}")


def score_kind(scale_score: object) -> ScoreKind:
    """What Haystack's `scale_score` asks for: probabilities, or the model's own logits.

    :raises OptionError: It is neither True nor False.
    """
    if not isinstance(scale_score, bool):
        raise OptionError(f"scale_score must be True or False, got {scale_score!r}")
    return "probability" if scale_score else "logit"


def text_with_meta(document: Document, fields: Sequence[str], separator: str) -> Any:
    """What a model reads of a document: the metadata of these names that is not None, then the content.

    :raises InputError: It is no document.
    :returns: The text; content that is no string is handed on, so that the core's error names its index.
    """
    if not isinstance(document, Document):
        raise InputError(f"documents must be of Haystack's Document, not {type(document).__name__}")
    values = [str(value) for name in fields if (value := document.meta.get(name)) is not None]
    content = document.content
    return separator.join([*values, content or ""]) if values else content
