"""The suites notice: for every check there is an adapter, broken on purpose, that fails it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conformance.mutant_suites import EMBEDDERS, RERANKERS, OfEmbedders, OfRerankers, checks


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Each mutant with each check that it failed, in one run of all their suites."""
    report = tmp_path_factory.mktemp("mutants") / "report.xml"
    suites = Path(__file__).with_name("mutant_suites.py")
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    run = subprocess.run([sys.executable, "-m", "pytest", *options, suites], capture_output=True, check=False)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout.decode()
    return {
        (
            case.attrib["classname"].rpartition(".Test")[2],
            case.attrib["name"].partition("[")[0].removeprefix("test_"),
        )
        for case in ElementTree.parse(report).iter("testcase")
        if case.find("failure") is not None
    }


@pytest.mark.parametrize("mutant", [*RERANKERS, *EMBEDDERS], ids=lambda driver: driver.__name__)
def test_a_broken_adapter_is_caught(mutant: type, failed: set[tuple[str, str]]) -> None:
    caught = {check for name, check in failed if name == mutant.__name__}
    assert set(mutant.checks) - caught == set(), "passed, though broken"


def test_there_is_a_broken_adapter_for_every_check() -> None:
    of_rerankers = {check for each in RERANKERS for check in each.checks}
    of_embedders = {check for each in EMBEDDERS for check in each.checks}
    common = checks(OfRerankers) & checks(OfEmbedders)
    assert checks(OfRerankers) - of_rerankers - (common & of_embedders) == set()
    assert checks(OfEmbedders) - of_embedders - (common & of_rerankers) == set()
