"""onnxruntime's int8 form: a token's numbers have a scale of their own, and none of them is clipped."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pertinence import ModelError, Reranker

onnx = pytest.importorskip("onnx")
helper, numpy_helper, FLOAT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT

RANDOM = np.random.default_rng(3)
WEIGHT = RANDOM.normal(size=(48, 24)).astype(np.float32)


def network(path: Path, *, opset: int = 20, gelu: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """Rows of 48 numbers times `WEIGHT`, in int8; written beside its float32 form."""
    from pertinence.local.runtimes.conversion.quantize import write_int8_onnx
    from pertinence.local.runtimes.onnx import open_session

    nodes = [helper.make_node("MatMul", ["given", "weight"], ["product"])]
    if gelu:
        nodes = [
            helper.make_node("Gelu", ["x"], ["given"]),
            helper.make_node("MatMul", ["given", "weight"], ["product"]),
        ]
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("x" if gelu else "given", FLOAT, ["rows", "tokens", 48])],
        [helper.make_tensor_value_info("product", FLOAT, ["rows", "tokens", 24])],
        [numpy_helper.from_array(WEIGHT, "weight")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10),
        path / "float32.onnx",
    )
    write_int8_onnx(path / "float32.onnx", path / "int8.onnx")
    session = open_session(path / "int8.onnx")
    return lambda rows: session.run(None, {session.get_inputs()[0].name: rows})[0]


def steps_of(rows: np.ndarray, unit: int) -> Any:
    """By how much products may be off: half a step of each factor, for every number that is summed."""
    step = np.abs(rows).max(axis=-1, keepdims=True) / unit
    scale = np.abs(WEIGHT).max(axis=0) / 127
    return step / 2 * np.abs(WEIGHT).sum(axis=0) + np.abs(rows).sum(axis=-1, keepdims=True) * scale / 2 + 1e-4


# ReduceMax takes its axes in another way from version 18 on.
@pytest.mark.parametrize("opset", [17, 20])
def test_products_are_off_by_roundings_alone_however_much_tokens_differ_in_size(
    opset: int, tmp_path: Path
) -> None:
    rows = RANDOM.normal(size=(3, 5, 48)).astype(np.float32)
    rows[1] *= 1e4
    rows[2] *= 1e-4
    rows[0, 0] = 0
    given, expected = network(tmp_path, opset=opset)(rows), rows @ WEIGHT
    assert (np.abs(given - expected) <= steps_of(rows, 127) * 1.001).all()
    assert not given[0, 0].any()


def test_no_token_moves_another_s_products(tmp_path: Path) -> None:
    run = network(tmp_path)
    rows = RANDOM.normal(size=(2, 5, 48)).astype(np.float32)
    before = run(rows)
    rows[0, 1] *= 1e5
    after = run(rows)
    after[0, 1] = before[0, 1]
    np.testing.assert_array_equal(after, before)


def test_after_a_gelu_its_small_negative_side_is_not_clipped(tmp_path: Path) -> None:
    """Also where nothing in the row is larger than that side."""
    rows = RANDOM.normal(size=(2, 4, 48)).astype(np.float32)
    rows[1, :, :] = -np.abs(rows[1])
    given = network(tmp_path, gelu=True)(rows)
    erf = np.vectorize(math.erf)(rows / math.sqrt(2))
    activations = (rows * (1 + erf) / 2).astype(np.float32)
    largest = np.maximum(activations.max(axis=-1, keepdims=True), 0.92)
    error = np.abs(given - activations @ WEIGHT)
    assert (error <= steps_of(np.broadcast_to(largest, activations.shape), 215)).all()


def test_a_network_without_products_of_weights_is_refused(tmp_path: Path) -> None:
    from pertinence.local.runtimes.conversion.quantize import write_int8_onnx

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Abs", ["x"], ["y"])], "none", [value("x", FLOAT, [1])], [value("y", FLOAT, [1])]
    )
    onnx.save(helper.make_model(graph), tmp_path / "none.onnx")
    with pytest.raises(ModelError, match=r"none\.onnx cannot be turned into int8: it holds no product"):
        write_int8_onnx(tmp_path / "none.onnx", tmp_path / "int8.onnx")
    assert not (tmp_path / "int8.onnx").exists()


def test_of_another_maker_s_int8_file_pairs_run_alone(
    model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its products have one scale for a whole run, so a neighbour would move a score."""
    from onnxruntime.quantization import quantize_dynamic

    from pertinence.local.runtimes.conversion.export import write_onnx
    from pertinence.local.selection.reranker_spec import resolve
    from pertinence.options import Options

    folder = tmp_path / "model"
    shutil.copytree(model_folder("tiny"), folder)
    write_onnx(resolve(Options(model=str(folder), backend="torch")), tmp_path / "float32.onnx")
    float32 = onnx.load(tmp_path / "float32.onnx")
    del float32.graph.value_info[:]
    quantize_dynamic(float32, folder / "model_int8.onnx")
    texts = ["le moulin", "la rivière " * 40, "le pont de la mairie"]
    with Reranker(folder, backend="onnx", dtype="int8") as reranker:
        together = reranker.score("où est le moulin ?", texts)
        alone = [reranker.score("où est le moulin ?", [text])[0] for text in texts]
    assert list(together) == alone
