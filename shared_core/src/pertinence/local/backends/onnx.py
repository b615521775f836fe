"""onnxruntime: the backend of the base install, float32 on the CPU."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnxruntime

from pertinence.errors import ModelError
from pertinence.local.batching import Batch
from pertinence.local.loading import ModelSpec
from pertinence.scorer import Float32

__all__ = ["OnnxBackend"]

# Names that exporters give to the three inputs.
_INPUTS = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}


class OnnxBackend:
    """A session of onnxruntime over the model's ONNX file, or over one converted from its weights."""

    # Activations of so few tokens stay in the caches of a core: 1,024 are 10% slower, 4,096 up to 30%.
    batch_tokens = 512

    def __init__(self, spec: ModelSpec) -> None:
        self._session = _open(spec.onnx or _convert(spec))
        self._inputs = {}
        for item in self._session.get_inputs():
            if item.name not in _INPUTS:
                raise ModelError(f"{spec.name}: its ONNX file asks for an unknown input {item.name!r}")
            self._inputs[item.name] = _INPUTS[item.name]
        self._output = self._session.get_outputs()[0].name

    def run(self, batch: Batch) -> Float32:
        """Raw outputs, float32 of shape (rows, labels)."""
        feed = {name: getattr(batch, field) for name, field in self._inputs.items()}
        rows = np.asarray(self._session.run([self._output], feed)[0], dtype=np.float32)
        return rows.reshape(len(batch.ids), -1)

    def close(self) -> None:
        """Give the model's memory back."""
        del self._session


def _open(path: Path) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    # Weights stored in int8 are turned into float32 once, at load, rather than at every run.
    settings.add_session_config_entry("session.disable_quant_qdq", "1")
    settings.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path} cannot be loaded by onnxruntime: {error}") from error


def _convert(spec: ModelSpec) -> Path:
    # Imported here because it needs torch, which a model that brings its ONNX file does not.
    from pertinence.local.export import cached_onnx

    return cached_onnx(spec)
