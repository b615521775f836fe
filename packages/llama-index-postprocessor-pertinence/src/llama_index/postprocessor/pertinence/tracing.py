"""A rerank step as LlamaIndex sees it: events of its instrumentation, and the callback that came before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.schema import NodeWithScore

from pertinence import Ranking

__all__ = ["Tell", "dispatcher", "traced"]

Tell = Callable[[Ranking[NodeWithScore], list[NodeWithScore]], list[NodeWithScore]]

dispatcher = get_dispatcher(__name__)


@contextmanager
def traced(
    callbacks: CallbackManager, query: str, nodes: list[NodeWithScore], *, top_n: int, model: str
) -> Iterator[Tell]:
    """A step that has begun; what it yields tells of its ranking and the nodes kept, and gives those back.

    An error ends the callback, and leaves the end event out.

    Args:
        callbacks: where the step is told as `CBEventType.RERANKING`; an error is told there too.
        query: what is asked.
        nodes: all nodes that are ranked.
        top_n: how many may be kept.
        model: the model that scores them.
    """
    before = _snapshot(nodes)
    dispatcher.event(ReRankStartEvent(query=query, nodes=before, top_n=top_n, model_name=model))
    payload: dict[str, Any] = {
        EventPayload.NODES: before,
        EventPayload.MODEL_NAME: model,
        EventPayload.QUERY_STR: query,
        EventPayload.TOP_K: top_n,
    }
    with callbacks.event(CBEventType.RERANKING, payload=payload) as event:

        def tell(ranking: Ranking[NodeWithScore], kept: list[NodeWithScore]) -> list[NodeWithScore]:
            after, counts = _snapshot(kept), _counts(ranking)
            event.on_end(payload={EventPayload.NODES: after, EventPayload.ADDITIONAL_KWARGS: counts})
            dispatcher.event(ReRankEndEvent(nodes=after, tags=counts))
            return kept

        yield tell


def _snapshot(nodes: list[NodeWithScore]) -> list[NodeWithScore]:
    # Events are kept by those who hear them, and the next postprocessor may rescore in place.
    return [node.model_copy() for node in nodes]


def _counts(ranking: Ranking[NodeWithScore]) -> dict[str, Any]:
    """What a reader of the scores should know, under names that meet no other tags."""
    return {
        "pertinence.score_kind": ranking.score_kind,
        "pertinence.total": ranking.total,
        "pertinence.truncated": ranking.truncated,
        "pertinence.empty": ranking.empty,
        "pertinence.repaired": ranking.repaired,
        **{f"pertinence.usage.{name}": count for name, count in ranking.usage.items()},
    }
