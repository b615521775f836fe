"""Mixedbread's `/v1/reranking`: documents as `input`, results under `data` with a plain `score`."""

from __future__ import annotations

from typing import ClassVar

from remote.servers.fields import COUNT, FLAG, TEXT, TEXT_OR_TEXTS, TEXTS
from remote.servers.hosted import Hosted
from remote.servers.openai import embeddings
from remote.servers.scoring import order, tokens
from remote.servers.wire import Answer, Call, Route, as_json

__all__ = ["Mixedbread"]


class Mixedbread(Hosted):
    """Without `top_k` it gives ten results back, as many as its API reference names for the default."""

    prefix: ClassVar[str] = "/v1"
    model: ClassVar[str] = "mixedbread-ai/mxbai-rerank-large-v2"
    embedder: ClassVar[str] = "mixedbread-ai/mxbai-embed-large-v1"
    status_of_bad_fields: ClassVar[int] = 422

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/v1/reranking"): self.rerank, ("POST", "/v1/embeddings"): self.embed}

    def refusal(self, status: int, message: str) -> Answer:
        return as_json({"detail": message}, status)

    def rerank(self, call: Call) -> Answer:
        optional = {
            "model": TEXT,
            "top_k": COUNT,
            "return_input": FLAG,
            "rank_fields": TEXTS,
            "rewrite_query": FLAG,
        }
        body = self.read(call, {"query": TEXT, "input": TEXTS}, optional)
        if body.get("model") not in (None, self.model):
            raise self.refuse(404, f"model '{body['model']}' not found")
        query, texts = body["query"], body["input"]
        self.count(texts)
        top_k = body.get("top_k") or 10
        given_back = body.get("return_input", False)
        used = tokens(query, *texts)
        return as_json(
            {
                "usage": {"prompt_tokens": used, "total_tokens": used, "completion_tokens": 0},
                "model": self.model,
                "data": [
                    {
                        "index": index,
                        "score": score,
                        "input": texts[index] if given_back else None,
                        "object": "rank_result",
                    }
                    for index, score in order(query, texts)[:top_k]
                ],
                "object": "list",
                "top_k": top_k,
                "return_input": given_back,
            }
        )

    def embed(self, call: Call) -> Answer:
        optional = {"dimensions": COUNT, "prompt": TEXT, "normalized": FLAG, "encoding_format": TEXT_OR_TEXTS}
        body = self.read(call, {"input": TEXT_OR_TEXTS}, {**optional, "model": TEXT})
        if body.get("model") != self.embedder:
            raise self.refuse(404, f"model '{body.get('model')}' not found")
        encoding = body.get("encoding_format", "float")
        return as_json(
            {
                **embeddings(body, model=self.embedder),
                "normalized": True,
                "encoding_format": encoding,
                "dimensions": 8,
            }
        )
