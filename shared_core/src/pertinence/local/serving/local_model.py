"""Local model in the form that the scheduler uses: a spec, a tokenizer and a backend per device.

Each is loaded once, on first use.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from pertinence.errors import ModelError
from pertinence.local.batches.batching import Batch, Pair, pad
from pertinence.local.batches.packing import Packed, pack
from pertinence.local.files.cache import warn_once
from pertinence.local.machine.precisions import EffectivePrecision
from pertinence.local.runtimes.backend import Backend
from pertinence.local.runtimes.running import Collect, Rows, Running, all_finite, as_running, last_line
from pertinence.local.selection.reranker_spec import ModelSpec, torch_installed
from pertinence.options import Options

__all__ = ["LocalModel"]

_log = logging.getLogger(__name__)


class Encoder(Protocol):
    """Protocol for the part of a tokenizer that padding needs."""

    @property
    def text_type(self) -> int:
        """Token type of a text's tokens."""


S = TypeVar("S", bound=ModelSpec)
E = TypeVar("E", bound=Encoder)


class LocalModel(ABC, Generic[S, E]):
    """Base class of models on this machine; each part is loaded on first use.

    Several threads share an instance: one tokenizes, and one per device runs the model. Finding the files
    and counting rows are guarded by a lock. Devices are numbered from 0; a device number is called
    `worker`.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._finding = threading.Lock()
        self._spec: S | None = None
        self._tokens: E | None = None
        self._devices: tuple[str, ...] = ()
        self._running: dict[int, Running] = {}
        self._precisions: dict[int, str] = {}
        self.rows_run = 0

    @abstractmethod
    def _find(self, options: Options) -> S:
        """Read the spec from the model's files."""

    @abstractmethod
    def _read_tokenizer(self, spec: S) -> E:
        """Load the tokenizer in the form that this kind of model needs."""

    @abstractmethod
    def _open_backend(self, spec: S) -> Backend:
        """Load the network and return its backend."""

    @property
    def spec(self) -> S:
        """Spec of the model: where its files are and how they are run. It is resolved on first use."""
        with self._finding:
            if self._spec is None:
                self._spec = self._find(self._options)
            return self._spec

    def load(self, worker: int = 0) -> None:
        """Load the tokenizer and the network, or reload the network on a device that failed."""
        running = self._running.get(worker)
        if running is not None and running.lost:
            self._close(worker)
        if worker not in self._running:
            self._encoder()
            self._running[worker] = self._opened(worker)

    @property
    def workers(self) -> int:
        """Number of devices that run the model; known once the first device has loaded it."""
        return len(self._devices)

    def max_in_flight(self, worker: int = 0) -> int:
        """Return how many batches a device may have in flight at once."""
        return self._loaded(worker).max_in_flight

    def accepts_packed(self, worker: int = 0) -> bool:
        """Check whether a device reads packed batches, without padding."""
        return self._loaded(worker).accepts_packed

    def batch_tokens(self, worker: int = 0) -> int:
        """Return the number of tokens per batch.

        This is the number in the options, or the default of the device. It is lowered to what fits in
        memory if memory has run out before.
        """
        running = self._loaded(worker)
        wanted = self._options.batch_tokens or running.batch_tokens
        return wanted if running.fitting is None else min(wanted, running.fitting)

    def pad(self, pairs: Sequence[Pair[Any]], worker: int = 0) -> Batch | Packed:
        """Build the arrays that the network reads on a device, packed or padded."""
        spec, running = self.spec, self._loaded(worker)
        text_type = self._encoder().text_type if spec.token_types else 0
        if running.accepts_packed:
            return pack(pairs, text_type=text_type)
        return pad(
            pairs,
            pad_id=spec.pad_id,
            text_type=text_type,
            multiple=running.width_multiple,
            most=spec.positions,
        )

    def start(self, pairs: Sequence[Pair[Any]], worker: int = 0) -> Collect:
        """Send a batch to a device and return a function that waits for its rows, in the order of `pairs`."""
        with self._finding:
            self.rows_run += len(pairs)
        running = self._loaded(worker)
        collect = running.start(self.pad(pairs, worker))

        def rows() -> Rows:
            try:
                given = collect()
            except RuntimeError as error:
                # On a processor with AMX, OpenVINO 2026.4 compiles a bfloat16 network that cannot run if
                # the process has compiled the network in float32 before. An error on a GPU is not caused by
                # the precision.
                why = f"failed ({last_line(error)})"
                if self.spec.backend == "torch" or not self._goes_on_in_float32(worker, running, why):
                    raise
            else:
                why = "gave NaN or infinity"
                if all_finite(given) or not self._goes_on_in_float32(worker, running, why):
                    return given
            return self._loaded(worker).start(self.pad(pairs, worker))()

        return rows

    def unload(self, worker: int = 0) -> None:
        """Free the memory of a device. After the last device, free the tokenizer too."""
        self._close(worker)
        if not self._running:
            self._tokens = None

    def _opened(self, worker: int) -> Running:
        """Open the backend that the spec names, or torch as a fallback.

        The fallback applies only if the option `backend` is "auto", torch is installed, and the backend
        cannot load the model.
        """
        spec = self.spec
        try:
            return self._open(worker)
        except ModelError as error:
            if self._options.backend != "auto" or spec.backend == "torch" or not torch_installed():
                raise
            _log.warning("%s runs on torch, because it cannot on %s: %s", spec.name, spec.backend, error)
        self._settle(backend="torch", dtype="float32", why="no other backend can")
        return self._open(worker)

    def _open(self, worker: int) -> Running:
        """Open the backend that the spec names and record the precision that its runtime reports.

        Log a warning if that precision is not the requested one, or is slower than float32.
        """
        running = as_running(self._open_backend(self._placed(worker)))
        spec = self.spec
        if running.computes != spec.computed.dtype:
            why = spec.computed.why or "so its runtime says"
            spec = self._settle(computed=EffectivePrecision(dtype=running.computes, why=why))
        if spec.computed.dtype != spec.dtype:
            warn_once(
                f"{spec.name} computes in {spec.computed.dtype} on {spec.backend}, where "
                f"dtype={spec.dtype!r} was asked for: {spec.computed.why}"
            )
        elif spec.computed.slow:
            warn_once(
                f"{spec.name} computes in {spec.dtype} on {spec.backend}, as asked, and takes longer than in "
                f"float32: {spec.computed.why}"
            )
        return running

    def _placed(self, worker: int) -> S:
        """Return the spec for one of the requested devices, and remember its precision."""
        spec = self.spec
        self._precisions[worker] = spec.dtype
        if spec.backend != "torch":
            self._devices = ("cpu",)
            return spec
        from pertinence.local.runtimes.torch.devices import places, put

        self._devices = places(spec.device)
        return put(spec, self._devices[worker])

    def _goes_on_in_float32(self, worker: int, failed: Running, why: str) -> bool:
        """Switch a device to float32 after `failed` gave no valid numbers on it.

        The switch happens only if the option `dtype` is "auto". If another batch has already caused the
        switch, the model is left as it is. Each device switches its own network.

        Returns True if the batch must run again, in float32.
        """
        if self._options.dtype != "auto":
            return False
        if self._running.get(worker) is failed:
            precision, spec = self._precisions[worker], self.spec
            if precision == "float32":
                return False
            if spec.dtype == precision:
                _log.warning("%s %s in %s and goes on in float32", spec.name, why, precision)
                self._settle(dtype="float32", why=f"{precision} {why}")
            self._close(worker)
        return True

    def _close(self, worker: int) -> None:
        running = self._running.pop(worker, None)
        if running is not None:
            running.close()

    def _settle(self, **changes: Any) -> S:
        if "dtype" in changes:
            changes["computed"] = EffectivePrecision(dtype=changes["dtype"])
        with self._finding:
            assert self._spec is not None
            self._spec = replace(self._spec, **changes)
            return self._spec

    def _loaded(self, worker: int) -> Running:
        if worker not in self._running:
            self.load(worker)
        return self._running[worker]

    def _encoder(self) -> E:
        if self._tokens is None:
            self._tokens = self._read_tokenizer(self.spec)
        return self._tokens
