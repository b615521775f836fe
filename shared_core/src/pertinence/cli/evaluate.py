"""`pertinence evaluate`: measure how well models rank judged candidates, and write a report.

The report contains confidence intervals and significance tests.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pertinence.cli.evaluate_flags import DEFAULT, FILES, add_arguments
from pertinence.cli.flags import flag, options_of
from pertinence.cli.gauge import Gauge
from pertinence.errors import InputError, OptionError
from pertinence.options import Options

if TYPE_CHECKING:
    from pertinence.embedder import Embedder
    from pertinence.evaluation import Collection, EmbedderSystem, Plan, Protocol, Results

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "measure how well models rank judged candidates, with intervals, tests and a report"

# Options that all local models share. An embedder has its own length limit and its own backend.
_SHARED = ("device", "batch_tokens", "trust_remote_code", "cache_folder", "local_files_only")


def run(arguments: argparse.Namespace) -> int:
    """Run the evaluation, and print a table or JSON."""
    from pertinence.evaluation.html import page
    from pertinence.evaluation.protocols import protocol_named, published
    from pertinence.evaluation.report import Report

    protocol = None if arguments.protocol is None else protocol_named(arguments.protocol)
    plan = _plan(arguments, protocol)
    arguments.embedders = list(dict.fromkeys(arguments.embedders))
    names = _names([*_models(arguments), *arguments.embedders])
    results = [
        _evaluated(arguments, plan, protocol, collection, names)
        for collection in _collections(arguments, protocol)
    ]
    figures = {
        name: published(_unnamed(model), protocol.name, "mean") or {}
        for model, name in names.items()
        if protocol
    }
    report = Report.of(results, plan.to_dict(), protocol, figures)
    text = json.dumps(report.to_dict(), ensure_ascii=False, indent=1) + "\n"
    if arguments.output is not None:
        folder = Path(arguments.output)
        _write(folder / "report.json", text)
        _write(folder / "report.html", page(report))
        _tell(f"{folder} holds report.html, report.json, runs and checkpoints")
    print(text if arguments.as_json else report.table(), end="")
    return 0


def _evaluated(
    arguments: argparse.Namespace,
    plan: Plan,
    protocol: Protocol | None,
    collection: Collection,
    names: Mapping[str, str],
) -> Results:
    """Evaluate one collection with its own set of systems, because an evaluation closes its systems."""
    from pertinence.evaluation import EmbedderSystem, Evaluation, RerankerSystem, slug
    from pertinence.evaluation.protocols import published

    embedders = [EmbedderSystem(names[model], _embedder(arguments, model)) for model in arguments.embedders]
    rerankers = [RerankerSystem(names[model], _options(arguments, model)) for model in _models(arguments)]
    of_name = {name: model for model, name in names.items()}

    def card(system: str) -> Mapping[str, float] | None:
        if protocol is None or system not in of_name:
            return None
        return published(_unnamed(of_name[system]), protocol.name, collection.name)

    output = None if arguments.output is None else Path(arguments.output)
    with Gauge("pertinence evaluate", collection.name) as gauge:
        evaluation = Evaluation(
            collection=collection,
            plan=plan,
            folder=_cache(arguments) if output is None else output / "checkpoints" / slug(collection.name),
            keyed=output is None,
            fresh=arguments.fresh,
            runs=None if output is None else output / "runs" / slug(collection.name),
            published=card,
            watch=gauge,
        )
        return evaluation.run(
            [*rerankers, *embedders],
            first_stage=_first_stage(arguments, collection, embedders),
            # A protocol defines the candidates, so there is nothing to retrieve.
            retrieval=[] if protocol is not None or arguments.no_retrieval else embedders,
        )


def _plan(arguments: argparse.Namespace, protocol: Protocol | None) -> Plan:
    """Return the protocol's plan or the default plan, with the changes that the arguments ask for."""
    from pertinence.evaluation import Plan
    from pertinence.evaluation.measures import parse_measures

    given = {
        "top": arguments.top,
        "queries": arguments.sample,
        "seed": arguments.seed,
        "always_positives": arguments.always_positives,
        "measures": None if arguments.measures is None else parse_measures(arguments.measures),
    }
    plan = Plan() if protocol is None else protocol.plan
    return plan.with_(**{name: value for name, value in given.items() if value is not None})


def _collections(arguments: argparse.Namespace, protocol: Protocol | None) -> Iterator[Collection]:
    """Open the collections, one at a time while the caller iterates."""
    from pertinence.evaluation import open_data, open_files

    run = None if arguments.run is None else Path(arguments.run)
    given = {name: getattr(arguments, name) for name in FILES}
    if any(given.values()):
        if arguments.data is not None or not all(given.values()):
            raise OptionError(f"name {_flags(FILES)} together, or --data")
        files = {name: Path(file) for name, file in given.items()}
        yield open_files(corpus=files["corpus"], queries=files["queries"], qrels=files["qrels"], run=run)
    elif arguments.data is not None:
        for name in arguments.data:
            yield open_data(name, split=arguments.split, run=run)
    elif protocol is not None:
        for make in protocol.sets.values():
            yield make(arguments.cache_folder if "cache_folder" in arguments else None)
    else:
        raise OptionError(f"on what? Name --data, --protocol, or {_flags(FILES)}")


def _first_stage(
    arguments: argparse.Namespace, collection: Collection, embedders: Sequence[EmbedderSystem]
) -> str | EmbedderSystem:
    chosen: str | None = arguments.first_stage
    if chosen is None:
        return "run" if collection.run is not None else "bm25"
    if chosen in ("run", "bm25"):
        return chosen
    for model, system in zip(arguments.embedders, embedders, strict=True):
        if chosen in (model, _unnamed(model), system.name):
            return system
    known = ["run", "bm25", *arguments.embedders]
    near = get_close_matches(chosen, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise OptionError(f"--first-stage must be one of {', '.join(known)}; got {chosen!r}{hint}")


def _models(arguments: argparse.Namespace) -> list[str]:
    """Return the rerankers to evaluate: the embedded model if no model at all is named."""
    models = list(dict.fromkeys(arguments.models))
    return models or ([] if arguments.embedders else [DEFAULT])


def _names(models: Sequence[str]) -> dict[str, str]:
    """Return each model's name in the report: without local paths and without duplicates."""
    names: dict[str, str] = {}
    for model in models:
        given, _, rest = model.rpartition("=")
        short = given or (Path(rest).resolve().name if Path(rest).expanduser().is_dir() else rest)
        count = sum(each == short or each.startswith(f"{short} (") for each in names.values())
        names[model] = f"{short} ({count + 1})" if count else short
    return names


def _unnamed(model: str) -> str:
    return model.rpartition("=")[2]


def _options(arguments: argparse.Namespace, model: str) -> Options:
    name = _unnamed(model)
    return options_of(arguments, model=None if name == DEFAULT else name)


def _embedder(arguments: argparse.Namespace, model: str) -> Embedder:
    from pertinence.embedder import Embedder

    shared = {name: value for name, value in vars(arguments).items() if name in _SHARED}
    return Embedder.from_options(Options(model=_unnamed(model), **shared))


def _cache(arguments: argparse.Namespace) -> Path:
    from pertinence.local.files.cache import cache_folder

    chosen = arguments.cache_folder if "cache_folder" in arguments else None
    return cache_folder(chosen) / "evaluations"


def _flags(names: Sequence[str]) -> str:
    return ", ".join(map(flag, names))


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error


def _tell(text: str) -> None:
    print(f"pertinence evaluate: {text}", file=sys.stderr)
