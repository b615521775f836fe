"""The embedders: the core's vectors, given to the right documents, and what is told of a run."""

from __future__ import annotations

import asyncio
import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore

from haystack_integrations.components.embedders.pertinence import (
    PertinenceDocumentEmbedder,
    PertinenceTextEmbedder,
)
from pertinence import ClosedError, Embedder, InputError
from pertinence.local.serving.pool import loaded
from support.embedders import build_embedder

pytest.importorskip("torch", reason="building an embedding model needs the extra 'torch'")

PROMPTS = {"query": "question: ", "document": "passage: "}
TEXT = "le train de Lyon"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that puts something else before questions than before documents."""
    place = tmp_path_factory.mktemp("tiny") / "tiny-embedder"
    return str(build_embedder("tiny-embedder", place, saved={"prompts": PROMPTS}))


@pytest.fixture(scope="module")
def lengthy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that does not normalise."""
    place = tmp_path_factory.mktemp("lengthy") / "tiny-embedder"
    return str(build_embedder("tiny-embedder", place, normalise=False))


def both(component: Any, given: Any) -> Any:
    """The answer, the same through both doors."""
    output = component.run(given)
    assert asyncio.run(component.run_async(given)) == output
    return output


def vector(component: Any, text: str) -> list[float]:
    """What either embedder makes of a text."""
    if isinstance(component, PertinenceTextEmbedder):
        found: list[float] = both(component, text)["embedding"]
        return found
    (document,) = both(component, [Document(content=text)])["documents"]
    return list(document.embedding or [])


EITHER = pytest.mark.parametrize("kind", [PertinenceTextEmbedder, PertinenceDocumentEmbedder])


# The vectors


def test_a_text_is_embedded_as_a_question_and_documents_as_documents(folder: str) -> None:
    with Embedder(folder) as core:
        question, document = core.embed_query(TEXT), core.embed_documents([TEXT])[0]
    assert np.abs(question - document).max() > 0.01
    assert vector(PertinenceTextEmbedder(model=folder), TEXT) == pytest.approx(question, abs=1e-6)
    assert vector(PertinenceDocumentEmbedder(model=folder), TEXT) == pytest.approx(document, abs=1e-6)


@EITHER
def test_prefix_and_suffix_are_put_around_the_text(kind: Any, folder: str) -> None:
    around = vector(kind(model=folder, prefix="en bref : ", suffix=" !"), TEXT)
    assert around == pytest.approx(vector(kind(model=folder), f"en bref : {TEXT} !"), abs=1e-6)


@EITHER
def test_numbers_are_plain_ones(kind: Any, folder: str) -> None:
    assert {type(number) for number in vector(kind(model=folder), TEXT)} == {float}


@EITHER
def test_vectors_are_normalised_if_asked_and_else_as_the_model_says(
    kind: Any, folder: str, lengthy: str
) -> None:
    assert math.hypot(*vector(kind(model=lengthy), TEXT)) > 2
    assert math.hypot(*vector(kind(model=lengthy, normalize_embeddings=True), TEXT)) == pytest.approx(1)
    assert math.hypot(*vector(kind(model=folder), TEXT)) == pytest.approx(1)


@EITHER
def test_vectors_are_cut_and_quantised_as_asked(kind: Any, lengthy: str) -> None:
    whole = vector(kind(model=lengthy), TEXT)
    assert vector(kind(model=lengthy, truncate_dim=16), TEXT) == pytest.approx(whole[:16], abs=1e-6)
    bits = np.packbits(np.array(whole) > 0).tolist()
    assert vector(kind(model=lengthy, precision="ubinary"), TEXT) == bits
    ranges = [[-3.0] * 64, [3.0] * 64]
    steps = vector(kind(model=lengthy, precision="uint8", quantization_ranges=ranges), TEXT)
    assert {type(step) for step in steps} == {int}
    middle = [min(max(number, -3), 3) for number in whole]
    assert [step * 6 / 255 - 3 for step in steps] == pytest.approx(middle, abs=6 / 255)


