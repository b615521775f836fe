"""Precisions on a processor with AVX2 alone: each is what it says, and int8 does not saturate."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pertinence.options import Options
from support.emulation import Outcome, Run

pytest.importorskip("openvino")
pytest.importorskip("torch")

# Largest difference of a logit between two processors, in float32.
FLOAT32 = 1e-4
# The same of int8, in spreads of the logits. The products are whole numbers, the same everywhere. What is
# around them is float32, and may turn a rounding.
INT8 = 0.02


@pytest.fixture(scope="module")
def folders(model_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Models that bring an int8 file: one exported here, and one that onnxruntime's own quantiser made."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    from pertinence.local.runtimes.conversion.export import write_onnx
    from pertinence.local.runtimes.conversion.folder import export_folder
    from pertinence.local.selection.reranker_spec import resolve

    place = tmp_path_factory.mktemp("int8")
    (place / "exported").mkdir()
    export_folder(Options(), place / "exported", to="onnx", dtype="int8", calibration=[])
    shutil.copytree(model_folder("tiny"), place / "other")
    write_onnx(
        resolve(Options(model=str(place / "other"), backend="torch", device="cpu")), place / "float32.onnx"
    )
    float32 = onnx.load(place / "float32.onnx")
    del float32.graph.value_info[:]
    quantize_dynamic(float32, place / "other" / "model_int8.onnx")
    return {name: str(place / name) for name in ("exported", "other")}


@pytest.fixture(scope="module")
def jobs(folders: dict[str, str], model_folder: Callable[[str], Path]) -> dict[str, dict[str, Any]]:
    """Jobs to score, by name."""
    forms = [("onnx", "float32"), ("onnx", "int8"), ("openvino", "float32")]
    forms += [("openvino", "bfloat16"), ("openvino", "int8")]
    return {
        **{
            f"{backend} {dtype}": {"model": None, "backend": backend, "dtype": dtype}
            for backend, dtype in forms
        },
        **{name: {"model": folder, "backend": "onnx", "dtype": "int8"} for name, folder in folders.items()},
        **{
            f"torch {dtype}": {"model": str(model_folder("tiny")), "backend": "torch", "dtype": dtype}
            for dtype in ("float32", "bfloat16", "float16")
        },
    }


@pytest.fixture(scope="module")
def here(native: Run, jobs: dict[str, dict[str, Any]]) -> Outcome:
    return native(jobs)


@pytest.fixture(scope="module")
def there(emulated: Run, jobs: dict[str, dict[str, Any]]) -> Outcome:
    return emulated(jobs)


def spreads(first: list[float], second: list[float]) -> float:
    """The largest difference, in standard deviations of the first."""
    return float(np.abs(np.subtract(first, second)).max() / np.std(first))


def test_the_processor_there_has_avx2_alone_and_gets_onnxruntime(there: Outcome) -> None:
    assert there.instructions == ["avx2", "fma", "f16c"]
    assert there.automatic == "onnx"


@pytest.mark.parametrize("form", ["onnx float32", "openvino float32", "torch float32"])
def test_float32_gives_the_same_scores(form: str, here: Outcome, there: Outcome) -> None:
    np.testing.assert_allclose(
        there.jobs[form]["together"], here.jobs[form]["together"], atol=FLOAT32, rtol=0
    )
    assert there.jobs[form]["dtype"] == "float32"
    assert there.jobs[form]["warnings"] == []


@pytest.mark.parametrize("form", ["onnx int8", "exported", "other"])
def test_int8_on_onnxruntime_gives_the_same_scores(form: str, here: Outcome, there: Outcome) -> None:
    """Sums of two products in 16 bits would saturate there; they moved these logits by .03 spreads."""
    assert spreads(here.jobs[form]["together"], there.jobs[form]["together"]) < INT8
    assert there.jobs[form]["dtype"] == "int8"
    assert there.jobs[form]["warnings"] == []
    assert there.jobs[form]["alone"] == there.jobs[form]["together"][0], "a neighbour moved it"


def test_an_exported_folder_gives_what_the_model_gives_there(there: Outcome) -> None:
    assert there.jobs["exported"]["together"] == there.jobs["onnx int8"]["together"]


def test_openvino_computes_in_float32_where_bfloat16_is_asked_for_and_says_so(there: Outcome) -> None:
    asked, exact = there.jobs["openvino bfloat16"], there.jobs["openvino float32"]
    np.testing.assert_allclose(asked["together"], exact["together"], atol=1e-5, rtol=0)
    assert asked["dtype"] == "float32"
    assert [line.partition(" computes in ")[2] for line in asked["warnings"]] == [
        "float32 on openvino, where dtype='bfloat16' was asked for: this processor has no bfloat16 products"
    ]


def test_openvino_turns_int8_weights_back_and_says_so(there: Outcome) -> None:
    """The embedded model's own weights are int8, so there is nothing left of the precision."""
    asked, exact = there.jobs["openvino int8"], there.jobs["openvino float32"]
    np.testing.assert_allclose(asked["together"], exact["together"], atol=1e-3, rtol=0)
    assert asked["dtype"] == "float32"
    (line,) = asked["warnings"]
    assert line.endswith("this processor has no int8 products, so OpenVINO turns the weights back")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_torch_imitates_a_precision_and_says_that_it_is_slow(
    dtype: str, here: Outcome, there: Outcome
) -> None:
    asked, exact = there.jobs[f"torch {dtype}"], there.jobs["torch float32"]
    assert asked["dtype"] == dtype
    assert asked["together"] != exact["together"], "no drift at all would be another precision"
    # Scores of random weights lie close together.
    assert spreads(exact["together"], asked["together"]) < 1
    (line,) = asked["warnings"]
    assert line.endswith(
        f"takes longer than in float32: this processor has no {dtype} products and imitates them"
    )
