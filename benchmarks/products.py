"""The peak: how fast a runtime multiplies two square matrices, and nothing else, in each precision."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.machine import cores

__all__ = ["FLOPS", "PRODUCTS", "Product", "opened"]

_SIZE = 2048
FLOPS = 2.0 * _SIZE**3
_SECONDS = 0.3
# Runtime and precision; what is not here has no product of its own to be held against.
PRODUCTS = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("onnx", "float32"),
    ("onnx", "int8"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("openvino", "int8"),
)


class Product:
    """One product, ready to be computed."""

    def __init__(self, compute: Callable[[], object]) -> None:
        self._compute = compute

    def multiply(self) -> float:
        """Seconds that one product takes, the fastest of as many as fit into a third of a second."""
        end = time.perf_counter() + _SECONDS
        fastest = float("inf")
        while True:
            start = time.perf_counter()
            self._compute()
            now = time.perf_counter()
            fastest = min(fastest, now - start)
            if now >= end:
                return fastest


def opened(runtime: str, dtype: str) -> Product:
    """The product of this runtime in this precision; the second matrix is constant, as weights are."""
    make = {"torch": _torch, "onnx": _onnx, "openvino": _openvino}[runtime]
    return Product(make(dtype))


def _matrices() -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    shape = (_SIZE, _SIZE)
    return draw.standard_normal(shape, dtype=np.float32), draw.standard_normal(shape, dtype=np.float32)


def _torch(dtype: str) -> Callable[[], object]:
    import torch

    left, right = (torch.from_numpy(each).to(getattr(torch, dtype)) for each in _matrices())
    out = torch.empty_like(left)

    def compute() -> object:
        with torch.inference_mode():
            return torch.mm(left, right, out=out)

    return compute


def _onnx(dtype: str) -> Callable[[], object]:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    left, right = _matrices()
    operator, kind, result = "MatMul", TensorProto.FLOAT, TensorProto.FLOAT
    if dtype == "int8":
        # Unsigned activations and signed weights, as its dynamic quantisation makes them.
        operator, kind, result = "MatMulInteger", TensorProto.UINT8, TensorProto.INT32
        left, right = (left * 16 + 128).clip(0, 255).astype(np.uint8), (right * 16).astype(np.int8)
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["out"])],
        "product",
        [helper.make_tensor_value_info("left", kind, left.shape)],
        [helper.make_tensor_value_info("out", result, left.shape)],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = cores()
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"left": left})


def _openvino(dtype: str) -> Callable[[], object]:
    import openvino
    from openvino import opset13

    left, right = _matrices()
    parameter = opset13.parameter(list(left.shape), openvino.Type.f32)
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    weights = opset13.constant(right)
    if dtype == "bfloat16":
        settings["INFERENCE_PRECISION_HINT"] = "bf16"
    if dtype == "int8":
        # Weights of int8 with a scale per row, activations quantised in groups as it runs.
        settings |= {"INFERENCE_PRECISION_HINT": "bf16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "128"}
        stored = opset13.constant((right * 16).clip(-127, 127).astype(np.int8))
        scale = opset13.constant(np.full((_SIZE, 1), 1 / 16, dtype=np.float32))
        weights = opset13.multiply(opset13.convert(stored, openvino.Type.f32), scale)
    out = opset13.matmul(parameter, weights, False, True)
    model = openvino.Model([out], [parameter], "product")
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    request.set_input_tensor(openvino.Tensor(left))
    return lambda: request.infer()
