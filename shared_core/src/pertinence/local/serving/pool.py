"""Pool of loaded models, shared by key and reference-counted.

Two components that name the same model share one copy.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from pertinence.errors import ClosedError
from pertinence.local.files.locate import model_key
from pertinence.local.serving.scheduler import Model, Scheduler
from pertinence.options import Options

__all__ = ["Lease", "acquire", "loaded"]

M = TypeVar("M", bound=Model)
_Key = tuple[object, str]

# Options that decide which model is loaded. All others apply to single requests.
_KEY = (
    "device",
    "backend",
    "dtype",
    "batch_tokens",
    "trust_remote_code",
    "revision",
    "token",
    "cache_folder",
    "local_files_only",
    "model_kwargs",
)


@dataclass(eq=False)
class _Entry:
    key: _Key
    name: str
    model: Any
    scheduler: Scheduler
    holders: set[Lease[Any]] = field(default_factory=set)


class Lease(Generic[M]):
    """Reference to a shared model; the model is unloaded when its last lease is released."""

    def __init__(self, options: Options, kind: Callable[[Options], M]) -> None:
        # Resolve the name now, not at each use, so that a relative path keeps its meaning from when the
        # model was named.
        self.name = model_key(options)
        is_default = options.model is None
        self.options = replace(options, top_k=None, threshold=None, model=None if is_default else self.name)
        self.key = (kind, _key(self.options, self.name))
        self.kind = kind
        self.released = False

    @property
    def scheduler(self) -> Scheduler:
        """Scheduler of the model in this process."""
        return _pool.entry(self).scheduler

    @property
    def model(self) -> M:
        """The model itself, for callers that need to know what was loaded."""
        model: M = _pool.entry(self).model
        return model

    def close_when_collected(self, holder: object) -> None:
        """Release this lease when `holder` is garbage-collected."""
        # Release in a separate thread: the garbage collector may run in any thread, even the model's, and
        # the release waits for that thread to end.
        weakref.finalize(holder, _release_aside, self).atexit = False

    def release(self) -> None:
        """Release the model; releasing twice does nothing."""
        _pool.release(self)


class _Pool:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[_Key, _Entry] = {}
        # Entries without holders that are not unloaded yet.
        self._leaving: set[_Entry] = set()
        self._closed = False

    def entry(self, lease: Lease[Any]) -> _Entry:
        with self._lock:
            if self._closed:
                raise ClosedError("the interpreter is shutting down")
            if lease.released:
                raise ClosedError(f"the model {lease.name} was given back")
            entry = self._entries.get(lease.key)
            if entry is None:
                model = lease.kind(lease.options)
                scheduler = Scheduler(model, lease.name)
                entry = _Entry(key=lease.key, name=lease.name, model=model, scheduler=scheduler)
                self._entries[lease.key] = entry
            entry.holders.add(lease)
            return entry

    def release(self, lease: Lease[Any]) -> None:
        with self._lock:
            lease.released = True
            entry = self._entries.get(lease.key)
            if entry is None or lease not in entry.holders:
                return
            entry.holders.discard(lease)
            last = not entry.holders
            if last:
                del self._entries[entry.key]
                self._leaving.add(entry)
        entry.scheduler.withdraw(lease)
        if last:
            entry.scheduler.close()
            with self._lock:
                self._leaving.discard(entry)

    def names(self) -> list[str]:
        with self._lock:
            return [entry.name for entry in self._entries.values()]

    def close(self) -> None:
        """Close all models at interpreter exit.

        No model may load or run once its libraries are unloaded.
        """
        with self._lock:
            self._closed = True
            entries = [*self._entries.values(), *self._leaving]
            self._entries.clear()
        for entry in entries:
            # This includes entries whose last holder was dropped a moment ago: a thread that returns from a
            # runtime after the interpreter is gone aborts the process.
            entry.scheduler.close(wait_for_load=True)

    def forget(self) -> None:
        """Start with an empty pool in a forked child.

        The parent's threads do not exist in the child, and locks may be held by threads that are gone.
        Models loaded by the parent cannot run without those threads. Leases remain valid and load their
        model again.
        """
        for entry in (*self._entries.values(), *self._leaving):
            # Keep the models alive: destroying a runtime without its threads hangs or aborts the child. At
            # the very end onnxruntime destroys itself too, so a forked child exits cleanly only with
            # os._exit, which is how multiprocessing ends its children.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(entry.model))
        self.__init__()  # type: ignore[misc]


def _key(options: Options, model: str) -> str:
    values = {name: getattr(options, name) for name in _KEY}
    if options.model is None or os.path.isdir(model):
        values["token"] = None  # Only the hub needs the token.
    return json.dumps([model, values], sort_keys=True, default=repr)


def acquire(options: Options, kind: Callable[[Options], M]) -> Lease[M]:
    """Return a lease on the model that `options` name; the model is loaded on first use.

    Args:
        options: the model and how to run it.
        kind: function or class that creates the model without loading it; models of different kinds are
            never shared.
    """
    return Lease(options, kind)


def loaded() -> list[str]:
    """Return the names of the models that this process holds."""
    return _pool.names()


def _release_aside(lease: Lease[Any]) -> None:
    threading.Thread(target=lease.release, name="pertinence-release", daemon=True).start()


_pool = _Pool()
# Threads that run a model must end before the interpreter unloads the runtime's libraries.
atexit.register(_pool.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)
