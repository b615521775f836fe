"""The same jobs on the processor at hand and on an emulated one with AVX2 alone (Debian's qemu-user)."""

from __future__ import annotations

import os
import platform
import shutil
import sys

import pytest

from support.emulation import Run, runner

_EMULATOR = "qemu-x86_64"
# Of QEMU's models the first with AVX2. It has neither AVX-512 nor VNNI nor bfloat16.
_MODEL = "Haswell"
_CPUINFO = """processor\t: 0
model name\t: emulated with AVX2 alone
flags\t\t: fpu sse2 avx avx2 fma f16c
"""


@pytest.fixture(scope="session")
def emulator() -> str:
    """The command of the emulator.

    `nox -s processors` sets PERTINENCE_EMULATE, and then it must be there. Elsewhere its tests are skipped.
    """
    if platform.machine() != "x86_64" or sys.platform != "linux":
        pytest.skip("QEMU's user mode emulates x86 on Linux")
    found = shutil.which(_EMULATOR)
    if found is None:
        reason = f"{_EMULATOR} is not installed: apt-get install qemu-user"
        pytest.fail(reason) if os.environ.get("PERTINENCE_EMULATE") else pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run jobs on the processor at hand."""
    return runner([], "/proc/cpuinfo", tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def emulated(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run jobs where there is AVX2 alone."""
    folder = tmp_path_factory.mktemp("emulated")
    (folder / "cpuinfo").write_text(_CPUINFO, encoding="utf-8")
    return runner([emulator, "-cpu", _MODEL], str(folder / "cpuinfo"), folder)
