"""OpenVINO: the fastest backend on a CPU, in float32, bfloat16, or int8 weights with int8 products."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.batches.batching import Batch
from pertinence.local.files.cache import compiled_folder
from pertinence.local.machine.cores import cores
from pertinence.local.machine.precisions import Dtype, effective_precision
from pertinence.local.machine.processor import processor
from pertinence.local.runtimes.conversion.networks import network_file
from pertinence.local.runtimes.inputs import read_by
from pertinence.local.runtimes.outputs import Reader
from pertinence.local.runtimes.running import last_line
from pertinence.local.selection.reranker_spec import ModelSpec
from pertinence.scorer import Float32

try:
    import openvino
    from openvino.passes import ConstantFolding, Manager
except ImportError as error:
    raise MissingExtraError.of("the openvino backend", "openvino") from error

__all__ = ["OpenvinoBackend"]

_log = logging.getLogger(__name__)
# Size of the groups in which the activations of one token are quantized. Each group has its own scale, so a
# score does not depend on the rest of the batch. Of the sizes 32 to 768, 64 and 128 are the fastest.
_GROUP = 64
_TOLD: dict[Dtype, openvino.Type] = {"bfloat16": openvino.Type.bf16, "float16": openvino.Type.f16}
_PRECISION = {"float32": "f32", "bfloat16": "bf16", "int8": "bf16"}


class OpenvinoBackend:
    """Compiled OpenVINO model over the model's own file, or over one converted from its weights."""

    # Width of vectors of 16 numbers. If the batch width is a multiple of it, padding only adds zeros to
    # sums and does not change their order. A score is then the same to the last bit, whatever the padding,
    # if the processor has products of that precision. With arbitrary widths, a bfloat16 logit moved by up
    # to .017 of the spread, an int8 one by .047.
    width_multiple = 16

    def __init__(self, spec: ModelSpec, reader: Reader) -> None:
        # Larger batches gain little, for MiniLM and CamemBERT alike; 512 tokens take 5 to 10% longer.
        self.batch_tokens = 1024 if spec.dtype == "float32" else 2048
        path = network_file(spec, "openvino", spec.dtype)
        core = openvino.Core()
        try:
            network = core.read_model(path)
            if spec.dtype != "int8":
                # Convert weights stored in int8 to float32 once, rather than at every run.
                passes = Manager()
                passes.register_pass(ConstantFolding())
                passes.run_passes(network)
            compiled = core.compile_model(network, "CPU", _settings(spec))
        except RuntimeError as error:
            raise ModelError(f"{path} cannot be loaded by OpenVINO: {last_line(error)}") from error
        self.computes = _computes(spec, compiled)
        outputs = {_name(item, place): _axes(item) for place, item in enumerate(compiled.outputs)}
        self._reader, self._output = reader, reader.pick(outputs)
        self._request = compiled.create_infer_request()
        self._fields = read_by(spec, [item.get_any_name() for item in compiled.inputs])

    def run(self, batch: Batch) -> Float32:
        """Return raw outputs, float32 of shape (rows, labels), or vectors of shape (rows, dims)."""
        inputs = [getattr(batch, field) for field in self._fields.values()]
        outputs = self._request.infer(inputs, share_inputs=True, share_outputs=True)
        values = np.asarray(outputs[self._output], dtype=np.float32)
        # Copy the rows, because the next run overwrites the memory of this output.
        return np.array(self._reader.rows(values, batch))

    def close(self) -> None:
        """Free the model's memory."""
        del self._request


def _computes(spec: ModelSpec, compiled: Any) -> Dtype:
    """Return the precision of the products of weights, as the compiled model reports it."""
    if spec.dtype == "int8":
        # OpenVINO reports only the precision of the remaining operations. Whether the products are int8
        # depends on the processor.
        return spec.computed.dtype
    told = compiled.get_property("INFERENCE_PRECISION_HINT")
    return next((dtype for dtype, kind in _TOLD.items() if told == kind), "float32")


def _name(output: Any, place: int) -> str:
    names = sorted(output.names)
    return names[0] if names else f"output {place}"


def _axes(output: Any) -> int:
    """Return the number of axes of an output; 0 if it is not known before a run."""
    shape = output.partial_shape
    return len(shape) if shape.rank.is_static else 0


def _hint(dtype: Dtype) -> str:
    """The precision of everything that is not a product of int8, in OpenVINO's words."""
    if dtype == "int8" and not effective_precision("openvino", "bfloat16", processor()).as_asked("bfloat16"):
        # Imitated bfloat16 took 15 times as long as float32.
        return "f32"
    return _PRECISION[dtype]


def _settings(spec: ModelSpec) -> dict[str, Any]:
    here = cores()
    kinds = {"SCHEDULING_CORE_TYPE": "PCORE_ONLY"} if here.hybrid else {}
    return {
        **kinds,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _hint(spec.dtype),
        "INFERENCE_NUM_THREADS": here.threads,
        # Pinned threads of two models or processes would share the same cores.
        "ENABLE_CPU_PINNING": False,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP if spec.dtype == "int8" else 0,
        "CACHE_DIR": str(compiled_folder("openvino", spec.options.cache_folder)),
    }
