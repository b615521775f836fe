"""What every distribution of the workspace must have, and what none may do to the others."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in ROOT.glob("*/pyproject.toml")) + sorted(
    path.parent for path in ROOT.glob("packages/*/pyproject.toml")
)
# Folders of import names that distributions of other people share with ours.
SHARED_NAMESPACES = (
    "llama_index",
    "llama_index/embeddings",
    "llama_index/postprocessor",
    "haystack_integrations",
    "haystack_integrations/common",
    "haystack_integrations/components",
    "haystack_integrations/components/embedders",
    "haystack_integrations/components/rankers",
)

each_distribution = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def project(folder: Path) -> dict[str, Any]:
    """The `[project]` table."""
    table: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def requirements(folder: Path) -> list[Requirement]:
    """All that a distribution asks for at run time, extras included."""
    table = project(folder)
    extras = table.get("optional-dependencies", {}).values()
    return [Requirement(line) for lines in (table["dependencies"], *extras) for line in lines]


OURS = {canonicalize_name(project(folder)["name"]): project(folder)["version"] for folder in FOLDERS}


def foreign_requirements() -> dict[str, SpecifierSet]:
    """Name -> range of all run-time dependencies that are not our own."""
    found: dict[str, SpecifierSet] = {}
    for folder in FOLDERS:
        for requirement in requirements(folder):
            name = canonicalize_name(requirement.name)
            if name not in OURS:
                assert found.setdefault(name, requirement.specifier) == requirement.specifier, name
    return found


def pins(file: str) -> dict[str, str]:
    """Name -> version of a constraints file, in which every line must pin."""
    found = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            (only,) = requirement.specifier
            assert only.operator == "==", line
            found[canonicalize_name(requirement.name)] = only.version
    return found


def test_the_workspace_holds_the_six_distributions() -> None:
    assert sorted(OURS) == [
        "langchain-pertinence",
        "llama-index-embeddings-pertinence",
        "llama-index-postprocessor-pertinence",
        "pertinence",
        "pertinence-haystack",
        "pertinence-mini",
    ]


def test_lowest_constraints_are_exactly_the_lower_bounds() -> None:
    bounds = {
        name: [each.version for each in specifiers if each.operator == ">="]
        for name, specifiers in foreign_requirements().items()
    }
    assert bounds == {name: [version] for name, version in pins("constraints-lowest.txt").items()}


def test_every_range_has_an_end_and_admits_what_development_uses() -> None:
    pinned = pins("constraints.txt")
    for name, specifiers in foreign_requirements().items():
        assert any(each.operator == "<" for each in specifiers), f"{name} has no upper bound"
        assert specifiers.contains(pinned[name]), f"{name} {pinned[name]} is outside {specifiers}"


@each_distribution
def test_a_distribution_accepts_its_siblings_of_the_same_tree(folder: Path) -> None:
    for requirement in requirements(folder):
        version = OURS.get(canonicalize_name(requirement.name))
        assert version is None or requirement.specifier.contains(version), requirement


@each_distribution
def test_a_distribution_brings_the_licence_a_changelog_and_a_readme(folder: Path) -> None:
    assert (folder / "LICENSE").read_text(encoding="utf-8") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert f"## {project(folder)['version']}" in (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (folder / "README.md").read_text(encoding="utf-8").startswith(f"# {project(folder)['name']}\n")


@each_distribution
def test_every_top_package_is_marked_as_typed(folder: Path) -> None:
    modules = [path.parent for path in (folder / "src").rglob("__init__.py")]
    tops = [module for module in modules if not (module.parent / "__init__.py").exists()]
    assert tops
    assert [top for top in tops if not (top / "py.typed").is_file()] == []


@each_distribution
@pytest.mark.parametrize("namespace", SHARED_NAMESPACES)
def test_a_shared_namespace_has_no_init_file(folder: Path, namespace: str) -> None:
    # One such file hides every other distribution of that namespace.
    assert not (folder / "src" / namespace / "__init__.py").exists()


@each_distribution
def test_the_tools_know_the_distribution(folder: Path) -> None:
    path = folder.relative_to(ROOT).as_posix()
    assert f'"{path}"' in (ROOT / "noxfile.py").read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"{path}/src" in settings["tool"]["mypy"]["mypy_path"]


def test_no_committed_file_names_a_folder_of_this_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files are committed is unknown")
    places = (f"{ROOT}/", f"{Path.home()}/")
    found = []
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if path.is_file():
            content = path.read_bytes()
            found += [(name, place) for place in places if place.encode() in content]
    assert found == []