def test_the_vectors_are_those_of_the_peer(packaged: str) -> None:
    peer = pytest.importorskip("haystack_integrations.components.embedders.sentence_transformers")
    documents = [Document(content=text, meta={"title": "Mills"}) for text in ("an old mill", "", "Taxes")]
    shared: dict[str, Any] = {"model": packaged, "prefix": "q: ", "truncate_dim": 32, "progress_bar": False}
    fields: dict[str, Any] = {"meta_fields_to_embed": ["title"], "embedding_separator": " - "}
    theirs = peer.SentenceTransformersDocumentEmbedder(**shared, **fields).run(documents)
    ours = both(PertinenceDocumentEmbedder(**shared, **fields), documents)
    for mine, other in zip(ours["documents"], theirs["documents"], strict=True):
        assert mine.embedding == pytest.approx(other.embedding, abs=1e-5)
        assert (mine.id, mine.content) == (other.id, other.content)
    theirs = peer.SentenceTransformersTextEmbedder(**shared, normalize_embeddings=True).run("old mill")
    del shared["progress_bar"]  # one text needs none
    ours = both(PertinenceTextEmbedder(**shared, normalize_embeddings=True), "old mill")
    assert ours["embedding"] == pytest.approx(theirs["embedding"], abs=1e-5)


# What becomes of documents


def test_metadata_stands_before_the_text_unless_it_is_none(folder: str) -> None:
    meta = {"title": "Mills", "page": 0, "draft": False, "author": None}
    embedder = PertinenceDocumentEmbedder(
        model=folder,
        meta_fields_to_embed=["title", "page", "draft", "author", "missing"],
        embedding_separator=" | ",
    )
    (document,) = both(embedder, [Document(content="an old mill", meta=meta)])["documents"]
    expected = vector(PertinenceDocumentEmbedder(model=folder), "Mills | 0 | False | an old mill")
    assert document.embedding == pytest.approx(expected, abs=1e-6)


def test_documents_that_share_an_id_have_each_a_vector_of_their_own(folder: str) -> None:
    embedder = PertinenceDocumentEmbedder(model=folder)
    texts = ["an old mill", "a river", "an old mill", "taxes"]
    output = both(embedder, [Document(id="same", content=text) for text in texts])["documents"]
    assert [document.content for document in output] == texts
    for document in output:
        assert document.embedding == pytest.approx(vector(embedder, document.content), abs=1e-6)


def test_the_callers_documents_are_untouched(folder: str, documents: list[Document]) -> None:
    documents[0] = replace(documents[0], embedding=[1.0, 2.0])
    before = copy.deepcopy(documents)
    for embedded in both(PertinenceDocumentEmbedder(model=folder), documents)["documents"]:
        embedded.meta["page"] = "changed"
    assert documents == before


def test_a_list_that_changes_meanwhile_changes_nothing(folder: str, documents: list[Document]) -> None:
    async def main() -> list[str]:
        task = asyncio.create_task(PertinenceDocumentEmbedder(model=folder).run_async(documents))
        await asyncio.sleep(0)
        documents.clear()
        return [document.id for document in (await task)["documents"]]

    assert asyncio.run(main()) == ["taxes", "mill", "flood"]


def test_documents_keep_their_other_fields(folder: str) -> None:
    document = Document(content="an old mill", meta={"page": 1}, score=0.5)
    (embedded,) = both(PertinenceDocumentEmbedder(model=folder), [document])["documents"]
    assert (embedded.id, embedded.score, embedded.meta) == (document.id, 0.5, {"page": 1})


def test_meta_tells_what_was_done_to_the_texts(folder: str) -> None:
    documents = [
        Document(content="long " * 600),
        Document(content=""),
        Document(id="broken", content="mill \ud83c"),
    ]
    meta = both(PertinenceDocumentEmbedder(model=folder), documents)["meta"]
    assert meta == {"model": folder, "truncated": 1, "empty": 1, "repaired": 1, "usage": {}}
    meta = both(PertinenceTextEmbedder(model=folder), "long " * 600)["meta"]
    assert meta == {"model": folder, "truncated": 1, "empty": 0, "repaired": 0, "usage": {}}


def test_no_documents_need_no_model() -> None:
    output = both(PertinenceDocumentEmbedder(model="some/model-that-is-nowhere"), [])
    assert output["documents"] == []
    assert output["meta"]["truncated"] == 0


