"""One suite per broken adapter, with those checks alone that must catch it."""

from __future__ import annotations

from conformance.broken import answers, components, embedders, inputs

from pertinence.testing.conformance import (
    EmbedderConformance,
    EmbedderModelConformance,
    ModelConformance,
    PerCallConformance,
)


class OfRerankers(PerCallConformance, ModelConformance):
    """All checks of rerankers, over a fake."""

    patience = 0.2


class OfEmbedders(EmbedderConformance, EmbedderModelConformance):
    """All checks of embedders, over a fake."""

    patience = 0.2


def mutants(*modules: object) -> list[type]:
    """The broken adapters that these modules define."""
    return [
        each
        for module in modules
        for each in vars(module).values()
        if "checks" in getattr(each, "__dict__", {})
    ]


def checks(suite: type) -> set[str]:
    """The names of a suite's checks, less their `test_`."""
    return {name.removeprefix("test_") for name in dir(suite) if name.startswith("test_")}


RERANKERS = mutants(answers, components, inputs)
EMBEDDERS = mutants(embedders)

for suite, broken in ((OfRerankers, RERANKERS), (OfEmbedders, EMBEDDERS)):
    for driver in broken:
        others = {f"test_{name}": None for name in checks(suite) - set(driver.checks)}
        globals()[f"Test{driver.__name__}"] = type(
            f"Test{driver.__name__}", (suite,), {"driver": driver(), **others}
        )
