"""Tracing of a rerank step for LlamaIndex: instrumentation events, and the older callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.event_handlers import NullEventHandler
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.schema import NodeWithScore

from pertinence import Ranking
from pertinence.integration import Options

__all__ = ["Tell", "dispatcher", "traced"]

Tell = Callable[[Ranking[NodeWithScore], list[NodeWithScore]], list[NodeWithScore]]

dispatcher = get_dispatcher(__name__)


@contextmanager
def traced(
    callbacks: CallbackManager, query: str, nodes: list[NodeWithScore], *, options: Options, model: str
) -> Iterator[Tell]:
    """Start a traced step, and yield a function that ends it.

    The function takes the ranking and the kept nodes, reports them, and returns the nodes. An error ends the
    callback event, and no end event is sent.

    Args:
        callbacks: manager that receives the step as `CBEventType.RERANKING`, and an error if there is one.
        query: the query.
        nodes: all nodes that are ranked.
        options: options of the ranking.
        model: name of the model that scores them.
    """
    if not _heard(callbacks):
        yield lambda ranking, kept: kept
        return
    before, top_n = _snapshot(nodes), options.top_k or len(nodes)
    dispatcher.event(ReRankStartEvent(query=query, nodes=before, top_n=top_n, model_name=model))
    payload: dict[str, Any] = {
        EventPayload.NODES: before,
        EventPayload.MODEL_NAME: model,
        EventPayload.QUERY_STR: query,
        EventPayload.TOP_K: top_n,
    }
    with callbacks.event(CBEventType.RERANKING, payload=payload) as event:

        def tell(ranking: Ranking[NodeWithScore], kept: list[NodeWithScore]) -> list[NodeWithScore]:
            after, counts = _snapshot(kept), _counts(ranking, options)
            event.on_end(payload={EventPayload.NODES: after, EventPayload.ADDITIONAL_KWARGS: counts})
            dispatcher.event(ReRankEndEvent(nodes=after, tags=counts))
            return kept

        yield tell


def _heard(callbacks: CallbackManager) -> bool:
    """Check whether any handler is attached, so that an unobserved step costs nothing."""
    heard, at = bool(callbacks.handlers), dispatcher
    while not heard:
        heard = any(not isinstance(each, NullEventHandler) for each in at.event_handlers)
        if not at.propagate:
            break
        at = at.parent
    return heard


def _snapshot(nodes: list[NodeWithScore]) -> list[NodeWithScore]:
    # Handlers may keep events, and the next postprocessor may change scores in place.
    return [node.model_copy() for node in nodes]


def _counts(ranking: Ranking[NodeWithScore], options: Options) -> dict[str, Any]:
    """Return the score kind, the threshold and the counts of a ranking.

    The counts explain missing nodes and changes to texts (truncated, empty, repaired). The keys have the
    prefix `pertinence.`, so that they do not clash with other tags.
    """
    counts: dict[str, Any] = {
        "score_kind": ranking.score_kind,
        "given": ranking.total,
        "kept": len(ranking),
        "threshold": options.threshold,
        "truncated": ranking.truncated,
        "empty": ranking.empty,
        "repaired": ranking.repaired,
        "query_truncated": ranking.query_truncated,
        "usage": dict(ranking.usage),
    }
    return {f"pertinence.{name}": count for name, count in counts.items()}
