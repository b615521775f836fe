"""What is asked of the real servers: the same calls when they are recorded and when they are replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vcr  # type: ignore[import-untyped]

from pertinence import Embedder, Ranking, Reranker

__all__ = ["CASSETTES", "KEY", "QUERY", "SCENES", "TEXTS", "WAYS", "Scene", "cassette", "play"]

CASSETTES = Path(__file__).parents[1] / "cassettes"
# Of servers that ran for the length of a recording; no cassette holds it all the same.
KEY = "sk-only-while-recording"
WAYS = ("sync", "async")

QUERY = "Combien d'habitants compte la ville de Lyon ?"
TEXTS = (
    "Lyon est connue pour sa gastronomie.",
    "La ville de Lyon compte 520 774 habitants.",
    "The city of Lyon has a population of half a million.",
    "Le compost se remue toutes les deux semaines, à l'automne surtout.",
    "",
    "Marseille, deuxième ville de France, en compte 870 000 😀.",
)
# More than Infinity takes at once, as it is started here.
MANY = tuple(f"Passage numéro {number} sur les habitants de Lyon." for number in range(10))
LONG = ("La ville de Lyon. " * 400).strip()

_PORTS = {"infinity": 7997, "llamacpp": 7998}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One call of our client.

    Attributes:
        server: `infinity` or `llamacpp`.
        model: the name that the server is asked for.
        options: of the reranker or the embedder.
        texts: what is ranked or embedded.
        embeds: whether texts are embedded; else they are ranked.
        path: of the base URL.
    """

    server: str
    model: str | None = "reranker"
    options: dict[str, Any] = field(default_factory=dict)
    texts: Sequence[str] = TEXTS
    embeds: bool = False
    path: str = ""

    def open(self) -> Reranker | Embedder:
        """The client of this scene."""
        # No retries: what a server answers the second time is no news.
        given = {
            "base_url": f"http://127.0.0.1:{_PORTS[self.server]}{self.path}",
            "api_key": KEY,
            "max_retries": 0,
            "concurrency": 1,
            **self.options,
        }
        return Embedder(self.model, **given) if self.embeds else Reranker(self.model, **given)


def infinity(**fields: Any) -> Scene:
    """A scene with Infinity's own dialect, unless it names another."""
    options = fields.pop("options", {})
    if not fields.get("embeds"):
        options = {"dialect": "infinity", **options}
    return Scene(server="infinity", options=options, **fields)


def llamacpp(**fields: Any) -> Scene:
    """A scene with llama.cpp's own dialect, unless it names another."""
    return Scene(server="llamacpp", options={"dialect": "llamacpp", **fields.pop("options", {})}, **fields)


SCENES: dict[str, Scene] = {
    "infinity-rerank": infinity(),
    "infinity-rerank-as-cohere": infinity(options={"dialect": "cohere"}),
    "infinity-rerank-auto": infinity(options={"dialect": "auto"}),
    "infinity-rerank-too-many": infinity(texts=MANY),
    "infinity-rerank-no-key": infinity(options={"api_key": None}),
    "infinity-rerank-wrong-key": infinity(options={"api_key": "sk-wrong"}),
    "infinity-rerank-unknown-model": infinity(model="nobody"),
    "infinity-rerank-embedder": infinity(model="embedder"),
    "infinity-rerank-bad-field": infinity(options={"dialect": {"name": "infinity", "extra": {"top_n": 0}}}),
    "infinity-rerank-bad-path": infinity(path="/v1"),
    "infinity-embed": infinity(embeds=True, model="embedder"),
    "infinity-embed-floats": infinity(
        embeds=True,
        model="embedder",
        options={"dialect": {"name": "openai", "extra": {"encoding_format": "float"}}},
    ),
    "infinity-embed-too-many": infinity(embeds=True, model="embedder", texts=MANY),
    "infinity-embed-wrong-key": infinity(embeds=True, model="embedder", options={"api_key": "sk-wrong"}),
    "infinity-embed-unknown-model": infinity(embeds=True, model="nobody"),
    "infinity-embed-reranker": infinity(embeds=True, model="reranker"),
    "llamacpp-rerank": llamacpp(),
    "llamacpp-rerank-as-tei": llamacpp(options={"dialect": "tei"}),
    "llamacpp-rerank-auto": llamacpp(options={"dialect": "auto"}),
    "llamacpp-rerank-wrong-key": llamacpp(options={"api_key": "sk-wrong"}),
    "llamacpp-rerank-too-long": llamacpp(texts=(*TEXTS, LONG)),
    "llamacpp-rerank-bad-field": llamacpp(options={"dialect": {"name": "llamacpp", "extra": {"top_n": -1}}}),
    "llamacpp-rerank-none-wanted": llamacpp(options={"dialect": {"name": "llamacpp", "extra": {"top_n": 0}}}),
}


def cassette(name: str, way: str, *, record: bool = False) -> Any:
    """The recording of a scene, to be made anew or to be replayed; it never holds a key."""
    recorder = vcr.VCR(
        record_mode="all" if record else "none",
        match_on=("method", "scheme", "host", "port", "path", "query", "body"),
        filter_headers=["authorization", "user-agent", "accept-encoding", "connection"],
        decode_compressed_response=True,
    )
    return recorder.use_cassette(str(CASSETTES / f"{name}-{way}.yaml"))


async def play(name: str, way: str) -> Any:
    """Ask what the scene asks: a `Ranking` in order, or vectors of shape (texts, dims)."""
    scene = SCENES[name]
    with scene.open() as client:
        if isinstance(client, Embedder):
            texts = list(scene.texts)
            return await client.aembed_documents(texts) if way == "async" else client.embed_documents(texts)
        ranking: Ranking[str] = (
            await client.arank(QUERY, scene.texts) if way == "async" else client.rank(QUERY, scene.texts)
        )
        return ranking
