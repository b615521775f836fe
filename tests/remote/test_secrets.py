"""The key appears nowhere but in the header of a request to the configured host."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from remote.servers.hostile import Hostile, always, echoes, fails, hangs, redirects, resets, says
from remote.servers.pinecone import Pinecone
from remote.servers.tei import Tei

from pertinence import Embedder, PertinenceError, Reranker
from pertinence.integration import Handle, Options
from pertinence.remote.settings import Secret, default_dialect, settings_of
from support.waiting import HANGS

KEY = "sk-never-to-be-seen-7f3a"
QUERY = "old mill river"
TEXTS = ["Taxes are due in May", "an old mill on the river"]

# What goes wrong, so that every error and every log line has its chance to tell.
TROUBLES: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "401": lambda: always(fails(401, f"Incorrect API key provided: {KEY}")),
    "403 in HTML": lambda: always(says(403, f"<p>{KEY}</p>".encode(), "text/html")),
    "503": lambda: always(fails(503, f"Bearer {KEY} is overloaded")),
    "an echo": lambda: always(echoes(422, 100_000)),
    "a redirect": lambda: always(redirects(307, lambda: "http://elsewhere.invalid")),
    "a reset": lambda: always(resets),
    "no JSON": lambda: always(says(200, KEY.encode())),
    "a key for a field": lambda: always(says(200, json.dumps({KEY: 1}).encode())),
    "silence": lambda: always(hangs),
}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that any library logs, at DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(
        logging.Formatter("%(name)s %(message)s %(stamina.caused_by)s", defaults={"stamina.caused_by": ""})
    )
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(before)


def until(met: Callable[[], bool]) -> None:
    """Wait for a span to end: that is told after the answer, by another thread."""
    end = time.monotonic() + HANGS
    while not met():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def everything_of(error: BaseException) -> str:
    """All that a reporter of errors could show: chains, causes, and the locals of every frame."""
    chain = traceback.TracebackException.from_exception(error, capture_locals=True)
    parts = ["".join(chain.format()), repr(error), str(vars(error)), repr(error.args)]
    for linked in (error.__cause__, error.__context__):
        if linked is not None:
            parts.append(everything_of(linked))
    return "\n".join(parts)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_error_no_log_and_no_trace_shows_the_key(
    trouble: str, logged: io.StringIO, spans: list[str]
) -> None:
    deed = TROUBLES[trouble]()
    with Hostile(*([deed] if deed else [])) as server:
        shown = []
        for ask in (lambda each: each.rank(QUERY, TEXTS), lambda each: asyncio.run(each.arank(QUERY, TEXTS))):
            # Only the options hold the key, as they would in a user's own code.
            options = Options(base_url=server.url, model="any", api_key=KEY, max_retries=1, timeout=2.0)
            with Reranker.from_options(
                options.with_(timeout=0.3) if trouble == "silence" else options
            ) as reranker:
                try:
                    shown.append(repr(ask(reranker)))
                except PertinenceError as error:
                    shown.append(everything_of(error))
                    shown.append(repr(pickle.loads(pickle.dumps(error))))
        assert any(call.headers["authorization"] == f"Bearer {KEY}" for call in server.calls)
    until(lambda: len(spans) >= 2)
    for surface in (*shown, logged.getvalue(), *spans):
        assert KEY not in surface


@pytest.fixture
def spans() -> list[str]:
    """Every finished span, written out in full."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs opentelemetry-sdk")
    from opentelemetry import trace

    finished: list[str] = []

    class Collect(sdk.SpanProcessor):  # type: ignore[misc,name-defined]
        def on_end(self, span: Any) -> None:
            finished.append(span.to_json())

    provider = trace.get_tracer_provider()
    if not isinstance(provider, sdk.TracerProvider):
        provider = sdk.TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(Collect())
    return finished


