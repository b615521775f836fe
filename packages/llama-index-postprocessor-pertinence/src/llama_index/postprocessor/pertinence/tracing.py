"""A rerank step as LlamaIndex sees it: events of its instrumentation, and the callback that came before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.schema import NodeWithScore

__all__ = ["Tell", "dispatcher", "traced"]

Tell = Callable[[list[NodeWithScore]], list[NodeWithScore]]

dispatcher = get_dispatcher(__name__)


@contextmanager
def traced(
    callbacks: CallbackManager, query: str, nodes: list[NodeWithScore], *, top_n: int, model: str
) -> Iterator[Tell]:
    """A step that has begun; what it yields tells of the nodes that were kept, and gives them back.

    Args:
        callbacks: where the step is told as `CBEventType.RERANKING`; an error is told there too.
        query: what is asked.
        nodes: all nodes that are ranked.
        top_n: how many may be kept.
        model: the model that scores them.
    """
    dispatcher.event(ReRankStartEvent(query=query, nodes=list(nodes), top_n=top_n, model_name=model))
    payload: dict[str, Any] = {
        EventPayload.NODES: nodes,
        EventPayload.MODEL_NAME: model,
        EventPayload.QUERY_STR: query,
        EventPayload.TOP_K: top_n,
    }
    with callbacks.event(CBEventType.RERANKING, payload=payload) as event:

        def tell(kept: list[NodeWithScore]) -> list[NodeWithScore]:
            event.on_end(payload={EventPayload.NODES: kept})
            dispatcher.event(ReRankEndEvent(nodes=kept))
            return kept

        yield tell
