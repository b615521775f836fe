"""Who is compared: ours in every backend and precision, what the frameworks run today, and their peaks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benchmarks.models import Model
from benchmarks.processes import Worker, WorkerError
from pertinence.local.machine.precisions import Backend, Dtype, effective_precision
from pertinence.local.machine.processor import processor

__all__ = ["AUTO", "ENGINES", "OURS", "PREDICT", "Engine", "Fleet", "fleet", "products"]

Kernel = tuple[str, str]
"""A runtime and a precision."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One line of the tables.

    Attributes:
        name: for the tables.
        module: opens it, see `benchmarks.contenders`.
        arguments: for its `opened`, beside those that say where the model is.
        kernel: what computes its matrix products; None where it chooses itself.
    """

    name: str
    module: str
    arguments: tuple[tuple[str, str], ...] = ()
    kernel: Kernel | None

    @property
    def ours(self) -> bool:
        """Whether it is one of ours."""
        return self.module.endswith(".ours")


def _ours(backend: str, dtype: str) -> Engine:
    chooses = "auto" in (backend, dtype)
    return Engine(
        name="ours, auto" if chooses else f"ours, {backend} {dtype}",
        module="benchmarks.contenders.ours",
        arguments=(("backend", backend), ("dtype", dtype)),
        kernel=None if chooses else (backend, dtype),
    )


def _peer(name: str, module: str, *kernel: str, **arguments: str) -> Engine:
    runtime, dtype = kernel
    return Engine(
        name=name,
        module=f"benchmarks.contenders.{module}",
        arguments=tuple(arguments.items()),
        kernel=(runtime, dtype),
    )


PREDICT = _peer("predict float32", "predict", "torch", "float32", dtype="float32")
AUTO = _ours("auto", "auto")
OURS = (
    _ours("torch", "float32"),
    _ours("torch", "bfloat16"),
    _ours("onnx", "float32"),
    _ours("onnx", "int8"),
    _ours("openvino", "float32"),
    _ours("openvino", "bfloat16"),
    _ours("openvino", "int8"),
    AUTO,
)
ENGINES = (
    PREDICT,
    _peer("predict bfloat16", "predict", "torch", "bfloat16", dtype="bfloat16"),
    _peer("LangChain", "langchain", "torch", "float32"),
    _peer("LlamaIndex", "llama_index", "torch", "float32"),
    _peer("Haystack", "haystack", "torch", "float32"),
    _peer("padded int8", "padded_int8", "onnx", "int8"),
    *OURS,
)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Engines with a model loaded, each in a process of its own.

    Attributes:
        workers: by engine.
        kernels: what computes each engine's matrix products, as far as it is known.
        why: what the automatic one says of its choice.
        left_out: why an engine is not among them, by its name.
    """

    workers: dict[Engine, Worker]
    kernels: dict[Engine, Kernel]
    why: str
    left_out: dict[str, str]

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        return [worker.process for worker in self.workers.values()]


@contextmanager
def fleet(model: Model, engines: Iterable[Engine]) -> Iterator[Fleet]:
    """Open them one after the other; those that cannot be opened are left out.

    So are those whose precision this processor lacks: what ran would be another one, or an imitation of it.

    Raises:
        WorkerError: the peer that all are held against cannot be opened.
    """
    workers: dict[Engine, Worker] = {}
    left_out: dict[str, str] = {}
    kernels: dict[Engine, Kernel] = {}
    why = ""
    with ExitStack() as stack:
        for engine in engines:
            if engine.kernel is not None and (lacking := _lacking(engine.kernel)):
                left_out[engine.name] = lacking
                continue
            try:
                workers[engine] = stack.enter_context(_opened(engine, model))
            except WorkerError as error:
                if engine == PREDICT:
                    raise  # What all others are held against.
                left_out[engine.name] = str(error)
                continue
            how: dict[str, str] = workers[engine].call("how")
            if engine == AUTO:
                why = how["why"]
            kernels[engine] = engine.kernel or (how["backend"], how["dtype"])
        yield Fleet(workers=workers, kernels=kernels, why=why, left_out=left_out)


def _lacking(kernel: Kernel) -> str:
    """Say why this processor does not compute in a kernel's precision; empty if it does."""
    backend, dtype = cast(Backend, kernel[0]), cast(Dtype, kernel[1])
    found = effective_precision(backend, dtype, processor())
    return "" if found.as_asked(dtype) else found.why


@contextmanager
def products(kernels: Iterable[Kernel]) -> Iterator[dict[Kernel, Worker]]:
    """The bare matrix product of each, in a process of its own; those that cannot be are left out."""
    found: dict[Kernel, Worker] = {}
    with ExitStack() as stack:
        for runtime, dtype in dict.fromkeys(kernels):
            try:
                worker = Worker("benchmarks.products", runtime=runtime, dtype=dtype)
            except WorkerError:
                continue
            found[runtime, dtype] = stack.enter_context(worker)
        yield found


def _opened(engine: Engine, model: Model) -> Worker:
    where: dict[str, Any] = {"folder": str(model.folder), "ours": model.ours, **dict(engine.arguments)}
    before = _written(model)
    worker = Worker(engine.module, **where)
    if _written(model) == before:
        return worker
    # It has converted the model, once: what that takes is no part of what is measured.
    worker.close()
    return Worker(engine.module, **where)


def _written(model: Model) -> list[Path]:
    """Files beside the model and in the cache."""
    cache = os.environ.get("PERTINENCE_CACHE")
    folders = [model.folder, *([Path(cache)] if cache else [])]
    return sorted(path for folder in folders for path in folder.rglob("*"))
