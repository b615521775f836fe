"""From trained weights to the files of pertinence-mini: int8 weights, once, and an ONNX graph over them.

python -m recipe.package --weights runs/both --to MODEL
"""

from __future__ import annotations

import argparse
import json
import shutil
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file
from transformers import BertForSequenceClassification

from pertinence.local.files.weights import SCALE, WEIGHTS, dequantise, quantise
from pertinence.local.runtimes.conversion.export import write_onnx
from pertinence.local.selection.reranker_spec import resolve
from pertinence.options import Options
from recipe.languages import LanguageUnit
from recipe.model import BASE_MODEL, TOKENIZER

# Below this a matrix is not worth a scale per row: the head, the token types.
SMALLEST = 10_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the packaged model, or its graph anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--weights",
        type=Path,
        help="folder that the training wrote; without it, the graph over the packaged weights is made anew",
    )
    parser.add_argument("--calibration", type=Path, help="what recipe.calibrate wrote")
    parser.add_argument("--to", type=Path, required=True, help="folder of the packaged model")
    args = parser.parse_args(arguments)
    if args.weights is None:
        write_graph(args.to)
    else:
        model = BertForSequenceClassification.from_pretrained(args.weights, dtype=torch.float32).eval()
        if args.calibration:
            fold(model, json.loads(args.calibration.read_text(encoding="utf-8")))
        package(model, args.weights, args.to)
    size = sum(file.stat().st_size for file in args.to.iterdir())
    print(f"{args.to}: {size / 1e6:.1f} MB")


def fold(model: BertForSequenceClassification, calibration: dict[str, Any]) -> None:
    """Make what was fitted part of pooler and head, so that every runtime calibrates for free."""
    unit = LanguageUnit.of(calibration["language"])
    unit.put_into(model)
    with torch.no_grad():
        model.classifier.weight.mul_(calibration["slope"])
        model.classifier.bias.mul_(calibration["slope"]).add_(calibration["shift"])
        model.classifier.weight[0, unit.unit] = calibration["french"]


def package(model: BertForSequenceClassification, weights: Path, folder: Path) -> None:
    """Write the model's files into `folder`; its tokenizer is the one of `weights`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER:
        shutil.copy(weights / name, folder)
    _write_config(model, folder)
    save_file(_stored(model), folder / WEIGHTS, metadata={"format": "np"})
    (folder / WEIGHTS).chmod(0o644)
    write_graph(folder)


def write_graph(folder: Path) -> None:
    """Write the ONNX graph over the weights that the folder holds."""
    spec = resolve(Options(model=str(folder), backend="torch", dtype="float32"))
    with tempfile.TemporaryDirectory() as work:
        plain = Path(work) / "plain.onnx"
        write_onnx(spec, plain)
        graph = onnx.load(plain)
    _read_from_safetensors(graph, load_file(folder / WEIGHTS), folder)
    onnx.save(graph, folder / "model.onnx")


def _stored(model: BertForSequenceClassification) -> dict[str, np.ndarray]:
    stored: dict[str, np.ndarray] = {}
    for name, tensor in model.state_dict().items():
        array = tensor.detach().numpy()
        if array.ndim == 2 and array.size >= SMALLEST:
            stored[name], stored[name + SCALE] = quantise(array)
        elif array.dtype == np.float32:
            stored[name] = array
    return stored


def _read_from_safetensors(model: onnx.ModelProto, stored: dict[str, np.ndarray], folder: Path) -> None:
    """Replace every weight inside the graph by a reference into the safetensors file."""
    graph = model.graph
    weights = dequantise(stored)
    places = _places(folder / WEIGHTS)
    nodes: list[onnx.NodeProto] = []
    referenced: dict[str, onnx.TensorProto] = {}
    kept: list[onnx.TensorProto] = []

    def refer(name: str) -> str:
        referenced.setdefault(name, _external(name, stored[name], places[name]))
        return name

    for initializer in graph.initializer:
        value = numpy_helper.to_array(initializer)
        name, transposed = _match(value, weights) if value.size >= 300 else (None, False)
        if name is None:
            kept.append(initializer)
            continue
        source = refer(name)
        if name + SCALE in stored:
            output = f"{name}.float32" if transposed else initializer.name
            source = f"{name}.int8" if source == output else source
            if source != name:
                referenced[name].name = source
            nodes.append(
                helper.make_node("DequantizeLinear", [source, refer(name + SCALE)], [output], axis=0)
            )
            source = output
        if transposed:
            nodes.append(helper.make_node("Transpose", [source], [initializer.name], perm=[1, 0]))
        elif source != initializer.name:
            nodes.append(helper.make_node("Identity", [source], [initializer.name]))
    del graph.initializer[:]
    graph.initializer.extend([*kept, *referenced.values()])
    body = list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes + body)
    # What the exporter noted for itself names the machine it ran on.
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del graph.value_info[:]
    del graph.metadata_props[:]


def _match(value: np.ndarray, weights: dict[str, np.ndarray]) -> tuple[str | None, bool]:
    for name, weight in weights.items():
        if value.shape == weight.shape and np.array_equal(value, weight):
            return name, False
        if value.ndim == 2 and value.shape == weight.T.shape and np.array_equal(value, weight.T):
            return name, True
    return None, False


def _places(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and length in bytes of each tensor in a safetensors file."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    return {
        name: (8 + size + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _external(name: str, array: np.ndarray, place: tuple[int, int]) -> onnx.TensorProto:
    tensor = TensorProto(
        name=name,
        data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
        dims=array.shape,
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in (("location", WEIGHTS), ("offset", str(place[0])), ("length", str(place[1]))):
        tensor.external_data.add(key=key, value=value)
    return tensor


def _write_config(model: BertForSequenceClassification, folder: Path) -> None:
    config = model.config.to_dict()
    config.update(
        architectures=["BertForSequenceClassification"],
        base_model=BASE_MODEL,
        pertinence={"stored_weights": "int8"},
        dtype="float32",
    )
    config.pop("_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
