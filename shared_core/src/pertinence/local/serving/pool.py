"""Loaded models, shared by key and counted: two components that name the same model hold one copy."""

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

# The options that decide what is loaded; all others are matters of a single request.
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
    """One holder's right to a model; the model is unloaded when the last lease is released."""

    def __init__(self, options: Options, kind: Callable[[Options], M]) -> None:
        # Now and not at each use: a relative path means what it meant when the model was named.
        self.name = model_key(options)
        is_default = options.model is None
        self.options = replace(options, top_k=None, threshold=None, model=None if is_default else self.name)
        self.key = (kind, _key(self.options, self.name))
        self.kind = kind
        self.released = False

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler of the model in this process."""
        return _pool.entry(self).scheduler

    @property
    def model(self) -> M:
        """The model itself, for those who want to know what was loaded."""
        model: M = _pool.entry(self).model
        return model

    def end_with(self, holder: object) -> None:
        """Release when `holder` is dropped."""
        # From a thread of its own: the collector may run anywhere, in the model's thread too, and a
        # release waits for that thread to end.
        weakref.finalize(holder, _release_aside, self).atexit = False

    def release(self) -> None:
        """Give the model back; releasing twice does nothing."""
        _pool.release(self)


class _Pool:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[_Key, _Entry] = {}
        # Nobody's any more, and not unloaded yet.
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
        """For the end of the interpreter: nothing may load or run once its libraries are taken down."""
        with self._lock:
            self._closed = True
            entries = [*self._entries.values(), *self._leaving]
            self._entries.clear()
        for entry in entries:
            # Of one that leaves, too, whose holder was dropped a moment ago: a thread that comes back from a
            # runtime when the interpreter is gone ends the process with an abort.
            entry.scheduler.close(wait_for_load=True)

    def forget(self) -> None:
        """Start anew in a forked child.

        The parent's threads did not come along, and its locks may be held by nobody; what it had
        loaded cannot be run without them. Leases stay good and load their model again.
        """
        for entry in (*self._entries.values(), *self._leaving):
            # A runtime that is destroyed without its threads hangs or aborts the child: it is left be.
            # At the very end onnxruntime does so itself: a forked child ends well with os._exit only,
            # which is how multiprocessing ends its children.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(entry.model))
        self.__init__()  # type: ignore[misc]


def _key(options: Options, model: str) -> str:
    values = {name: getattr(options, name) for name in _KEY}
    if options.model is None or os.path.isdir(model):
        values["token"] = None  # Only the hub asks for it.
    return json.dumps([model, values], sort_keys=True, default=repr)


def acquire(options: Options, kind: Callable[[Options], M]) -> Lease[M]:
    """A lease on the model of this kind that `options` name; nothing is loaded before it is used.

    Args:
        options: which model, and how it is to be run.
        kind: makes it, still unloaded; models of different kinds are never shared.
    """
    return Lease(options, kind)


def loaded() -> list[str]:
    """The models that this process holds, by name."""
    return _pool.names()


def _release_aside(lease: Lease[Any]) -> None:
    threading.Thread(target=lease.release, name="pertinence-release", daemon=True).start()


_pool = _Pool()
# Threads that run a model must end before the interpreter takes the runtime's libraries down.
atexit.register(_pool.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)
