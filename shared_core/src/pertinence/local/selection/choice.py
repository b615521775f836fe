"""Choice of a model's backend and precision, with the reason (pure: the machine's facts are arguments)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pertinence.errors import MissingExtraError, OptionError
from pertinence.local.machine.devices import check_device
from pertinence.local.machine.precisions import Backend, Dtype, EffectivePrecision, effective_precision
from pertinence.local.machine.processor import Processor
from pertinence.options import Options

__all__ = [
    "EXACT_BACKENDS",
    "LOWER_PRECISIONS",
    "LOWER_PRECISIONS_ON_CARD",
    "Backend",
    "Choice",
    "Dtype",
    "Possible",
    "choose",
    "on_card",
]

# Backends that compute in each precision. The first one is usually the fastest on a CPU (docs/benchmarks.md).
_FASTEST: tuple[tuple[Dtype, tuple[Backend, ...]], ...] = (
    ("float32", ("openvino", "onnx", "torch")),
    ("bfloat16", ("openvino", "torch")),
    ("float16", ("torch",)),
    ("int8", ("openvino", "onnx")),
)
_BACKENDS: Mapping[Dtype, tuple[Backend, ...]] = dict(_FASTEST)
# Order for float32 on an x86 processor without AVX-512: onnxruntime's AVX2 kernels were 8 to 10% faster than
# OpenVINO's for each of four models (docs/benchmarks.md, "AVX2 alone").
_FASTEST_ON_AVX2: tuple[Backend, ...] = ("onnx", "openvino", "torch")
# Precisions that the gate should judge on any GPU: float16 rounds less, bfloat16 never overflows.
LOWER_PRECISIONS_ON_CARD: tuple[tuple[Backend, Dtype], ...] = (("torch", "bfloat16"), ("torch", "float16"))
# Precisions that the gate should judge on a CPU. Float16 is slower than float32 there.
LOWER_PRECISIONS: tuple[tuple[Backend, Dtype], ...] = tuple(
    (backend, dtype)
    for dtype, backends in _FASTEST
    for backend in backends
    if dtype not in ("float32", "float16")
)
# Backends that compute in float32 on a CPU.
EXACT_BACKENDS: tuple[Backend, ...] = _BACKENDS["float32"]
_UNKNOWN = Processor(name="unknown", instructions=None)
_EXTRAS = {"torch": "torch", "openvino": "openvino"}
# Packages that each backend needs. Every install includes onnxruntime.
_PACKAGES: Mapping[Backend, frozenset[str]] = {
    "torch": frozenset({"torch", "sentence_transformers"}),
    "openvino": frozenset({"openvino"}),
    "onnx": frozenset(),
}
_CONVERTERS = frozenset({"torch", "sentence_transformers", "onnx", "onnxscript"})


class Verdict(Protocol):
    """Verdict of the gate on a backend and a precision (see `pertinence.local.selection.verdicts`)."""

    @property
    def backend(self) -> str:
        """Backend that ran the model."""

    @property
    def dtype(self) -> str:
        """Precision in which it ran."""

    @property
    def speed_ratio(self) -> float | None:
        """Speed divided by the speed of float32; None if it was not measured."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Backend and precision, the reason in one sentence, and the precision that is really used here."""

    backend: Backend
    dtype: Dtype
    why: str
    computed: EffectivePrecision


