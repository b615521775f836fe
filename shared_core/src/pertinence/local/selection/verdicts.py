"""Stored verdicts of the gate, which says for a processor whether a faster precision ranks as float32 does.

They are the JSON form of the gate's reports. They are in the model's folder or in the cache folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pertinence.local.files.cache import cache_folder, replace_text, warn_once
from pertinence.local.files.fingerprint import fingerprint
from pertinence.local.machine.processor import Processor, processor

__all__ = ["GATE_FILE", "Verdict", "passed", "runtimes_of", "store"]

GATE_FILE = "gate.json"
_FOLDER = "verdicts"
_RUNTIMES: Mapping[str, tuple[str, ...]] = {
    "onnx": ("onnxruntime",),
    "openvino": ("openvino",),
    "torch": ("torch", "transformers", "sentence-transformers"),
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Verdict of the gate on one backend and precision of one model on one processor.

    Attributes:
        fingerprint: fingerprint of the model (see `pertinence.local.files.fingerprint`).
        backend: backend that ran it.
        dtype: precision in which it ran.
        judged: True if the gate could decide; it cannot for weights that were never trained.
        passed: True if it ranks as float32 does, within the limits of the report.
        lowered: limits that were less strict than the gate's own.
        speed_ratio: speed divided by the speed of the reference; None if it was not measured.
        processor: processor on which it was measured.
        runtimes: versions of the packages that ran it, by package.
        report: the whole report, as JSON data.
    """

    fingerprint: str
    backend: str
    dtype: str
    judged: bool
    passed: bool
    lowered: tuple[str, ...]
    speed_ratio: float | None
    processor: Processor
    runtimes: Mapping[str, str]
    report: Mapping[str, Any]

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Verdict:
        """Build the verdict of a report.

        Raises:
            ValueError: it is not a report of the gate.
        """
        try:
            instructions = report["processor"]["instructions"]
            ratio = report["figures"]["speed_ratio"]
            return cls(
                fingerprint=str(report["fingerprint"]),
                backend=str(report["backend"]),
                dtype=str(report["dtype"]),
                judged=report["verdict"] != "not judged",
                passed=report["verdict"] == "passed",
                lowered=tuple(map(str, report["lowered"])),
                speed_ratio=None if ratio is None else float(ratio),
                processor=Processor(
                    name=str(report["processor"]["name"]),
                    instructions=None if instructions is None else tuple(map(str, instructions)),
                ),
                runtimes={str(name): str(each) for name, each in report["runtimes"].items()},
                report=report,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no report of the gate: {type(error).__name__} {error}") from error


def passed(folder: Path, chosen: str | None = None, where: Processor | None = None) -> list[Verdict]:
    """Return the verdicts that allow a precision other than float32 for this model here, the fastest first.

    A verdict in the user's own cache is valid only for exactly this processor and these versions of the
    runtimes. It overrides a verdict from the model's folder, whether it passed or not. A verdict from the
    model's folder must have been judged by the gate's own limits. It is valid for every processor that has
    the instructions it names, as far as its precision uses them. A model's folder may hold verdicts for
    several processors. Of the valid ones, the one for exactly this processor decides, or else the one that
    names the most instructions. Float32 needs no verdict.

    Args:
        folder: the model's folder.
        chosen: the user's cache folder, if one was given.
        where: processor that is to run the model; None is this machine's CPU.
    """
    # Check this before any hashing, because most models have no verdicts at all.
    shipped = list(_read(folder / GATE_FILE))
    if not shipped and not (cache_folder(chosen) / _FOLDER).is_dir():
        return []
    own_fingerprint, here = fingerprint(folder, chosen), where or processor()
    counting = [
        verdict
        for verdict in shipped
        if verdict.fingerprint == own_fingerprint
        and not verdict.lowered
        and verdict.judged
        and here.computes_like(verdict.processor, verdict.dtype)
    ]
    # The verdict for the most similar processor comes last, so that it overwrites the others.
    counting.sort(
        key=lambda verdict: (verdict.processor == here, len(verdict.processor.used_in(verdict.dtype)))
    )
    found = {(verdict.backend, verdict.dtype): verdict for verdict in counting}
    for file in sorted(_place(own_fingerprint, chosen).glob("*.json")):
        for verdict in _read(file):
            current = verdict.processor == here and verdict.runtimes == runtimes_of(verdict.backend)
            if current and verdict.judged and verdict.fingerprint == own_fingerprint:
                found[verdict.backend, verdict.dtype] = verdict
    return sorted(
        (verdict for verdict in found.values() if verdict.passed and verdict.dtype != "float32"),
        key=lambda verdict: -(verdict.speed_ratio or 0),
    )


def store(report: Mapping[str, Any], chosen: str | None = None) -> Path | None:
    """Store a report's verdict in the cache folder, in place of an older one of the same kind.

    Each kind (model, backend, precision, processor, versions) has its own file, so two processes that store
    verdicts at once do not overwrite each other's. Return the file. If the folder cannot be written, log a
    warning and return None.

    Raises:
        ValueError: it is not a report of the gate.
    """
    verdict = Verdict.of(report)
    kind = json.dumps([str(verdict.processor), sorted(verdict.runtimes.items())])
    name = f"{verdict.backend}-{verdict.dtype}-{hashlib.sha256(kind.encode()).hexdigest()[:16]}.json"
    file = _place(verdict.fingerprint, chosen) / name
    try:
        replace_text(file, json.dumps([report], ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        warn_once(f"{file.parent} cannot be written ({reason}): the gate's verdict is not kept")
        return None
    return file


def runtimes_of(backend: str) -> dict[str, str]:
    """Return the versions of the packages that this backend computes with, and of Pertinence.

    Pertinence counts because it prepares the models.
    """
    found = {}
    for package in ("pertinence", *_RUNTIMES.get(backend, ())):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _place(of: str, chosen: str | None) -> Path:
    return cache_folder(chosen) / _FOLDER / of[:32]


def _read(file: Path) -> Iterator[Verdict]:
    """Yield the verdicts in a file; if it cannot be read, warn once and yield none."""
    try:
        reports = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(reports, list):
            raise ValueError("not a list of reports")
        yield from [Verdict.of(report) for report in reports]
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        warn_once(f"{file} is not read: {error}")
