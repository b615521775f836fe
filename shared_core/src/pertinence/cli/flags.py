"""Command-line flags for `Options`: names, types, choices, defaults and help are derived from the class."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pertinence.integration import EmbedderOptions, options_from
from pertinence.options import Options

__all__ = ["add_options", "embedder_options_of", "flag", "options_of"]

K = TypeVar("K", bound=Options)

# Any process on the machine can read a command line. Secrets therefore come from the environment variables
# HF_TOKEN and PERTINENCE_API_KEY.
_NO_FLAG = frozenset({"token", "api_key"})
_METAVARS: Mapping[type, str] = {int: "N", float: "X", str: "TEXT"}


def flag(name: str) -> str:
    """Return the flag of an option."""
    return f"--{name.replace('_', '-')}"


def add_options(
    parser: argparse.ArgumentParser, names: Iterable[str] | None = None, kind: type[Options] = Options
) -> None:
    """Add flags for the options `names`, or for all options of this kind; secrets have no flag."""
    hints, explained, defaults = get_type_hints(kind), _explained(kind), kind()
    group = parser.add_argument_group(f"options of the {'reranker' if kind is Options else 'embedder'}")
    for name in kind.names() if names is None else names:
        if name in _NO_FLAG:
            continue
        default = getattr(defaults, name)
        note = f" (default: {default})" if default and isinstance(default, str) else ""
        text = (explained.get(name, "") + note).replace("%", "%%")
        # SUPPRESS keeps options that were not given out of the namespace: only `Options` holds the defaults.
        group.add_argument(
            flag(name), dest=name, default=argparse.SUPPRESS, help=text, **_reading(hints[name])
        )


def options_of(arguments: argparse.Namespace, **fixed: Any) -> Options:
    """Build options from the flags that were given and the values that the command sets itself.

    Raises:
        OptionError: an option does not accept its value; the message names the flag.
    """
    return _options_of(arguments, Options, fixed)


def embedder_options_of(arguments: argparse.Namespace) -> EmbedderOptions:
    """Build the options of an embedder, as `options_of` does for a reranker."""
    return _options_of(arguments, EmbedderOptions, {})


def _options_of(arguments: argparse.Namespace, kind: type[K], fixed: Mapping[str, Any]) -> K:
    values = {name: value for name, value in vars(arguments).items() if name in kind.names()}
    words = {name: flag(name) for name in kind.names()}
    return options_from({words[name]: value for name, value in {**values, **fixed}.items()}, words, kind)


def _reading(hint: Any) -> dict[str, Any]:
    """Return the argparse settings that parse a value of this type."""
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if {bool, str} <= {*get_args(hint)}:
        return {"type": _switch_or_text, "metavar": "true|false|PATH"}
    kind = next(each for each in (*get_args(hint), hint) if each is not NoneType)
    if kind is bool:
        # An option that can also be None needs one flag for on and one for off.
        either = NoneType in get_args(hint)
        return {"action": argparse.BooleanOptionalAction if either else "store_true"}
    if get_origin(kind) is Mapping:
        return {"type": _json_object, "metavar": "JSON"}
    if get_origin(kind) is Sequence:
        return {"type": _json_file, "metavar": "FILE"}
    return {"type": kind, "metavar": _METAVARS[kind]}


def _switch_or_text(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.lower(), text)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text}")
    return value


def _json_file(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{path} is not valid JSON: {error}") from error


def _explained(kind: type[Options]) -> dict[str, str]:
    """Return the help text of each option, from the docstrings of the class and its parent classes."""
    explained = {} if kind is Options else _explained(Options)
    _, _, attributes = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    for match in re.finditer(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE):
        text = " ".join(match[2].split()).rstrip(".")
        text = re.sub(r"`(\w+)`", lambda each: flag(each[1]) if each[1] in kind.names() else each[1], text)
        explained[match[1]] = re.sub(r"\bNone\b", "no value", text)
    return explained
