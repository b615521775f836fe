"""OpenAI's `/v1/embeddings`, the shape that every other server of vectors follows."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any, ClassVar

from remote.servers.fields import COUNT, TEXT, TEXT_OR_TEXTS, problem
from remote.servers.scoring import tokens, vector
from remote.servers.wire import Answer, Call, RefusedError, Route, Server, as_json

__all__ = ["OpenAI", "cut", "embeddings", "error"]


def error(status: int, message: str, type_: str | None, param: str | None = None, code: Any = None) -> Answer:
    """OpenAI's envelope for what went wrong."""
    return as_json({"error": {"message": message, "type": type_, "param": param, "code": code}}, status)


def embeddings(body: dict[str, Any], *, model: str, base64_too: bool = True) -> dict[str, Any]:
    """The answer to a body that was checked: one vector per input, in floats or, if asked for, in base64."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    packed = base64_too and body.get("encoding_format") == "base64"
    used = tokens(*texts)
    vectors = [cut(vector(text), body.get("dimensions")) for text in texts]
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _pack(values) if packed else values,
            }
            for index, values in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }


def cut(values: list[float], dimensions: int | None) -> list[float]:
    """The first numbers, if not all are asked for, brought to length one again, as OpenAI and vLLM do."""
    if dimensions is None:
        return values
    kept = values[:dimensions]
    length = math.hypot(*kept)
    return [value / length for value in kept]


def _pack(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


class OpenAI(Server):
    """`/v1/embeddings` and nothing else: 2,048 inputs at most, none of them empty, unknown fields refused."""

    software: ClassVar[str] = "cloudflare"
    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "text-embedding-3-small"
    limit: int = 2048

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/v1/embeddings"): self.embed}

    def unknown(self, call: Call) -> Answer:
        return error(404, f"Invalid URL ({call.method} {call.path})", "invalid_request_error")

    def admit(self, call: Call) -> None:
        if not self.bearer(call):
            shown = call.headers.get("authorization", "").removeprefix("Bearer ")
            # It shows the ends of what it was given, as the real one does.
            message = f"Incorrect API key provided: {shown[:3]}***{shown[-4:]}."
            raise RefusedError(error(401, message, "invalid_request_error", None, "invalid_api_key"))

    def embed(self, call: Call) -> Answer:
        body = call.json()
        wrong = problem(
            body,
            required={"input": TEXT_OR_TEXTS, "model": TEXT},
            optional={"encoding_format": TEXT, "dimensions": COUNT, "user": TEXT},
            closed=True,
        )
        if wrong is not None:
            return error(400, str(wrong), "invalid_request_error", wrong.field)
        if body["model"] != self.model:
            message = f"The model `{body['model']}` does not exist or you do not have access to it."
            return error(404, message, "invalid_request_error", None, "model_not_found")
        texts = body["input"]
        if not texts or "" in texts:
            return error(
                400, "'$.input' is invalid. Please check the API reference.", "invalid_request_error"
            )
        if isinstance(texts, list) and len(texts) > self.limit:
            message = f"'$.input' is too long. Maximum length is {self.limit}, but got {len(texts)} items."
            return error(400, message, "invalid_request_error")
        return as_json(embeddings(body, model=self.model))
