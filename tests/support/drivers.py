"""The drivers of each framework, for tests that compare frameworks."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

__all__ = ["drivers"]


@cache
def drivers(framework: str) -> Any:
    """The module that holds them; by its path, since folders of tests bear the names of others' packages."""
    path = Path(__file__).parents[1] / framework / f"test_{framework}_conformance.py"
    spec = spec_from_file_location(f"{framework}_drivers", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look there for what it defines
    spec.loader.exec_module(module)
    return module
