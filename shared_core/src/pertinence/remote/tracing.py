"""OpenTelemetry spans. They are recorded only if its API package is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

try:
    from opentelemetry import trace
except ImportError:
    trace = None  # type: ignore[assignment]

__all__ = ["note", "traced"]

R = TypeVar("R")


@contextmanager
def _current(span: Any) -> Iterator[None]:
    with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
        yield


def traced(name: str, attributes: Mapping[str, Any], start: Callable[[], Future[R]]) -> Future[R]:
    """Call `start` inside a span and return its future. The span ends with the future.

    The span is a child of the caller's span, and the parent of the spans of the requests. Its attributes
    hold neither texts nor keys.
    """
    if trace is None:
        return start()
    given = {each: value for each, value in attributes.items() if value is not None}
    span = trace.get_tracer("pertinence").start_span(name, kind=trace.SpanKind.CLIENT, attributes=given)
    try:
        with _current(span):
            future = start()
    except BaseException:
        span.end()
        raise

    def end(ended: Future[R]) -> None:
        error = None if ended.cancelled() else ended.exception()
        if error is not None:
            span.record_exception(error)
            span.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))
        elif ended.cancelled():
            span.set_status(trace.Status(trace.StatusCode.ERROR, "cancelled"))
        span.end()

    future.add_done_callback(end)
    return future


def note(name: str, attributes: Mapping[str, Any]) -> None:
    """Add an event to the span of the current call."""
    if trace is not None:
        trace.get_current_span().add_event(name, attributes)
