"""`pertinence embed`: where texts come from, what is written, and that it is what `Embedder` gives."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pertinence import Embedder
from pertinence.cli.passages import Passage
from support.embedders import build_embedder

pytest.importorskip("torch", reason="building a model folder needs the extra 'torch'")

Command = Callable[..., Any]

TEXTS = ["Le vélo est bon pour la santé.", "Lyon compte 520 774 habitants.", "", "Où est le moulin ?"]
OBJECTS = [{"id": f"d{number}", "text": text, "tags": ["é", None]} for number, text in enumerate(TEXTS)]
JSONL = "\n".join(map(json.dumps, OBJECTS)).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    saved = {"prompts": {"query": "question : ", "document": ""}}
    return str(build_embedder("tiny-embedder", tmp_path_factory.mktemp("cli") / "tiny", saved=saved))


@pytest.fixture(scope="module")
def embedder(folder: str) -> Iterator[Embedder]:
    """Held open, so that the commands of this process share its model."""
    with Embedder(folder, backend="torch") as opened:
        yield opened


@pytest.fixture
def embed(command: Command, folder: str, embedder: Embedder) -> Command:
    def run(*argv: str, stdin: bytes = b"") -> Any:
        return command("embed", "--model", folder, "--backend", "torch", *argv, stdin=stdin)

    return run


def vectors(ended: Any) -> np.ndarray[Any, Any]:
    assert ended.status == 0, ended.err
    return np.array([line["vector"] for line in ended.lines], dtype=np.float32)


def test_lines_hold_index_text_and_the_very_vector(embed: Command, embedder: Embedder) -> None:
    ended = embed(*TEXTS)
    assert [list(line) for line in ended.lines] == [["index", "text", "vector"]] * len(TEXTS)
    assert [(line["index"], line["text"]) for line in ended.lines] == list(enumerate(TEXTS))
    np.testing.assert_array_equal(vectors(ended), embedder.embed_documents(TEXTS))
    assert ended.err == "pertinence embed: 1 of 4 was empty\n"


def test_queries_have_the_vectors_of_queries(embed: Command, embedder: Embedder) -> None:
    found = vectors(embed("--query", TEXTS[0], TEXTS[3]))
    np.testing.assert_allclose(found[0], embedder.embed_query(TEXTS[0]), atol=1e-6)
    assert np.abs(found[0] - embedder.embed_documents(TEXTS[:1])[0]).max() > 1e-3


def test_objects_keep_their_fields(embed: Command) -> None:
    for line in embed("--format", "jsonl", stdin=JSONL).lines:
        assert {name: line[name] for name in OBJECTS[0]} == OBJECTS[line["index"]]


def test_texts_come_from_a_file_and_another_field(embed: Command, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text("\n".join(json.dumps({"body": text, "vector": 3}) for text in TEXTS), encoding="utf-8")
    ended = embed("--documents", str(file), "--field", "body")
    assert [line["body"] for line in ended.lines] == TEXTS
    assert "4 of 4 had a field named index or vector, which is replaced" in ended.err


def test_an_array_of_numpy_holds_the_same(embed: Command, embedder: Embedder, tmp_path: Path) -> None:
    file = tmp_path / "vectors.npy"
    ended = embed(*TEXTS, "--output", str(file))
    assert (ended.status, ended.out) == (0, "")
    found = np.load(file)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, embedder.embed_documents(TEXTS))
    assert [each.name for each in tmp_path.iterdir()] == ["vectors.npy"]


@pytest.mark.parametrize("count", [9, 1_025, 10_240])
def test_an_array_grows_chunk_by_chunk(count: int, tmp_path: Path) -> None:
    from pertinence.cli.vectors import open_writer

    rows = np.arange(count * 3, dtype=np.float32).reshape(count, 3)
    with open_writer(str(tmp_path / "rows.npy")) as writer:
        for start in range(0, count, 1_000):
            writer.write([], rows[start : start + 1_000])
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), rows)


def test_lines_may_go_to_a_file(embed: Command, tmp_path: Path) -> None:
    file = tmp_path / "vectors.jsonl"
    assert embed(*TEXTS, "--output", str(file)).out == ""
    assert file.read_text(encoding="utf-8") == embed(*TEXTS).out


def test_the_options_of_an_embedder_are_flags(embed: Command, embedder: Embedder, tmp_path: Path) -> None:
    whole = embedder.embed_documents(TEXTS)
    cut = vectors(embed(*TEXTS, "--truncate-dim", "16", "--normalize"))
    np.testing.assert_allclose(cut, whole[:, :16] / np.linalg.norm(whole[:, :16], axis=1)[:, None], atol=1e-6)
    long = vectors(embed(*TEXTS, "--no-normalize"))
    assert np.linalg.norm(long, axis=1).min() > 1.5
    bits = embed(*TEXTS, "--precision", "ubinary").lines
    np.testing.assert_array_equal([line["vector"] for line in bits], np.packbits(whole > 0, axis=1))
    ranges = tmp_path / "ranges.json"
    ranges.write_text(json.dumps([whole.min(axis=0).tolist(), whole.max(axis=0).tolist()]))
    small = embed(*TEXTS, "--precision", "int8", "--ranges", str(ranges)).lines
    assert {-128, 127} <= {number for line in small for number in line["vector"]}


def test_cut_texts_are_counted_once_over_all_chunks(embed: Command) -> None:
    ended = embed(stdin=b"\n".join([b"mot " * 1_000, *[b"mot"] * 1_100, b"long " * 1_000]))
    assert len(ended.lines) == 1_102
    assert ended.err == "pertinence embed: 2 of 1102 were cut to fit the model\n"
    # What the command keeps out of the log is its own affair, and over with it.
    assert logging.getLogger("pertinence.embedder").level == logging.NOTSET


def test_no_more_texts_are_handed_over_than_may_wait(embed: Command) -> None:
    ended = embed("--max-queued", "7", stdin=b"\n".join([b"mot"] * 20))
    assert [line["index"] for line in ended.lines] == list(range(20))


def test_no_texts_are_no_error(embed: Command, tmp_path: Path) -> None:
    file = tmp_path / "none.npy"
    ended = embed("--output", str(file), stdin=b"")
    assert (ended.status, ended.err) == (0, "pertinence embed: there were no texts to embed\n")
    assert np.load(file).shape == (0, 64)


@pytest.mark.parametrize(
    ("argv", "stdin", "saying"),
    [
        ([], b"a\n\xff\n", "standard input, line 2: not UTF-8"),
        (["--format", "jsonl"], b'{"text": "a"}\n{"id": 1}', "standard input, line 2: no field 'text'"),
        (["--query"], b"a\n \n", "standard input, line 2: a query is empty"),
        (["--query", "a", ""], b"", "text 2: a query is empty"),
        (["a", "--output", "v.txt"], b"", "must end in .npy or .jsonl"),
        (["a", "--output", "nowhere/v.npy"], b"", "nowhere/v.npy cannot be written"),
        (["--documents", "nowhere.txt"], b"", "nowhere.txt cannot be read"),
        (["a", "--top-k", "3"], b"", "--top-k"),
        (["a", "--truncate-dim", "0"], b"", "--truncate-dim must be > 0"),
        (["a", "--truncate-dim", "65"], b"", "truncate_dim is 65"),
        (["a", "--precision", "int8"], b"", "needs ranges"),
        (["a", "--ranges", "nowhere.json"], b"", "nowhere.json cannot be read"),
        (["a", "--model", "./nowhere"], b"", "./nowhere is not a folder"),
    ],
)
def test_what_cannot_be_done_is_said(embed: Command, argv: list[str], stdin: bytes, saying: str) -> None:
    ended = embed(*argv, stdin=stdin)
    assert ended.status == 2
    assert saying in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


def test_without_a_model_it_says_what_is_missing(command: Command) -> None:
    ended = command("embed", "a")
    assert (ended.status, ended.out) == (2, "")
    assert "name an embedding model" in ended.err


def test_a_bad_line_leaves_no_half_written_file(embed: Command, tmp_path: Path) -> None:
    file = tmp_path / "vectors.npy"
    stdin = b"\n".join([*[b"mot"] * 1_500, b"\xff"])
    ended = embed("--output", str(file), stdin=stdin)
    assert (ended.status, "line 1501" in ended.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_an_endless_stream_is_read_piece_by_piece() -> None:
    from pertinence.cli.embed import _chunks

    for text, most in (("mot", 1_024), ("mot " * 10_000, 100)):
        chunks = _chunks((Passage(text=text) for _ in itertools.count()), 1_024)
        assert [len(chunk) for chunk in itertools.islice(chunks, 3)] == [most] * 3
