"""onnxruntime: the backend of the base install, in float32 or int8 on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from pertinence.errors import ModelError
from pertinence.local.batches.batching import Batch
from pertinence.local.machine.cores import Cores, cores
from pertinence.local.runtimes.conversion.networks import network_file
from pertinence.local.runtimes.inputs import one_by_one, read_by
from pertinence.local.runtimes.outputs import Reader
from pertinence.local.selection.reranker_spec import ModelSpec
from pertinence.scorer import Float32

__all__ = ["OnnxBackend", "open_session"]

# The fused form of addition and layer norm takes nine times as long as the two separate operators. That is
# 13% of a run of MiniLM.
_SLOWER = ["SkipLayerNormFusion"]


class OnnxBackend:
    """Session of onnxruntime over the model's own ONNX file, or over one converted from its weights."""

    # The activations of 512 tokens fit in the caches of a core: 1,024 are 10% slower, 4,096 up to 30%.
    batch_tokens = 512
    width_multiple = 1

    def __init__(self, spec: ModelSpec, reader: Reader) -> None:
        self._session = open_session(network_file(spec, "onnx", spec.dtype))
        self.computes = spec.dtype
        self._fields = read_by(spec, [item.name for item in self._session.get_inputs()])
        outputs = {item.name: len(item.shape) for item in self._session.get_outputs()}
        self._reader, self._output = reader, list(outputs)[reader.pick(outputs)]
        # In int8 files from other sources, one scale serves all activations of a run. In ours, the last bit
        # of a float may change a rounding. Either way a score would depend on the other pairs of the batch.
        # So pairs run one at a time, without padding. That costs 5% of the time of long pairs and 20% of
        # short ones.
        self._alone = spec.dtype == "int8"

    def run(self, batch: Batch) -> Float32:
        """Return raw outputs, float32 of shape (rows, labels), or vectors of shape (rows, dims)."""
        if not self._alone:
            return self._rows(batch)
        return np.concatenate([self._rows(each) for each in one_by_one(batch)])

    def _rows(self, batch: Batch) -> Float32:
        feed = {name: getattr(batch, field) for name, field in self._fields.items()}
        values = np.asarray(self._session.run([self._output], feed)[0], dtype=np.float32)
        return self._reader.rows(values, batch)

    def close(self) -> None:
        """Free the model's memory."""
        del self._session


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Open a network with the settings that the backend uses.

    Raises:
        ModelError: onnxruntime cannot load the file.
    """
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    # Convert weights stored in int8 to float32 once, at load, rather than at every run.
    settings.add_session_config_entry("session.disable_quant_qdq", "1")
    # Without VNNI, x86 adds two products of uint8 and int8 in 16 bits, where they saturate. This setting
    # widens such products first. onnxruntime ignores it on a processor that does not need it.
    settings.add_session_config_entry("session.x64quantprecision", "1")
    here = cores()
    settings.intra_op_num_threads = here.threads
    if affinities := _affinities(here):
        settings.add_session_config_entry("session.intra_op_thread_affinities", affinities)
    try:
        return onnxruntime.InferenceSession(
            str(path), settings, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER
        )
    except Exception as error:
        raise ModelError(f"{path} cannot be loaded by onnxruntime: {error}") from error


def _affinities(here: Cores) -> str:
    """Return a setting that keeps threads on the fast cores of a hybrid processor.

    It is in onnxruntime's format, and empty on other processors. The first thread is the caller's, which
    onnxruntime does not pin. The others may run on any fast core.
    """
    if not here.hybrid:
        return ""
    # onnxruntime counts processors from 1.
    fast = ",".join(str(number + 1) for number in here.fast)
    return ";".join([fast] * (here.threads - 1))
