"""onnxruntime's int8 form of a network.

Weights are scaled per output, once. Activations are scaled per token, at run time.

onnxruntime's own quantizer uses one scale for all activations of a run. An outlier in one token then costs
the precision of all others. Here each token has its own scale, as in ZeroQuant
(https://arxiv.org/abs/2206.01861, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pertinence.errors import MissingExtraError, ModelError
from pertinence.local.files.weights import quantise

try:
    import onnx
    from onnx import ModelProto, NodeProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as error:
    raise MissingExtraError.of("onnxruntime's int8 form of a model", "torch") from error

__all__ = ["write_int8_onnx"]

# Operators that the packaging of a model puts between a stored weight and the product that uses it.
_UNPACKING = {"DequantizeLinear", "Identity", "Transpose"}
# From this operator set version on, ReduceMax takes its axes as an input.
_AXES_AS_INPUT = 18
# Domain of onnxruntime's own operators, which include an int8 product that returns floats directly.
_OWN_DOMAIN = "com.microsoft"


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """Mapping of a token's numbers, divided by the largest of them, to the range 0 to 255.

    Attributes:
        name: label used in the names of nodes and constants.
        unit: number of steps from zero to the largest number.
        zero: step that represents zero.
        least: lower bound for the largest number.
        signed: the largest number is taken by absolute value.
    """

    name: str
    unit: int
    zero: int
    least: float
    signed: bool


_SIGNED = _Steps(name="signed", unit=127, zero=128, least=1e-9, signed=True)
# GELU (https://arxiv.org/abs/1606.08415) never goes below -.1701. If a step is at least .92 / 215, 40 steps
# are enough for the negative side, and the positive side gets the rest.
_AFTER_GELU = _Steps(name="gelu", unit=215, zero=40, least=0.92, signed=False)


def write_int8_onnx(source: Path, target: Path) -> None:
    """Write the network of a float32 ONNX file with its products of weights in int8.

    Raises:
        ModelError: the file cannot be read, or holds no such product.
    """
    try:
        model = onnx.load(source)
        _unpack(model)
        if not _Rewriting(model).run():
            raise ModelError("it holds no product of weights")
        # The shapes that the exporter recorded do not hold for the inserted nodes.
        del model.graph.value_info[:]
        onnx.save(model, target, save_as_external_data=True, location=f"{target.name}.data")
    except Exception as error:
        raise ModelError(f"{source} cannot be turned into int8: {error}") from error


class _Rewriting:
    """Rewriter that replaces a graph's products of weights by int8 products."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self._graph = model.graph
        self._weights = {each.name: each for each in self._graph.initializer}
        self._sources = {name: node.op_type for node in self._graph.node for name in node.output}
        version = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
        self._axes_as_input = version >= _AXES_AS_INPUT
        self._nodes: list[NodeProto] = []
        # Several products may read the same activations, or use the same weights.
        self._quantised: dict[str, str] = {}
        self._constants: set[str] = set()

    def run(self) -> int:
        """Replace all products of weights and return how many there were."""
        done = 0
        for node in self._graph.node:
            weight = self._weights.get(node.input[1]) if node.op_type == "MatMul" else None
            if weight is not None and len(weight.dims) == 2:
                self._product(node, numpy_helper.to_array(weight))
                done += 1
            else:
                self._nodes.append(node)
        _replace(self._graph, self._nodes, self._graph.initializer)
        if done and not any(each.domain == _OWN_DOMAIN for each in self._model.opset_import):
            self._model.opset_import.append(helper.make_opsetid(_OWN_DOMAIN, 1))
        return done

    def _product(self, node: NodeProto, weight: np.ndarray[Any, Any]) -> None:
        source, output = node.input[0], node.output[0]
        steps = _AFTER_GELU if self._sources.get(source) == "Gelu" else _SIGNED
        values, scale = quantise(weight.astype(np.float32).T)
        stored = node.input[1]
        inputs = [
            self._quantise(source, steps),
            self._constant(f"{stored}_int8", np.ascontiguousarray(values.T)),
            self._constant(f"{steps.name}_unit", np.float32(1 / steps.unit)),
            self._constant(f"{stored}_scale", scale),
            self._constant(f"{steps.name}_zero", np.uint8(steps.zero)),
        ]
        self._add("MatMulIntegerToFloat", inputs, f"{output}_unscaled", domain=_OWN_DOMAIN)
        self._add("Mul", [f"{output}_unscaled", f"{source}_largest"], output)

    def _quantise(self, source: str, steps: _Steps) -> str:
        """Add nodes that turn each token's numbers into uint8; return the name of the result.

        The largest number of each token is kept as another output, to scale the product back.
        """
        if source not in self._quantised:
            sizes = self._add("Abs", [source], f"{source}_sizes") if steps.signed else source
            least = self._constant(f"{steps.name}_least", np.float32(steps.least))
            row_max = self._row_max(sizes, f"{source}_row_max")
            largest = self._add("Max", [row_max, least], f"{source}_largest")
            shares = self._add("Div", [source, largest], f"{source}_shares")
            unit = self._constant(f"{steps.name}_unit", np.float32(1 / steps.unit))
            zero = self._constant(f"{steps.name}_zero", np.uint8(steps.zero))
            self._quantised[source] = self._add("QuantizeLinear", [shares, unit, zero], f"{source}_uint8")
        return self._quantised[source]

    def _row_max(self, source: str, output: str) -> str:
        if not self._axes_as_input:
            return self._add("ReduceMax", [source], output, axes=[-1], keepdims=1)
        axes = self._constant("last_axis", np.array([-1], dtype=np.int64))
        return self._add("ReduceMax", [source, axes], output, keepdims=1)

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], name=f"{output}_node", **attributes))
        return output

    def _constant(self, name: str, value: Any) -> str:
        name = f"pertinence_{name}"
        if name not in self._constants:
            self._constants.add(name)
            self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def _unpack(model: ModelProto) -> None:
    """Compute the nodes that depend only on weights, so that products have plain weights."""
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
    _replace(graph, kept, weights.values())


def _replace(graph: Any, nodes: list[NodeProto], weights: Any) -> None:
    """Set the nodes of a graph, and keep only the weights that the nodes or the graph's outputs use."""
    used = {name for node in nodes for name in node.input} | {item.name for item in graph.output}
    kept = [each for each in weights if each.name in used]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(kept)
