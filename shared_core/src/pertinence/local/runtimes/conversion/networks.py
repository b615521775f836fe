"""Network file that a backend reads: shipped with the model, or converted from it and cached."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pertinence.local.files.cache import cached
from pertinence.local.selection.choice import Backend, Dtype
from pertinence.local.selection.reranker_spec import ModelSpec

__all__ = ["network_file"]

_log = logging.getLogger(__name__)


def network_file(spec: ModelSpec, backend: Backend, dtype: Dtype) -> Path:
    """Return the network file of `spec` for `backend`, converting the model if needed.

    The file is converted only if neither the model's folder nor the cache holds it.

    Raises:
        MissingExtraError: the file must be converted, and a package that this needs is not installed.
        ModelError: the conversion fails, or the converted file gives other numbers than the model.
    """
    stored: Dtype = "int8" if dtype == "int8" else "float32"
    own = spec.files.get((backend, stored))
    if own is not None:
        return own
    if stored == "float32":
        # OpenVINO reads ONNX too, so one file serves both backends.
        return spec.files.get(("onnx", stored)) or _made(
            spec, "onnx-float32", _from_torch(spec), "model.onnx"
        )
    plain = network_file(spec, backend, "float32")
    if backend == "onnx":
        return _made(spec, "onnx-int8", lambda path: _int8_onnx(plain, path), "model_int8.onnx")
    return _made(spec, "openvino-int8", lambda path: _int8_openvino(plain, path), "openvino_model_int8.xml")


def _made(spec: ModelSpec, kind: str, make: Callable[[Path], None], file: str) -> Path:
    def fill(folder: Path) -> None:
        _log.info("converting %s (%s), once", spec.name, kind)
        make(folder / file)

    return cached(spec.folder, kind, fill, spec.options.cache_folder) / file


# Each converter is imported only when it is needed, because each needs more than the base install.


def _from_torch(spec: ModelSpec) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        from pertinence.local.runtimes.conversion.export import write_onnx

        write_onnx(spec, path)

    return make


def _int8_onnx(plain: Path, path: Path) -> None:
    from pertinence.local.runtimes.conversion.quantize import write_int8_onnx

    write_int8_onnx(plain, path)


def _int8_openvino(plain: Path, path: Path) -> None:
    from pertinence.local.runtimes.conversion.compress import write_int8_openvino

    write_int8_openvino(plain, path)
