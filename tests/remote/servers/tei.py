"""Text Embeddings Inference: `/rerank` and `/predict`, 32 texts a request, errors of two shapes."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from remote.servers.fields import FLAG, TEXT, TEXT_OR_TEXTS, TEXTS, WHATEVER, Problem, problem
from remote.servers.openai import embeddings
from remote.servers.scoring import logit, order, probability, tokens
from remote.servers.wire import Answer, Call, RefusedError, Route, Server, as_json

__all__ = ["Tei"]

_STATUS = {"Empty": 400, "Validation": 422, "Tokenizer": 422, "Backend": 424, "Overloaded": 429}


class Tei(Server):
    """Fields that it does not know are ignored, `model` and `top_n` among them.

    Args:
        key: presented as a bearer token; a request without it gets a 401 with no body at all.
        latency: seconds that every answer takes.
        limit: texts that one request may hold.
        limit_status: what more texts get: 422 as of 1.9, though its OpenAPI page says 413.
        longest: words that query and text may have together, unless the request says `truncate`.
        body_limit: bytes of a body, over which the answer is 413 in plain text.
        slots: requests that are answered at once; one more is refused as 429 at once.
        reranker: whether the model is one; else `/rerank` and `/predict` answer 424.
    """

    software: ClassVar[str] = ""
    model: ClassVar[str] = "BAAI/bge-reranker-v2-m3"

    def __init__(
        self,
        *,
        key: str | None = None,
        latency: float = 0.0,
        limit: int = 32,
        limit_status: int = 422,
        longest: int = 512,
        body_limit: int = 2_000_000,
        slots: int = 512,
        reranker: bool = True,
    ) -> None:
        super().__init__(key=key, latency=latency)
        self.limit = limit
        self.limit_status = limit_status
        self.longest = longest
        self.body_limit = body_limit
        self.slots = slots
        self.reranker = reranker

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/info"): self.info,
            ("GET", "/health"): lambda call: Answer(),
            ("POST", "/rerank"): self.rerank,
            ("POST", "/predict"): self.predict,
            ("POST", "/embed"): self.embed,
            ("POST", "/v1/embeddings"): self.embeddings,
        }

    def unknown(self, call: Call) -> Answer:
        return Answer(status=404)

    def broken(self, call: Call, problem: ValueError) -> Answer:
        return _plain(400, f"Failed to parse the request body as JSON: {problem}")

    def admit(self, call: Call) -> None:
        if not self.bearer(call):
            raise RefusedError(Answer(status=401))
        if call.method == "POST" and call.headers.get("content-type") != "application/json":
            raise RefusedError(_plain(415, "Expected request with `Content-Type: application/json`"))
        if len(call.body) > self.body_limit:
            raise RefusedError(_plain(413, "Failed to buffer the request body: length limit exceeded"))

    def info(self, call: Call) -> Answer:
        kind: dict[str, Any] = {"embedding": {"pooling": "cls"}}
        if self.reranker:
            kind = {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}}
        return as_json(
            {
                "model_id": self.model,
                "model_sha": None,
                "model_dtype": "float16",
                "model_type": kind,
                "max_concurrent_requests": self.slots,
                "max_input_length": self.longest,
                "max_batch_tokens": 16384,
                "max_batch_requests": None,
                "max_client_batch_size": self.limit,
                "auto_truncate": False,
                "tokenization_workers": 2,
                "version": "1.9.0",
                "sha": None,
                "docker_label": None,
            }
        )

    def rerank(self, call: Call) -> Answer:
        body = self._read(call, {"query": TEXT, "texts": TEXTS}, {"raw_scores": FLAG, "return_text": FLAG})
        query, texts = body["query"], body["texts"]
        if not texts:
            raise RefusedError(_error("Empty", "`texts` cannot be empty"))
        if not self.reranker:
            raise RefusedError(_error("Backend", "model is not a re-ranker model"))
        self._measure([(query, text) for text in texts], body)
        score = logit if body.get("raw_scores") else probability
        rows: list[dict[str, Any]] = []
        for index, value in order(query, texts, score):
            text = {"text": texts[index]} if body.get("return_text") else {}
            rows.append({"index": index, **text, "score": value})
        return as_json(rows, headers=_usage(query, *texts))

    def predict(self, call: Call) -> Answer:
        body = self._read(call, {"inputs": _predictable}, {"raw_scores": FLAG})
        if not self.reranker:
            raise RefusedError(_error("Backend", "model is not a classifier model"))
        inputs = body["inputs"]
        single = isinstance(inputs, str) or isinstance(inputs[0], str)
        batch = [inputs] if single else inputs
        pairs = [(each, "") if isinstance(each, str) else (*each, "")[:2] for each in batch]
        self._measure(pairs, body)
        score = logit if body.get("raw_scores") else probability
        answers = [[{"score": score(*pair), "label": "LABEL_0"}] for pair in pairs]
        return as_json(
            answers[0] if single else answers, headers=_usage(*(text for pair in pairs for text in pair))
        )

    def embed(self, call: Call) -> Answer:
        body = self._read(call, {"inputs": TEXT_OR_TEXTS}, {"normalize": FLAG})
        texts = [body["inputs"]] if isinstance(body["inputs"], str) else body["inputs"]
        self._measure([("", text) for text in texts], body)
        rows = embeddings({"input": texts}, model=self.model)["data"]
        return as_json([row["embedding"] for row in rows], headers=_usage(*texts))

    def embeddings(self, call: Call) -> Answer:
        body = call.json()
        optional = {"model": TEXT, "user": TEXT, "encoding_format": TEXT, "dimensions": WHATEVER}
        wrong = problem(body, required={"input": TEXT_OR_TEXTS}, optional=optional, closed=False)
        if wrong is not None:
            raise RefusedError(_unreadable(wrong))
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if not texts:
            return _flat_error("Empty", "`input` cannot be empty", 400)
        if len(texts) > self.limit:
            return _flat_error("Validation", self._too_many(len(texts)), self.limit_status)
        # Releases before 1.8 read past `dimensions`.
        return as_json(embeddings({**body, "dimensions": None}, model=self.model), headers=_usage(*texts))

    def _read(self, call: Call, required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
        body = call.json()
        common = {"truncate": FLAG, "truncation_direction": TEXT}
        wrong = problem(body, required=required, optional={**common, **optional}, closed=False)
        if wrong is not None:
            raise RefusedError(_unreadable(wrong))
        if body.get("truncation_direction") not in (None, "Left", "Right", "left", "right"):
            raise RefusedError(_unreadable(Problem(what="type", field="truncation_direction")))
        if self._busy > self.slots:
            raise RefusedError(_error("Overloaded", "Model is overloaded"))
        read: dict[str, Any] = body
        return read

    def _measure(self, pairs: list[tuple[str, str]], body: dict[str, Any]) -> None:
        if len(pairs) > self.limit:
            raise RefusedError(_error("Validation", self._too_many(len(pairs)), self.limit_status))
        for pair in pairs:
            if tokens(*pair) > self.longest and not body.get("truncate"):
                message = f"`inputs` must have less than {self.longest} tokens. Given: {tokens(*pair)}"
                raise RefusedError(_error("Validation", message, self.limit_status))

    def _too_many(self, count: int) -> str:
        return f"batch size {count} > maximum allowed batch size {self.limit}"


def _predictable(value: Any) -> bool:
    """A text, a pair, or a batch of texts in lists and of pairs."""
    if isinstance(value, str):
        return True
    if not isinstance(value, list) or not value:
        return False
    pair = TEXTS(value) and len(value) <= 2
    return pair or all(TEXTS(each) and 1 <= len(each) <= 2 for each in value)


def _plain(status: int, message: str) -> Answer:
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    return Answer(status=status, body=message.encode(), headers=headers)


def _unreadable(wrong: Problem) -> Answer:
    return _plain(
        422, f"Failed to deserialize the JSON body into the target type: {wrong} at line 1 column 9"
    )


def _error(type_: str, message: str, status: int | None = None) -> Answer:
    return as_json({"error": message, "error_type": type_}, status or _STATUS[type_])


def _flat_error(type_: str, message: str, status: int) -> Answer:
    """What its OpenAI route answers instead: no envelope."""
    return Answer(
        status=status,
        body=json.dumps({"message": message, "code": status, "type": type_}).encode(),
        headers={"Content-Type": "application/json"},
    )


def _usage(*texts: str) -> dict[str, str]:
    characters = sum(map(len, texts))
    return {"x-compute-tokens": str(tokens(*texts)), "x-compute-characters": str(characters)}
