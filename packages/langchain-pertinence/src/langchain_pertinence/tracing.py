"""Tracing of a rerank step for LangChain: a retriever run, under the run that called it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForRetrieverRun,
    CallbackManager,
    CallbackManagerForRetrieverRun,
    Callbacks,
)
from langchain_core.runnables import ensure_config

from pertinence import Ranking

__all__ = ["atraced", "tell", "traced"]


@contextmanager
def traced(
    callbacks: Callbacks, query: str, *, name: str, model: str
) -> Iterator[CallbackManagerForRetrieverRun]:
    """Start a traced run, and yield it. An error ends the run.

    On success the caller ends it, with `on_retriever_end`.
    """
    manager = CallbackManager.configure(_inherited(callbacks), None, inheritable_metadata=_metadata(model))
    run = manager.on_retriever_start(None, query, name=name)
    try:
        yield run
    except BaseException as error:
        run.on_retriever_error(error)
        raise


@asynccontextmanager
async def atraced(
    callbacks: Callbacks, query: str, *, name: str, model: str
) -> AsyncIterator[AsyncCallbackManagerForRetrieverRun]:
    """Run `traced` for an event loop. A cancelled task ends its run as well."""
    manager = AsyncCallbackManager.configure(
        _inherited(callbacks), None, inheritable_metadata=_metadata(model)
    )
    run = await manager.on_retriever_start(None, query, name=name)
    try:
        yield run
    except BaseException as error:
        await run.on_retriever_error(error)
        raise


def tell(
    run: CallbackManagerForRetrieverRun | AsyncCallbackManagerForRetrieverRun, ranking: Ranking[Any]
) -> None:
    """Add the counts and the score kind of `ranking` to the run's metadata. The scores are in its documents.

    Tracers hold the same mapping and write it again at the end of the run. LangChain has no other place for
    figures of a retriever run.
    """
    run.metadata.update(
        score_kind=ranking.score_kind,
        given=ranking.total,
        kept=len(ranking),
        truncated=ranking.truncated,
        empty=ranking.empty,
        repaired=ranking.repaired,
        usage=dict(ranking.usage),
    )


def _inherited(callbacks: Callbacks) -> Callbacks:
    # Without callbacks, a step inside a chain still belongs under the run of that chain.
    return ensure_config().get("callbacks") if callbacks is None else callbacks


def _metadata(model: str) -> dict[str, Any]:
    return {"ls_provider": "pertinence", "ls_model_name": model}