def test_a_span_tells_what_was_asked_of_whom_and_how_it_ended(spans: list[str]) -> None:
    from opentelemetry import trace

    with Hostile(fails(503), None, fails(409)) as server, Reranker("any", base_url=server.url) as reranker:
        with trace.get_tracer("test").start_as_current_span("outer") as outer:
            reranker.rank(QUERY, TEXTS)
        with pytest.raises(PertinenceError):
            reranker.rank(QUERY, TEXTS)
        origin = server.origin
    until(lambda: len(spans) >= 3)
    good, failed = (each for each in map(json.loads, spans) if each["name"] == "pertinence.rerank")
    assert good["parent_id"] == f"0x{outer.get_span_context().span_id:016x}"
    assert good["attributes"] == {
        "server.address": origin,
        "gen_ai.request.model": "any",
        "pertinence.dialect": "cohere",
        "pertinence.texts": 2,
    }
    assert [event["name"] for event in good["events"]] == ["retry"]
    assert failed["status"]["status_code"] == "ERROR"
    assert QUERY not in "".join(spans)


def test_nothing_that_holds_the_key_shows_it() -> None:
    options = Options(base_url="http://127.0.0.1:9", model="any", api_key=KEY)
    handle = Handle()
    holders = [
        options,
        settings_of(options, default_dialect("rerank")),
        Secret(KEY),
        Reranker.from_options(options),
        Embedder.from_options(options),
        handle.reranker(options),
        handle,
    ]
    for holder in holders:
        for shown in (
            repr(holder),
            str(holder),
            f"{holder}",
            repr(vars(holder)) if hasattr(holder, "__dict__") else "",
        ):
            # A frozen dataclass has no other place for it than its own attribute.
            assert KEY not in shown or holder is options
    assert KEY not in repr(options)


def test_no_pickle_json_or_yaml_carries_it() -> None:
    options = Options(base_url="http://127.0.0.1:9", model="any", api_key=KEY)
    for holder in (options, Reranker.from_options(options), Embedder.from_options(options), Handle()):
        assert KEY.encode() not in pickle.dumps(holder)
    assert KEY not in options.to_json()
    assert KEY not in yaml.safe_dump(options.to_dict())
    assert copy.deepcopy(options).api_key == KEY
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(settings_of(options, default_dialect("rerank")))


def test_adapters_hide_it_in_all_that_they_write() -> None:
    pytest.importorskip("langchain_core")
    from haystack.utils import Secret as HaystackSecret
    from langchain_core.load import dumps

    from haystack_integrations.components.rankers.pertinence import PertinenceRanker
    from langchain_pertinence import PertinenceRerank
    from llama_index.embeddings.pertinence import PertinenceEmbedding
    from llama_index.postprocessor.pertinence import PertinenceRerank as LlamaRerank

    url = "http://127.0.0.1:9"
    chain = PertinenceRerank(base_url=url, api_key=KEY)
    nodes = LlamaRerank(base_url=url, api_key=KEY)
    vectors = PertinenceEmbedding(model_name="any", base_url=url, api_key=KEY)
    ranker = PertinenceRanker(base_url=url, api_key=HaystackSecret.from_token(KEY))
    written = [
        dumps(chain),
        yaml.safe_dump(chain.model_dump(mode="json")),
        nodes.to_json(),
        vectors.to_json(),
    ]
    for component in (chain, nodes, vectors, ranker):
        written += [repr(component), str(component), repr(pickle.dumps(component))]
    for each in written:
        assert KEY not in each
    with pytest.raises(ValueError, match="Cannot serialize") as refused:
        ranker.to_dict()
    assert KEY not in str(refused.value)


def test_it_goes_to_the_configured_host_alone_and_in_the_header_that_the_dialect_says() -> None:
    with Tei(key=KEY) as server, Reranker(base_url=server.url, dialect="auto", api_key=KEY) as reranker:
        reranker.rank(QUERY, TEXTS)
        assert all(KEY not in call.path and KEY.encode() not in call.body for call in server.calls)
    with Pinecone(key=KEY) as server:
        with Reranker(server.model, base_url=server.url, dialect="pinecone", api_key=KEY) as reranker:
            reranker.rank(QUERY, TEXTS)
        assert server.calls[0].headers["api-key"] == KEY
        assert "authorization" not in server.calls[0].headers


def test_no_recording_holds_a_key() -> None:
    folder = Path(__file__).parent / "cassettes"
    recordings = [each for each in folder.rglob("*") if each.is_file()] if folder.is_dir() else []
    for recording in recordings:
        text = recording.read_text(encoding="utf-8", errors="replace").lower()
        assert "bearer " not in text.replace("bearer redacted", ""), recording.name
        assert KEY not in text
