"""Which backend and precision a model gets, from what is asked for, found, installed and proven."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pertinence.errors import MissingExtraError, OptionError
from pertinence.local.machine.processor import Processor
from pertinence.local.selection.choice import Possible, choose
from pertinence.options import Options

TORCH = frozenset({"torch", "sentence_transformers"})
CONVERTERS = TORCH | {"onnx", "onnxscript"}
EVERYTHING = CONVERTERS | {"openvino"}
ONNX_FILE = {("onnx", "float32"): Path("model.onnx")}


@dataclass(frozen=True)
class Passed:
    backend: str
    dtype: str
    speed_ratio: float | None = 2.0


def chosen(possible: Possible, **options: object) -> tuple[str, str]:
    choice = choose("the model", Options(**options), possible)  # type: ignore[arg-type]
    assert choice.why
    return choice.backend, choice.dtype


@pytest.mark.parametrize(
    ("packages", "files", "expected"),
    [
        (frozenset(), ONNX_FILE, "onnx"),
        (TORCH, ONNX_FILE, "onnx"),
        (TORCH, {}, "torch"),
        (CONVERTERS, {}, "onnx"),
        (EVERYTHING, {}, "openvino"),
        (frozenset({"openvino"}), ONNX_FILE, "openvino"),
        (frozenset({"openvino"}), {("openvino", "float32"): Path("openvino_model.xml")}, "openvino"),
    ],
)
def test_without_a_verdict_it_is_float32_on_the_fastest_backend_that_can_run_it(
    packages: frozenset[str], files: dict[tuple[str, str], Path], expected: str
) -> None:
    assert chosen(Possible(packages=packages, files=files)) == (expected, "float32")


def test_a_verdict_is_followed() -> None:
    passed = [Passed("openvino", "bfloat16"), Passed("onnx", "int8")]
    assert chosen(Possible(packages=EVERYTHING, passed=passed)) == ("openvino", "bfloat16")


def test_a_verdict_on_a_backend_that_is_not_installed_makes_way_for_the_next() -> None:
    passed = [Passed("openvino", "bfloat16"), Passed("onnx", "int8")]
    files = {**ONNX_FILE, ("onnx", "int8"): Path("model_int8.onnx")}
    assert chosen(Possible(files=files, passed=passed)) == ("onnx", "int8")


def test_a_verdict_of_another_version_on_something_unknown_is_passed_over() -> None:
    passed = [Passed("abacus", "int4"), Passed("torch", "int8")]
    assert chosen(Possible(packages=EVERYTHING, passed=passed)) == ("openvino", "float32")


def test_a_backend_that_was_asked_for_has_its_own_verdicts_followed_and_no_others() -> None:
    passed = [Passed("openvino", "int8"), Passed("torch", "bfloat16")]
    possible = Possible(packages=EVERYTHING, passed=passed)
    assert chosen(possible, backend="torch") == ("torch", "bfloat16")
    assert chosen(possible, backend="onnx") == ("onnx", "float32")


def test_a_precision_that_was_asked_for_needs_no_verdict() -> None:
    possible = Possible(packages=EVERYTHING, passed=[Passed("openvino", "int8")])
    assert chosen(possible, dtype="float32") == ("openvino", "float32")
    assert chosen(possible, dtype="bfloat16") == ("openvino", "bfloat16")
    assert chosen(Possible(packages=CONVERTERS), dtype="int8") == ("onnx", "int8")
    assert chosen(Possible(packages=CONVERTERS), dtype="bfloat16") == ("torch", "bfloat16")


def test_float16_runs_only_when_it_is_asked_for_by_name() -> None:
    possible = Possible(packages=EVERYTHING, passed=[Passed("torch", "bfloat16")])
    assert chosen(possible, dtype="float16") == ("torch", "float16")
    assert chosen(possible)[1] != "float16"


def test_an_accelerator_is_taken_unless_the_cpu_or_a_backend_is_asked_for() -> None:
    possible = Possible(packages=EVERYTHING, accelerator="cuda", passed=[Passed("openvino", "int8")])
    assert chosen(possible) == ("torch", "float32")
    assert chosen(possible, device="cpu") == ("openvino", "int8")
    assert chosen(possible, backend="onnx") == ("onnx", "float32")


def test_an_accelerator_is_no_use_without_torch() -> None:
    assert chosen(Possible(files=ONNX_FILE, accelerator="cuda")) == ("onnx", "float32")


@pytest.mark.parametrize(
    "options", [{"device": "cuda"}, {"trust_remote_code": True}, {"model_kwargs": {"variant": "small"}}]
)
def test_what_torch_alone_can_honour_goes_to_torch(options: dict[str, object]) -> None:
    possible = Possible(packages=EVERYTHING, files=ONNX_FILE, passed=[Passed("openvino", "int8")])
    assert chosen(possible, **options) == ("torch", "float32")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"backend": "torch", "dtype": "int8"}, "'openvino' or 'onnx'"),
        ({"backend": "onnx", "dtype": "bfloat16"}, "'openvino' or 'torch'"),
        ({"backend": "openvino", "dtype": "float16"}, "float16"),
        ({"backend": "openvino", "device": "cuda"}, "device='cuda'"),
        ({"backend": "onnx", "trust_remote_code": True}, "trust_remote_code"),
        ({"dtype": "int8", "device": "cuda:1"}, "device='cuda:1'"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(options: dict[str, object], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        chosen(Possible(packages=EVERYTHING, files=ONNX_FILE), **options)


@pytest.mark.parametrize(
    ("packages", "options", "named"),
    [
        (frozenset(), {}, r"pertinence\[torch\]"),
        (frozenset(), {"backend": "openvino"}, r"pertinence\[openvino\]"),
        (frozenset({"openvino"}), {"backend": "openvino"}, r"pertinence\[torch\]"),
        (TORCH, {"backend": "onnx"}, r"pertinence\[torch\]"),
    ],
)
def test_what_is_missing_is_named(packages: frozenset[str], options: dict[str, object], named: str) -> None:
    with pytest.raises(MissingExtraError, match=named):
        chosen(Possible(packages=packages), **options)


def test_a_model_that_brings_its_onnx_file_needs_the_converter_only_for_int8() -> None:
    assert chosen(Possible(files=ONNX_FILE), backend="onnx") == ("onnx", "float32")
    with pytest.raises(MissingExtraError, match="int8"):
        chosen(Possible(files=ONNX_FILE), backend="onnx", dtype="int8")


def test_a_precision_that_passed_and_was_no_faster_is_not_taken() -> None:
    passed = [Passed("torch", "bfloat16", speed_ratio=0.97)]
    assert chosen(Possible(packages=TORCH, passed=passed)) == ("torch", "float32")


def test_a_folder_that_holds_int8_alone_without_a_verdict_says_how_to_run_it() -> None:
    possible = Possible(files={("onnx", "int8"): Path("model_int8.onnx")})
    with pytest.raises(OptionError, match="dtype='int8' runs it all the same"):
        chosen(possible)
    assert chosen(possible, dtype="int8") == ("onnx", "int8")


@pytest.mark.parametrize("options", [{}, {"device": "cuda"}, {"device": "cuda:1"}])
def test_on_a_card_a_verdict_of_that_kind_of_card_is_followed_and_none_of_a_cpu(
    options: dict[str, str],
) -> None:
    of_cpu = [Passed("openvino", "int8"), Passed("torch", "bfloat16")]
    without = Possible(packages=EVERYTHING, accelerator="cuda", passed=of_cpu)
    assert chosen(without, **options) == ("torch", "float32")
    of_card = [Passed("torch", "float16")]
    within = Possible(packages=EVERYTHING, accelerator="cuda", passed=of_cpu, passed_on_card=of_card)
    assert chosen(within, **options) == ("torch", "float16")
    assert chosen(within, **{**options, "dtype": "float32"}) == ("torch", "float32")


def test_on_the_cpu_no_verdict_of_a_card_is_followed() -> None:
    possible = Possible(packages=EVERYTHING, passed_on_card=[Passed("torch", "float16")])
    assert chosen(possible)[1] == "float32"
    beside = Possible(
        packages=EVERYTHING, accelerator="cuda", passed_on_card=[Passed("torch", "float16")], files=ONNX_FILE
    )
    assert chosen(beside, device="cpu")[1] == "float32"


AVX2 = Processor(name="AVX2 alone", instructions=("avx2", "fma"))
AVX512 = Processor(name="AVX-512", instructions=("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16"))


@pytest.mark.parametrize(("here", "expected"), [(AVX2, "onnx"), (AVX512, "openvino")])
def test_the_kind_of_processor_chooses_the_backend_of_float32(here: Processor, expected: str) -> None:
    assert chosen(Possible(packages=EVERYTHING, processor=here)) == (expected, "float32")


def test_doctor_can_say_that_the_kind_of_processor_chose() -> None:
    choice = choose("the model", Options(), Possible(packages=EVERYTHING, processor=AVX2))
    assert "the fastest backend installed that runs float32 on a processor without AVX-512" in choice.why


@pytest.mark.parametrize("here", [AVX2, AVX512])
def test_what_was_measured_here_goes_before_what_the_kind_of_processor_says(here: Processor) -> None:
    speeds = {"openvino": 1.2, "onnx": 1.3, "torch": 1.1}
    possible = Possible(packages=EVERYTHING, processor=here, speeds=speeds)
    choice = choose("the model", Options(), possible)
    assert (choice.backend, choice.dtype) == ("torch", "float32")
    assert "runs float32 as measured here by tune" in choice.why


def test_speeds_that_lack_a_backend_which_could_run_it_do_not_choose() -> None:
    """It was installed since, and may be the fastest."""
    possible = Possible(packages=EVERYTHING, processor=AVX2, speeds={"openvino": 1.0, "torch": 2.0})
    assert chosen(possible) == ("onnx", "float32")


def test_speeds_of_backends_that_are_gone_do_not_count() -> None:
    possible = Possible(
        packages=CONVERTERS, processor=AVX512, speeds={"openvino": 1.0, "onnx": 3.0, "torch": 2.0}
    )
    assert chosen(possible) == ("torch", "float32")


def test_a_verdict_on_a_precision_that_this_processor_lacks_is_not_followed() -> None:
    passed = [Passed("openvino", "bfloat16")]
    assert chosen(Possible(packages=EVERYTHING, passed=passed, processor=AVX2)) == ("onnx", "float32")
    assert chosen(Possible(packages=EVERYTHING, passed=passed, processor=AVX512)) == ("openvino", "bfloat16")


def test_int8_that_was_asked_for_goes_to_the_backend_that_has_such_products_here() -> None:
    assert chosen(Possible(packages=EVERYTHING, processor=AVX2), dtype="int8") == ("onnx", "int8")
    assert chosen(Possible(packages=EVERYTHING, processor=AVX512), dtype="int8") == ("openvino", "int8")


def test_a_choice_says_what_is_computed_here() -> None:
    possible = Possible(packages=EVERYTHING, processor=AVX2)
    choice = choose("the model", Options(backend="openvino", dtype="bfloat16"), possible)
    assert (choice.dtype, choice.computed.dtype) == ("bfloat16", "float32")
    on_card = choose("the model", Options(dtype="bfloat16", device="cuda"), possible)
    assert on_card.computed.as_asked("bfloat16")
