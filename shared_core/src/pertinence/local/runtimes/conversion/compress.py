"""OpenVINO's int8 form of a network: weights in int8 with one scale per output, unchanged activations.

At run time OpenVINO also quantizes the activations of each token, in groups, and multiplies in int8.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.files.weights import quantise

try:
    import openvino
    from openvino import Node
    from openvino import opset13 as ops
    from openvino.passes import ConstantFolding, Manager
except ImportError as error:
    raise MissingExtraError.of("OpenVINO's int8 form of a model", "openvino") from error

__all__ = ["write_int8_openvino"]

# Smaller matrices, such as a head or a table of token types, are not worth their own scales.
_SMALLEST = 10_000


def write_int8_openvino(source: Path, target: Path) -> None:
    """Write the network of an ONNX or OpenVINO file with its large matrices in int8.

    Raises:
        ModelError: the file cannot be read, or holds no large matrix.
    """
    try:
        network = openvino.Core().read_model(source)
    except RuntimeError as error:
        raise ModelError(f"{source} cannot be read by OpenVINO: {error}") from error
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(network)
    done = [node for node in network.get_ordered_ops() if _compress(node)]
    if not done:
        raise ModelError(f"{source} holds no matrix to turn into int8")
    openvino.save_model(network, target, compress_to_fp16=False)


def _compress(node: Node) -> bool:
    """Replace the weights of a product, or the table of a look-up, by int8 values and scales.

    Returns True if `node` had a large constant float32 matrix to replace.
    """
    if node.get_type_name() == "MatMul":
        port, rows_first = 1, bool(node.get_attributes()["transpose_b"])
    elif node.get_type_name() == "Gather":
        port, rows_first = 0, True
    else:
        return False
    constant = node.input_value(port).get_node()
    if constant.get_type_name() != "Constant" or constant.get_element_type() != openvino.Type.f32:
        return False
    weight = constant.data
    if weight.ndim != 2 or weight.size < _SMALLEST:
        return False
    values, scale = quantise(weight if rows_first else weight.T)
    values, scale = (values, scale[:, None]) if rows_first else (values.T.copy(), scale[None, :])
    stored = ops.convert(ops.constant(values, name=constant.get_friendly_name()), np.float32)
    node.input(port).replace_source_output(ops.multiply(stored, ops.constant(scale)).output(0))
    return True
