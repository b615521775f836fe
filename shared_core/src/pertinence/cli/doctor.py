"""`pertinence doctor`: report what is installed, how a model would run here and why, or what a server is."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from pertinence.cli.flags import add_options, options_of
from pertinence.errors import PertinenceError
from pertinence.options import Options

if TYPE_CHECKING:
    from pertinence.local.selection.reranker_spec import ModelSpec

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "tell what is installed, and how a model would run here and why; or what a server is"

_PACKAGES = (
    "pertinence",
    "pertinence-mini",
    "langchain-pertinence",
    "llama-index-postprocessor-pertinence",
    "llama-index-embeddings-pertinence",
    "pertinence-haystack",
    "numpy",
    "httpx2",
    "stamina",
    "tokenizers",
    "huggingface-hub",
    "onnxruntime",
    "openvino",
    "torch",
    "transformers",
    "sentence-transformers",
    "langchain-core",
    "llama-index-core",
    "haystack-ai",
)
_CHOICES = (
    *("backend", "dtype", "device", "trust_remote_code", "revision", "cache_folder", "model_kwargs"),
    *("base_url", "dialect", "timeout", "headers", "verify", "proxy"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pertinence doctor` to the parser."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="a folder, or a name on the hub that was downloaded before: nothing is fetched "
        "(default: the embedded model); with --base-url, the server's name for it",
    )
    parser.add_argument("--json", dest="as_json", action="store_true", help="one JSON object")
    add_options(parser, _CHOICES)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; if the model or server does not work, the report says so and an error is raised."""
    report: dict[str, Any] = {
        "python": f"{platform.python_version()} on {platform.platform()}",
        "packages": {name: _version(name) for name in _PACKAGES},
    }
    if getattr(arguments, "base_url", None) is None:
        failure = _tell_of_here(report, options_of(arguments, local_files_only=True))
    else:
        failure = _tell_of_server(report, options_of(arguments))
    print(json.dumps(report, ensure_ascii=False) if arguments.as_json else "\n".join(_readable(report)))
    if failure is not None:
        raise failure
    return 0


def _tell_of_here(report: dict[str, Any], options: Options) -> PertinenceError | None:
    failure: PertinenceError | None = None
    try:
        model = _model(options)
    except PertinenceError as error:
        failure, model = error, {"name": options.model or "the embedded default", "error": str(error)}
    report["processor"] = _processor()
    report["model"] = model
    report["cache_folder"] = _cache_folder(options)
    return failure


def _tell_of_server(report: dict[str, Any], options: Options) -> PertinenceError | None:
    from pertinence.remote.inspect import inspect

    found = inspect(options)
    report["server"] = found.facts
    return found.error


def _model(options: Options) -> dict[str, Any]:
    from pertinence.local.selection.reranker_spec import resolve
    from pertinence.local.selection.verdicts import passed

    spec = resolve(options)
    proven = passed(spec.folder, options.cache_folder)
    return {
        "name": spec.name,
        "folder": str(spec.folder),
        "backend": spec.backend,
        "dtype": spec.dtype,
        "computes_in": _computes_in(spec),
        "device": spec.device if spec.backend == "torch" else "cpu",
        "batches": _batches(spec),
        "why": spec.why,
        "proven": ", ".join(f"{each.backend} {each.dtype}" for each in proven) or "float32 alone",
        "card": "none: it loads by its own files" if spec.card is None else spec.card.name,
        "max_length": spec.max_length,
        "num_labels": spec.num_labels,
    }


def _computes_in(spec: ModelSpec) -> str:
    slow = ", which is slower than float32" if spec.computed.slow else ""
    why = f" ({spec.computed.why})" if spec.computed.why else ""
    return f"{spec.computed.dtype}{slow}{why}"


def _batches(spec: ModelSpec) -> str:
    from pertinence.local.machine.devices import accelerator
    from pertinence.local.selection.architectures import path_of

    if spec.backend != "torch":
        return "padded to pairs of nearly equal length"
    device = (accelerator() or "cpu") if spec.device == "auto" else spec.device
    return path_of(spec.config, device, own_code=spec.options.trust_remote_code)


def _cache_folder(options: Options) -> str:
    from pertinence.local.files.cache import cache_folder

    return str(cache_folder(options.cache_folder))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> dict[str, Any]:
    from pertinence.local.machine.cores import cores
    from pertinence.local.machine.devices import accelerator
    from pertinence.local.machine.processor import processor

    here, found = processor(), cores()
    return {
        "name": here.name,
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": len(found.logical),
        "threads": found.threads,
        "why_threads": found.why,
        "instructions": None if here.instructions is None else list(here.instructions),
        "accelerator": accelerator() or "none",
    }


def _readable(report: dict[str, Any]) -> Iterator[str]:
    """Format the report as indented lines."""
    for name, value in report.items():
        title = name.replace("_", " ")
        if not isinstance(value, dict):
            yield f"{title}: {value}"
            continue
        yield f"{title}:"
        width = max(map(len, value))
        for key, each in value.items():
            yield f"  {key.replace('_', ' '):{width}}  {_cell(name, each)}"


def _cell(section: str, value: Any) -> str:
    if value is None:
        return "not installed" if section == "packages" else "unknown"
    return " ".join(value) if isinstance(value, list) else str(value)
