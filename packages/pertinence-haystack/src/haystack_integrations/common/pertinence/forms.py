"""Conversion of Haystack's own types and parameters to the plain values that the core takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haystack.utils import ComponentDevice, Secret

from pertinence import OptionError
from pertinence.integration import ScoreKindName, check_fields

__all__ = ["check_forms", "device_name", "resolved", "score_kind"]


def device_name(device: object) -> str:
    """
    Return the core's name for a device.

    :param device: One `ComponentDevice`, or None to leave the choice to the core.
    :returns: `auto`, `cpu`, `cuda:0` or similar.
    :raises OptionError: The argument is something else, or a map of several devices.
    """
    if device is None:
        return "auto"
    if not isinstance(device, ComponentDevice):
        raise OptionError(
            f"device must be a ComponentDevice or None, got {device!r}: write ComponentDevice.from_str(...)"
        )
    if device.has_multiple_devices:
        raise OptionError("device must be a single device, not a device map")
    return device.to_torch_str()


def check_forms(values: Mapping[str, Any]) -> None:
    """
    Check the parameters that only Haystack has, or that have a Haystack type.

    A secret must be a `Secret`: any other type would be written out with its component.

    :param values: The parameters of a component; missing ones are not checked.
    :raises OptionError: A parameter is invalid. The message names it, but does not show a secret.
    """
    for name in ("token", "api_key"):
        secret = values.get(name)
        if secret is not None and not isinstance(secret, Secret):
            raise OptionError(f"{name} must be a Secret or None, not {type(secret).__name__}")
    check_fields(values.get("meta_fields_to_embed"), "meta_fields_to_embed")
    if not isinstance(separator := values.get("embedding_separator", ""), str):
        raise OptionError(f"embedding_separator must be a string, got {separator!r}")


def resolved(name: str, secret: Secret | None) -> str | None:
    """
    Return the value of a secret.

    :param name: The parameter that holds it.
    :param secret: A secret, or None.
    :returns: The value, or None if there is none and none is required.
    :raises OptionError: The environment variable of the secret is not set; the message names the parameter
        and the variable.
    """
    try:
        return None if secret is None else secret.resolve_value()
    except ValueError as error:
        raise OptionError(f"{name}: {error}") from error


def score_kind(scale_score: object) -> ScoreKindName:
    """
    Return the score kind that `scale_score` asks for: `probability`, `logit`, or `auto` for None.

    :raises OptionError: The argument is not True, False or None.
    """
    if scale_score is None:
        return "auto"
    if not isinstance(scale_score, bool):
        raise OptionError(f"scale_score must be True or False, got {scale_score!r}")
    return "probability" if scale_score else "logit"