@dataclass(frozen=True, kw_only=True)
class Possible:
    """Facts about a model and this machine that determine the possible choices.

    Attributes:
        files: the model's own exported networks, by the backend that reads them and by their precision.
        packages: import names of the installed packages among `torch`, `sentence_transformers`, `openvino`,
            `onnx` and `onnxscript`.
        accelerator: accelerator of this machine, for instance `cuda`; None if it has none.
        passed: verdicts that the gate passed for this model on this CPU, the fastest first.
        passed_on_card: the same for this machine's CUDA GPU.
        processor: this machine's processor.
        speeds: seconds that each backend took for the same texts in float32 on this processor, as far as
            `pertinence tune` measured them.
    """

    files: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()
    accelerator: str | None = None
    passed: Sequence[Verdict] = ()
    passed_on_card: Sequence[Verdict] = ()
    processor: Processor = _UNKNOWN
    speeds: Mapping[str, float] = field(default_factory=dict)

    def computes(self, backend: Backend, dtype: Dtype) -> EffectivePrecision:
        """Return the precision that a backend computes in on this processor if `dtype` is requested."""
        return effective_precision(backend, dtype, self.processor)

    def worth_judging(self, backend: Backend, dtype: Dtype) -> bool:
        """Check whether a backend can run here and really computes in this precision, at a useful speed."""
        return self.why_not(backend, dtype) is None and self.computes(backend, dtype).as_asked(dtype)

    def why_not(self, backend: Backend, dtype: Dtype) -> MissingExtraError | None:
        """Return an error for what is missing to run this model in this form; None if nothing is."""
        if not _PACKAGES[backend] <= self.packages:
            return MissingExtraError.of(f"the {backend} backend", _EXTRAS[backend])
        if backend == "torch":
            return None
        stored: Dtype = "int8" if dtype == "int8" else "float32"
        if (backend, stored) in self.files:
            return None
        if ("onnx", "float32") not in self.files and not self.packages >= _CONVERTERS:
            return MissingExtraError.of(f"converting a model that brings no file for {backend}", "torch")
        if backend == "onnx" and dtype == "int8" and "onnx" not in self.packages:
            return MissingExtraError.of("converting a model to int8", "torch")
        return None


def choose(name: str, options: Options, possible: Possible) -> Choice:
    """Choose the backend and the precision for this model.

    Values that the options set are used. The default is float32 on the fastest backend that can run the
    model, unless the gate found that a faster precision ranks the same for this model and processor. The
    fastest backend was measured by `pertinence tune`, or follows from the kind of processor.

    Raises:
        MissingExtraError: no installed backend can run it in this form; the message says what to install.
        OptionError: backend, precision and device contradict each other, `device` is not a device, or the
            model has only an int8 network and no verdict allows it.
    """
    check_device(options.device)
    torch_only = _torch_only(options)
    _check(options, torch_only)
    if not torch_only and _accelerated(options, possible):
        torch_only = f"device='auto', and this machine has {possible.accelerator},"
    allowed: tuple[Backend, ...] = ("openvino", "onnx", "torch")
    if torch_only:
        allowed = ("torch",)
    elif options.backend != "auto":
        allowed = (options.backend,)
    if options.dtype == "auto" and (not torch_only or on_card(options, possible)):
        passed = possible.passed_on_card if torch_only else possible.passed
        for backend, dtype, why in _proven(passed):
            right = bool(torch_only) or possible.computes(backend, dtype).dtype == dtype
            if backend in allowed and right and possible.why_not(backend, dtype) is None:
                return _choice(options, possible, backend, dtype, why)
    precision: Dtype = "float32" if options.dtype == "auto" else options.dtype
    order, known = _order(precision, possible)
    able = [backend for backend in order if backend in allowed]
    for backend in able:
        if possible.why_not(backend, precision) is None:
            why = _why(options, torch_only, precision, known)
            return _choice(options, possible, backend, precision, why)
    if options.dtype == "auto" and any(
        (backend, "int8") in possible.files and possible.why_not(backend, "int8") is None
        for backend in allowed
    ):
        raise OptionError(
            f"{name} brings its network in int8 alone, and no verdict that counts here lets that pass; "
            "dtype='int8' runs it all the same"
        )
    missing = possible.why_not(able[-1], precision)
    assert missing is not None
    raise MissingExtraError(f"{name}: {missing}")


def _choice(options: Options, possible: Possible, backend: Backend, dtype: Dtype, why: str) -> Choice:
    on_cpu = options.device == "cpu" or backend != "torch"
    if options.device == "auto":
        on_cpu = on_cpu or possible.accelerator is None
    done = possible.computes(backend, dtype) if on_cpu else EffectivePrecision(dtype=dtype)
    return Choice(backend=backend, dtype=dtype, why=why, computed=done)


