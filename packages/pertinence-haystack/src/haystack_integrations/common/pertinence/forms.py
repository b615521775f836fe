"""What has a form of Haystack's own, in the plain form that the core takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haystack import Document
from haystack.utils import ComponentDevice, Secret

from pertinence import InputError, OptionError
from pertinence.integration import ScoreKindName

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


def check_forms(secrets: Mapping[str, object], fields: object, separator: object) -> None:
    """Refuse what only Haystack knows and cannot use.

    A secret that is no `Secret` would be written out with its component; a single name instead of a list of
    names would be read letter by letter.

    :raises OptionError: It names the parameter; a secret is not shown.
    """
    for name, secret in secrets.items():
        if secret is not None and not isinstance(secret, Secret):
            raise OptionError(f"{name} must be a Secret or None, not {type(secret).__name__}")
    listed = isinstance(fields, list | tuple) and all(isinstance(name, str) for name in fields)
    if not listed and fields is not None:
        raise OptionError(f"meta_fields_to_embed must be a list of names or None, got {fields!r}")
    if not isinstance(separator, str):
        raise OptionError(f"embedding_separator must be a string, got {separator!r}")


def score_kind(scale_score: object) -> ScoreKindName:
    """What `scale_score` asks for: probabilities, the model's own logits, or (None) what can be had.

    :raises OptionError: It is none of the three.
    """
    if scale_score is None:
        return "auto"
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
