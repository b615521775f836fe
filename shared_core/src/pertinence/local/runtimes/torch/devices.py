"""Devices of torch: detection, choice of device and precision, and transfer of data to and from a device."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.machine.devices import Card, Found, devices_for, precision_on
from pertinence.local.runtimes.running import Collect
from pertinence.local.runtimes.torch.packed_attention import ways_for
from pertinence.local.selection.reranker_spec import ModelSpec
from pertinence.scorer import Float32

try:
    import torch
except ImportError as error:
    raise MissingExtraError.of("the torch backend", "torch") from error

__all__ = [
    "attention_ways",
    "batch_tokens_on",
    "check_answers",
    "current",
    "describe",
    "fetched",
    "find",
    "is_full",
    "is_lost",
    "on_device",
    "places",
    "put",
    "relieve",
]

S = TypeVar("S", bound=ModelSpec)

_log = logging.getLogger(__name__)

_CPU_BATCH_TOKENS = 1024
# A batch should take the GPU several times as long as the CPU needs to launch its kernels.
_GPU_BATCH_TOKENS = {torch.float32: 16_384}
_GPU_BATCH_TOKENS_LOW = 65_536
# cudaErrorMemoryAllocation: the error code if memory outside torch's own allocator, such as pinned memory,
# cannot be allocated.
_CUDA_OUT_OF_MEMORY = 2
# cuBLAS errors have no exception class of their own. They are RuntimeErrors with one of these names in the
# message.
_CUBLAS_FULL = "CUBLAS_STATUS_ALLOC_FAILED"
_CUBLAS_LOST = ("CUBLAS_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_INTERNAL_ERROR")


def find() -> Found:
    """Return the GPUs that torch finds on this machine, or the reason why CUDA is not available."""
    cuda = torch.cuda
    if torch.version.cuda is None and torch.version.hip is None:
        no_cuda = f"torch {torch.__version__} is built without it"
    elif not cuda.is_available():
        no_cuda = _why_unavailable()
    else:
        no_cuda = ""
    cards = [] if no_cuda else [_card(place) for place in range(cuda.device_count())]
    return Found(cards=cards, mps=torch.backends.mps.is_available(), no_cuda=no_cuda)


def places(asked: str, found: Callable[[], Found] = find) -> tuple[str, ...]:
    """Return the devices that a model with `device=asked` is loaded on.

    Raises:
        OptionError: `asked` names no device.
        ModelError: the device is not available.
    """
    return ("cpu",) if asked == "cpu" else devices_for(asked, found())


def put(spec: S, device: str, found: Callable[[], Found] = find) -> S:
    """Return the spec for one device, in a precision that the device supports."""
    card = found().cards[int(device.partition(":")[2])] if device.startswith("cuda:") else None
    dtype, why = precision_on(spec.dtype, card)
    if why:
        _log.warning("%s is computed in %s: %s", spec.name, dtype, why)
    return replace(spec, device=device, dtype=dtype)


def attention_ways(device: torch.device, dtype: torch.dtype) -> tuple[str, ...]:
    """Return the ways to compute attention within packed sequences on the device, the fastest first."""
    capability = torch.cuda.get_device_capability(device) if device.type == "cuda" else None
    return ways_for(device.type, dtype, capability)


def batch_tokens_on(device: torch.device, dtype: torch.dtype) -> int:
    """Return the number of tokens per batch for the device and precision."""
    if device.type == "cpu":
        return _CPU_BATCH_TOKENS
    return _GPU_BATCH_TOKENS.get(dtype, _GPU_BATCH_TOKENS_LOW if device.type == "cuda" else 16_384)


def current(device: torch.device) -> AbstractContextManager[object]:
    """Make a GPU the current one.

    Kernels from outside torch run on the current GPU, whatever device their arguments are on.
    """
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def fetched(outputs: torch.Tensor) -> Collect:
    """Start copying the rows back and return a function that waits for them.

    The rows are copied once, when the device has computed them. They are float32, of the shape of
    `outputs`.
    """
    rows = outputs.detach().float()
    if rows.device.type != "cuda":
        return lambda: _numpy(rows.cpu())
    host = torch.empty(rows.shape, dtype=rows.dtype, device="cpu", pin_memory=True)
    host.copy_(rows, non_blocking=True)
    arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrived.record(torch.cuda.current_stream(rows.device))

    def collect() -> Float32:
        arrived.synchronize()
        return _numpy(host)

    return collect


def on_device(array: np.ndarray[Any, Any], device: torch.device) -> torch.Tensor:
    """Copy the array to the device, without waiting for the transfer if the device is a CUDA GPU."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def is_full(error: BaseException) -> bool:
    """Check whether an error says that the device's memory ran out."""
    if isinstance(error, torch.AcceleratorError):
        return getattr(error, "error_code", None) == _CUDA_OUT_OF_MEMORY
    return isinstance(error, torch.OutOfMemoryError) or _CUBLAS_FULL in str(error)


def is_lost(error: BaseException) -> bool:
    """Check whether an error says that the device failed, and that the data in its memory is lost."""
    if isinstance(error, torch.AcceleratorError):
        return not is_full(error)
    return isinstance(error, RuntimeError) and any(name in str(error) for name in _CUBLAS_LOST)


def check_answers(device: str) -> None:
    """Check that a GPU can still be used by this process.

    After some errors the CUDA context has ended, and nothing in this process can use the GPU any more.

    Raises:
        ModelError: the GPU does not answer; the process must be restarted.
    """
    if not device.startswith("cuda"):
        return
    try:
        torch.cuda.synchronize(device)
    except RuntimeError as error:
        raise ModelError(
            f"{device} does not answer in this process any more, which must be started anew: {error}"
        ) from error


def relieve() -> None:
    """Return memory that torch keeps for later use to the devices."""
    if torch.cuda.is_available():
        try:
            torch.cuda.empty_cache()
        except RuntimeError as error:
            # A failed GPU has no memory to return. The failure itself is reported where the work was
            # requested.
            _log.debug("no memory was given back: %s", error)


def describe(device: torch.device) -> str:
    """Describe a device and its memory."""
    if device.type != "cuda":
        return f"the memory of {device}"
    free, whole = torch.cuda.mem_get_info(device)
    name = torch.cuda.get_device_name(device)
    return f"the memory of {device} ({name}, {free >> 20:,} of {whole >> 20:,} MiB free)"


def _card(place: int) -> Card:
    facts = torch.cuda.get_device_properties(place)
    capability = (facts.major, facts.minor)
    return Card(
        name=facts.name, memory=facts.total_memory, capability=capability, bfloat16=capability >= (8, 0)
    )


def _why_unavailable() -> str:
    """Return CUDA's own reason, such as a driver that is too old or no GPU."""
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    return "no card is visible"


def _numpy(rows: torch.Tensor) -> Float32:
    given: Float32 = rows.numpy().astype(np.float32, copy=False)
    return given
