"""Cells that cannot be measured here: what was read in the sources of the version that is named."""

from __future__ import annotations

__all__ = ["PEERS", "SAID"]

UNTOUCHED = "the caller's documents stay untouched"
WRITABLE = "who writes to an answer does not write to them either"
IDS = "ids, texts and metadata come back as they were"
FLOATS = "every document comes with a score, a Python float"
ALL = "all are kept unless a number is asked for"
THRESHOLD = "a threshold on the score"
EMPTY = "no documents are no error"
ASYNC = "async waits without a thread"
MISTYPED = "a mistyped option is refused by name"
WRITTEN = "written as JSON and read back"
TRACES = "a step of its own in traces"

# By framework, then by component: the rows that its source answers; the others stay open.
PEERS: dict[str, dict[str, dict[str, str]]] = {
    "LangChain": {
        "`CohereRerank` (langchain-cohere 0.6.0)": {
            IDS: "no ids",
            FLOATS: "yes",
            UNTOUCHED: "yes",
            WRITABLE: "yes",
            ALL: "no, 3",
            THRESHOLD: "no",
            EMPTY: "yes",
            ASYNC: "no",
            MISTYPED: "yes",
            TRACES: "no",
        },
        "`FlashrankRerank` (langchain-community 0.4.2)": {
            IDS: "no ids",
            UNTOUCHED: "yes",
            WRITABLE: "yes",
            ALL: "no, 3",
            THRESHOLD: "yes",
            ASYNC: "no",
            MISTYPED: "yes",
            TRACES: "no",
        },
    },
    "LlamaIndex": {
        "`FlagEmbeddingReranker` (0.6.0)": {
            IDS: "yes",
            UNTOUCHED: "no",
            WRITABLE: "no",
            ALL: "no, 2",
            THRESHOLD: "no",
            EMPTY: "yes",
            ASYNC: "no",
            MISTYPED: "yes",
            TRACES: "yes",
        },
        "`CohereRerank` (0.10.0)": {
            IDS: "yes",
            FLOATS: "yes",
            UNTOUCHED: "yes",
            WRITABLE: "no",
            ALL: "no, 2",
            THRESHOLD: "no",
            EMPTY: "yes",
            ASYNC: "no",
            MISTYPED: "yes",
            TRACES: "yes",
        },
    },
    "Haystack": {
        "`CohereRanker` (cohere-haystack 11.0.0)": {
            IDS: "yes",
            FLOATS: "yes",
            UNTOUCHED: "yes",
            WRITABLE: "no",
            ALL: "no, 10",
            THRESHOLD: "no",
            EMPTY: "no",
            ASYNC: "yes",
            MISTYPED: "yes",
            WRITTEN: "yes",
            TRACES: "by the pipeline",
        },
        "`JinaRanker` (jina-haystack 2.0.1)": {
            IDS: "yes",
            FLOATS: "yes",
            UNTOUCHED: "yes",
            WRITABLE: "no",
            ALL: "yes",
            THRESHOLD: "yes",
            EMPTY: "yes",
            ASYNC: "yes",
            MISTYPED: "yes",
            WRITTEN: "yes",
            TRACES: "by the pipeline",
        },
    },
}

# What no check can ask of all: ours, then the frameworks' own measured one, then those of `PEERS`.
SAID: dict[str, dict[str, tuple[str, str, str, str]]] = {
    "LangChain": {
        "the model runs": ("here or on a server", "here", "on a server", "here"),
        "a default that needs neither torch nor a hub": ("yes", "no", "no", "no"),
        "queries of many callers share the model's batches": ("yes", "no", "the server's affair", "no"),
        "says what kind of score it gives": ("in traces", "no", "no", "no"),
        "says how many texts were cut short": ("in traces and log", "no", "no", "no"),
        "retries, a deadline, a limit on requests": ("yes", "", "the client's defaults", ""),
        "metadata can join the text": ("yes", "no", "in `rerank` only", "no"),
    },
    "LlamaIndex": {
        "the model runs": ("here or on a server", "here", "here", "on a server"),
        "a default that needs neither torch nor a hub": ("yes", "no", "no", "no"),
        "queries of many callers share the model's batches": ("yes", "no", "no", "the server's affair"),
        "says what kind of score it gives": ("in events", "no", "no", "no"),
        "says how many texts were cut short": ("in events and log", "no", "no", "no"),
        "retries, a deadline, a limit on requests": ("yes", "", "", "of 500, 503, 504; else the client's"),
        "which metadata is read can be chosen": ("yes", "no", "no", "no"),
        "the retriever's score can be kept": ("yes, hidden from prompts", "yes, in prompts too", "no", "no"),
    },
    "Haystack": {
        "the model runs": ("here or on a server", "here", "on a server", "on a server"),
        "a default that needs neither torch nor a hub": ("yes", "no", "no", "no"),
        "queries of many callers share the model's batches": (
            "yes",
            "no",
            "the server's affair",
            "the server's affair",
        ),
        "says what kind of score it gives": ("in `meta`", "no", "no", "no"),
        "says how many texts were cut short": ("in `meta`", "no", "no", "no"),
        "says why documents are missing": ("in `meta`", "no", "in the log, over 1,000", "no"),
        "retries, a deadline, a limit on requests": (
            "yes",
            "",
            "the client's defaults",
            "no, nor is the status looked at",
        ),
        "metadata can join the text": ("yes", "yes", "yes, but not 0 or False", "no"),
    },
}
