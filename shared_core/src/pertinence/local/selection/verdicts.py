"""Stored verdicts: which faster precisions of a model were measured to rank as float32 does, and where.

They are the JSON form of the gate's reports: shipped in the model's folder, or kept in the cache folder.
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
    """What the gate said of one backend and precision of one model on one processor.

    Attributes:
        fingerprint: the model (see `pertinence.local.files.fingerprint`).
        backend: what ran it.
        dtype: the precision it was run in.
        judged: the gate could tell; it cannot for weights that were never trained.
        passed: it ranks as float32 does, within the limits of the report.
        lowered: the limits that were laxer than the gate's own.
        speed_ratio: how many times as fast as the reference it was, if that was measured.
        processor: where it was measured.
        runtimes: versions of what ran it, by package.
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
        """The verdict of a report.

        Raises:
            ValueError: it is no report of the gate.
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
    """What may be run in place of float32 for the model in this folder, here; the fastest first.

    A verdict of the user's own cache counts for this very processor and these versions of the runtimes,
    whatever it says; where there is none, the one that the model brings counts for every processor with
    the instructions that it names, as far as its precision uses them, if it was judged by the gate's own
    limits. A model may bring verdicts of several processors: of those that count, the one that names the most
    instructions says whether it passed. Float32 needs no verdict.

    Args:
        folder: the model's folder.
        chosen: the user's cache folder, if one was named.
        where: what is to compute; this machine's CPU if nothing else is named.
    """
    # Before any hashing: most models have no verdicts at all.
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
    # The nearest processor's last.
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
    """Keep a report's verdict in the cache folder, in the place of an older one of the same kind.

    Each kind (model, backend, precision, processor, versions) has a file of its own, so two processes that
    store at once lose nothing of each other's. None where the folder cannot be written, which is logged.

    Raises:
        ValueError: it is no report of the gate.
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
    """Installed versions of what this backend computes with, and of Pertinence, which prepares it."""
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
    """The verdicts of a file; one that cannot be read is told once and then has none."""
    try:
        reports = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(reports, list):
            raise ValueError("not a list of reports")
        yield from [Verdict.of(report) for report in reports]
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        warn_once(f"{file} is not read: {error}")
