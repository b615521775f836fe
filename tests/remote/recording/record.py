"""Record what real servers say: start one, ask it all that is in `scenes`, keep it. See the README."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).parents[2]))

from remote.recording import models
from remote.recording.scenes import CASSETTES, KEY, QUERY, SCENES, TEXTS, WAYS, cassette, play

_START = 120.0


def infinity(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment of an Infinity that reranks and embeds, eight texts at a time."""
    command = [program, "v2", "--engine", "torch", "--device", "cpu", "--dtype", "float32"]
    command += ["--no-bettertransformer", "--no-model-warmup", "--host", "127.0.0.1", "--port", "7997"]
    command += ["--api-key", KEY, "--embedding-dtype", "float32"]
    served = {"reranker": models.reranker(folder / "reranker"), "embedder": models.embedder()}
    for name, place in served.items():
        command += ["--model-id", str(place), "--served-model-name", name]
    variables = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_MAX_CLIENT_BATCH_SIZE": "8"}
    return command, variables


def llamacpp(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment of llama.cpp's server with a reranker."""
    from remote.recording.llamacpp_file import gguf_reranker

    file = gguf_reranker(models.without_types(folder / "reranker"), folder / "reranker.gguf")
    command = [program, "--model", str(file), "--alias", "reranker", "--reranking", "--threads", "1"]
    command += ["--host", "127.0.0.1", "--port", "7998", "--api-key", KEY, "--ctx-size", "512"]
    return command, {}


SERVERS = {"infinity": infinity, "llamacpp": llamacpp}
_HEALTH = {"infinity": "http://127.0.0.1:7997/health", "llamacpp": "http://127.0.0.1:7998/health"}


@contextmanager
def running(server: str, program: str) -> Iterator[Path]:
    """The server, once it answers; the folder holds its models and its log."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command, variables = SERVERS[server](program, folder)
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=out, stderr=out)
        try:
            end = time.monotonic() + _START
            while not _answers(_HEALTH[server]):
                if process.poll() is not None or time.monotonic() > end:
                    sys.exit(f"{server} did not start:\n{log.read_text(errors='replace')[-4000:]}")
                time.sleep(0.2)
            yield folder
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


async def record(server: str, folder: Path) -> None:
    """Play all scenes of this server, both ways, and look through what was kept."""
    for name, scene in SCENES.items():
        if scene.server != server:
            continue
        for way in WAYS:
            file = CASSETTES / f"{name}-{way}.yaml"
            file.unlink(missing_ok=True)
            with cassette(name, way, record=True):
                try:
                    result = str(await play(name, way))
                except Exception as error:
                    result = f"{type(error).__name__}: {error}"
            print(f"{name} ({way}): {result[:300]}")
            kept = file.read_text(encoding="utf-8")
            for secret in (KEY, "sk-wrong", str(folder), str(Path.home()), str(models.embedder())):
                assert secret not in kept, f"{file.name} holds {secret}"


def main() -> None:
    """Record one server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("--program", required=True, help="infinity_emb or llama-server")
    arguments = parser.parse_args()
    CASSETTES.mkdir(exist_ok=True)
    with running(arguments.server, arguments.program) as folder:
        asyncio.run(record(arguments.server, folder))
        models.keep_logits(arguments.server, folder / "reranker", QUERY, TEXTS)


if __name__ == "__main__":
    main()