def on_card(options: Options, possible: Possible) -> bool:
    """Check whether the model runs on a CUDA GPU."""
    asked = options.device.startswith("cuda")
    return asked or (possible.accelerator == "cuda" and _accelerated(options, possible))


def _torch_only(options: Options) -> str:
    """Return the option that only the torch backend supports; empty if there is none."""
    if options.device not in ("auto", "cpu"):
        return f"device={options.device!r}"
    if options.dtype == "float16":
        return "dtype='float16'"
    if options.trust_remote_code:
        return "trust_remote_code=True"
    return "model_kwargs" if options.model_kwargs else ""


def _accelerated(options: Options, possible: Possible) -> bool:
    """Check whether the model goes to an accelerator that the options do not name."""
    return (
        possible.accelerator is not None
        and (options.device, options.backend) == ("auto", "auto")
        and options.dtype != "int8"
        and possible.why_not("torch", "float32") is None
    )


def _check(options: Options, torch_only: str) -> None:
    backend, dtype = options.backend, options.dtype
    if torch_only and (backend not in ("auto", "torch") or dtype == "int8"):
        told = f"backend={backend!r}" if backend not in ("auto", "torch") else f"dtype={dtype!r}"
        raise OptionError(f"{told} runs on the CPU alone and does not take {torch_only}")
    if backend != "auto" and dtype != "auto" and backend not in _BACKENDS[dtype]:
        able = " or ".join(map(repr, _BACKENDS[dtype]))
        raise OptionError(f"backend={backend!r} does not compute in {dtype}; {able} does")


def _proven(passed: Sequence[Verdict]) -> Iterator[tuple[Backend, Dtype, str]]:
    """Yield what the gate passed, except what was no faster and what no backend of this version supports."""
    for verdict in passed:
        if verdict.speed_ratio is not None and verdict.speed_ratio <= 1:
            continue
        for dtype, backends in _FASTEST:
            for backend in backends:
                if (verdict.backend, verdict.dtype) == (backend, dtype):
                    ratio = verdict.speed_ratio
                    faster = f" and was {ratio:.1f} times as fast" if ratio else ""
                    yield (
                        backend,
                        dtype,
                        f"measured on this kind of processor: it ranks as float32 does{faster}",
                    )


def _order(dtype: Dtype, possible: Possible) -> tuple[Sequence[Backend], str]:
    """Return the backends that support this precision, the fastest first, and the source of this order."""
    backends = _BACKENDS[dtype]
    if dtype != "float32":
        # Backends that would compute in another precision, or slowly, come last.
        return sorted(backends, key=lambda each: not possible.computes(each, dtype).as_asked(dtype)), ""
    if all(backend in possible.speeds for backend in backends if not possible.why_not(backend, dtype)):
        timed = [backend for backend in backends if backend in possible.speeds]
        if len(timed) > 1:
            return sorted(timed, key=possible.speeds.__getitem__), "as measured here by tune"
    instructions = possible.processor.instructions or ()
    if "avx2" in instructions and "avx512f" not in instructions:
        return _FASTEST_ON_AVX2, "on a processor without AVX-512"
    return backends, ""


def _why(options: Options, torch_only: str, dtype: Dtype, known: str) -> str:
    asked = [
        f"{name}={getattr(options, name)!r}"
        for name in ("backend", "dtype")
        if getattr(options, name) != "auto"
    ]
    if torch_only:
        return f"{torch_only} asks for torch"
    if len(asked) == 2:
        return "asked for"
    kept = "" if options.dtype != "auto" else "; no faster precision was measured to rank the same"
    how = f" {known}" if known else ""
    fastest = "" if options.backend != "auto" else f"the fastest backend installed that runs {dtype}{how}"
    return ", ".join([*(f"{each} was asked for" for each in asked), *([fastest] if fastest else [])]) + kept