def test_a_bar_shows_how_far_a_run_is(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    documents = [Document(content=text) for text in ("an old mill", "a river", "an old mill")]
    embedder = PertinenceDocumentEmbedder(model=folder)
    quiet = both(embedder, documents)
    assert capfd.readouterr().err == ""
    embedder.progress_bar = True
    assert embedder.run(documents) == quiet
    assert "2/2" in capfd.readouterr().err


# Bad input


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "text must be a string, not NoneType"),
        ([Document(content="a")], "text must be a string, not list: .* PertinenceDocumentEmbedder"),
        ("", "text is empty"),
        (" \n", "text is empty"),
    ],
)
def test_a_text_that_asks_nothing_is_refused(folder: str, text: Any, told: str) -> None:
    embedder = PertinenceTextEmbedder(model=folder)
    with pytest.raises(InputError, match=told):
        embedder.run(text)
    with pytest.raises(InputError, match=told):
        asyncio.run(embedder.run_async(text))


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        (None, "documents must be a sequence, not NoneType"),
        ("an old mill", "documents must be a sequence of .*, not str"),
        (Document(content="a"), "documents must be a sequence, not Document"),
        ([Document(content="a"), "b"], "document 1 must be a Document, not str"),
        ([Document(content="a"), Document(id="b")], r"document 1 \(id 'b'\) has no content"),
    ],
)
def test_what_is_no_list_of_documents_with_texts_is_refused(folder: str, documents: Any, told: str) -> None:
    embedder = PertinenceDocumentEmbedder(model=folder)
    with pytest.raises(InputError, match=told):
        embedder.run(documents)
    with pytest.raises(InputError, match=told):
        asyncio.run(embedder.run_async(documents))


# In pipelines, and life


@EITHER
def test_the_sockets_of_both_doors_are_the_same(kind: Any, folder: str) -> None:
    embedder = kind(model=folder)
    assert embedder.__haystack_supports_async__
    text = kind is PertinenceTextEmbedder
    inputs = {name: each.type for name, each in embedder.__haystack_input__._sockets_dict.items()}
    assert inputs == ({"text": str} if text else {"documents": list[Document]})
    outputs = {name: each.type for name, each in embedder.__haystack_output__._sockets_dict.items()}
    given = {"embedding": list[float]} if text else {"documents": list[Document]}
    assert outputs == {**given, "meta": dict[str, Any]}


def test_one_pipeline_indexes_and_another_finds(packaged: str, documents: list[Document]) -> None:
    store = InMemoryDocumentStore()
    index = Pipeline()
    index.add_component("embedder", PertinenceDocumentEmbedder(model=packaged))
    index.add_component("writer", DocumentWriter(store))
    index.connect("embedder.documents", "writer.documents")
    index.run({"embedder": {"documents": documents}})

    search = Pipeline()
    search.add_component("embedder", PertinenceTextEmbedder(model=packaged))
    search.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=1))
    search.connect("embedder.embedding", "retriever.query_embedding")
    data = {"embedder": {"text": "when must taxes be paid?"}}
    found = search.run(data)["retriever"]["documents"]
    assert [document.id for document in found] == ["taxes"]
    assert asyncio.run(search.run_async(data))["retriever"]["documents"] == found


@EITHER
def test_a_closed_component_opens_its_model_anew(kind: Any, folder: str) -> None:
    embedder = kind(model=folder)
    embedder.warm_up()
    asyncio.run(embedder.warm_up_async())
    before, held = vector(embedder, TEXT), embedder._opened()
    embedder.close()
    with pytest.raises(ClosedError):
        held.embed_query(TEXT)
    assert vector(embedder, TEXT) == pytest.approx(before, abs=1e-6)
    asyncio.run(embedder.close_async())


def test_folders_may_be_paths(folder: str) -> None:
    embedder = PertinenceTextEmbedder(model=Path(folder))  # type: ignore[arg-type]
    assert embedder.to_dict()["init_parameters"]["model"] == folder


def test_both_embedders_share_one_model_and_the_last_gives_it_back(tmp_path: Path) -> None:
    own = str(build_embedder("tiny-embedder", tmp_path / "own"))
    of = {"model": own, "backend": "torch"}
    text, document = PertinenceTextEmbedder(**of), PertinenceDocumentEmbedder(**of)
    vector(text, TEXT)
    vector(document, TEXT)
    assert loaded().count(own) == 1
    text.close()
    assert loaded().count(own) == 1
    document.close()
    assert loaded().count(own) == 0
