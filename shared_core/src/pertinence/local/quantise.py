"""onnxruntime's int8 form of a network: weights in int8 by output, activations quantised as it runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from pertinence.errors import MissingExtraError, ModelError

try:
    import onnx
    from onnx import ModelProto, numpy_helper
    from onnx.reference import ReferenceEvaluator
    from onnxruntime.quantization import QuantType, quantize_dynamic
except ImportError as error:
    raise MissingExtraError.of("onnxruntime's int8 form of a model", "torch") from error

__all__ = ["write_int8_onnx"]

# What packaging puts between a stored weight and the product that uses it.
_UNPACKING = {"DequantizeLinear", "Identity", "Transpose"}


def write_int8_onnx(source: Path, target: Path) -> None:
    """Write the network of a float32 ONNX file with the weights of its matrix products in int8.

    Raises:
        ModelError: it cannot be read or turned.
    """
    try:
        model = onnx.load(source)
        _unpack(model)
        # The quantiser infers shapes anew, and what the exporter noted is in its way.
        del model.graph.value_info[:]
        # It would otherwise warn, through the root logger, of a preparation that was made just now.
        onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
        with tempfile.TemporaryDirectory(dir=target.parent) as work:
            plain = Path(work) / "plain.onnx"
            onnx.save(model, plain, save_as_external_data=True)
            quantize_dynamic(
                plain,
                target,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                use_external_data_format=True,
                extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
            )
    except Exception as error:
        raise ModelError(f"{source} cannot be turned into int8: {error}") from error


def _unpack(model: ModelProto) -> None:
    """Compute what depends on weights alone: the quantiser looks for plain weights."""
    graph = model.graph
    weights = {each.name: each for each in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type in _UNPACKING and all(name in weights for name in node.input):
            feed = {name: numpy_helper.to_array(weights[name]) for name in node.input}
            value: Any = next(iter(ReferenceEvaluator(node).run(None, feed)))
            weights[node.output[0]] = numpy_helper.from_array(value, node.output[0])
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input} | {item.name for item in graph.output}
    del graph.node[:]
    graph.node.extend(kept)
    del graph.initializer[:]
    graph.initializer.extend(each for name, each in weights.items() if name in used)
