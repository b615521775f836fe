"""The processor, as different systems tell it."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from pertinence.local.machine.processor import Processor, card, processor

X86 = """processor\t: 0
model name\t: AMD EPYC 9R14
flags\t\t: fpu sse2 avx2 fma f16c avx512f avx512_bf16 avx512_vnni

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
ARM = """processor\t: 0
Features\t: fp asimd asimddp i8mm bf16
CPU implementer\t: 0x41
CPU variant\t: 0x1
CPU part\t: 0xd4f
"""


def test_linux_tells_name_and_instructions_of_the_first_core(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(X86, encoding="utf-8")
    assert processor(tmp_path / "cpuinfo") == Processor(
        name="AMD EPYC 9R14", instructions=("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16")
    )


def test_arm_tells_numbers_in_place_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(ARM, encoding="utf-8")
    found = processor(tmp_path / "cpuinfo")
    assert found.name == f"{platform.machine()} 0x41 0xd4f 0x1"
    assert found.instructions == ("asimd", "asimddp", "i8mm", "bf16")


def test_where_nothing_is_told_the_name_alone_is_known(tmp_path: Path) -> None:
    found = processor(tmp_path / "nowhere")
    assert found.name == (platform.processor() or platform.machine())
    assert found.instructions is None


@pytest.mark.parametrize(
    ("here", "there", "alike"),
    [
        (("avx2", "fma"), ("avx2",), True),
        (("avx2",), ("avx2", "fma"), False),
        ((), (), True),
        (None, None, True),
        (None, (), False),
        (("avx2",), None, False),
    ],
)
def test_a_processor_with_all_the_instructions_computes_alike(
    here: tuple[str, ...] | None, there: tuple[str, ...] | None, alike: bool
) -> None:
    first, second = (Processor(name="p", instructions=each) for each in (here, there))
    for dtype in ("bfloat16", "int8", "float16"):
        assert first.computes_like(second, dtype) is alike


@pytest.mark.parametrize(
    ("lacking", "dtype", "alike"),
    [
        ("amx_bf16", "bfloat16", False),
        ("amx_bf16", "int8", True),
        ("avx512_vnni", "bfloat16", True),
        ("avx512_vnni", "int8", False),
        # avx512_vnni makes the same products.
        ("avx_vnni", "int8", True),
        ("avx512f", "bfloat16", False),
    ],
)
def test_only_instructions_of_the_precision_matter(lacking: str, dtype: str, alike: bool) -> None:
    there = ("avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16")
    here = tuple(each for each in there if each != lacking)
    newer, older = (Processor(name="p", instructions=each) for each in (there, here))
    assert older.computes_like(newer, dtype) is alike


def test_another_name_is_another_processor_where_no_instructions_are_told() -> None:
    first, second = (Processor(name=each, instructions=None) for each in "ab")
    assert not first.computes_like(second, "bfloat16")


CARD = """Model: \t\t {}
IRQ:   \t\t 98
GPU UUID: \t GPU-????????-????-????-????-????????????
"""


@pytest.mark.parametrize(
    ("kinds", "told"),
    [(["NVIDIA H200"] * 2, "NVIDIA H200"), (["NVIDIA H200", "Tesla T4"], None), ([], None)],
)
def test_the_driver_tells_the_kind_of_the_cards(kinds: list[str], told: str | None, tmp_path: Path) -> None:
    for place, kind in enumerate(kinds):
        (tmp_path / f"0000:{place}").mkdir()
        (tmp_path / f"0000:{place}" / "information").write_text(CARD.format(kind), encoding="utf-8")
    assert card(tmp_path) == (told and Processor(name=told, instructions=None))
