"""A document's metadata in every adapter: what of it joins the text, and how it is copied."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pertinence import OptionError
from pertinence.integration import check_fields, join_fields, own_metadata

METADATA = {"title": "The mill", "year": 0, "draft": False, "author": None, "note": ""}


def test_fields_stand_before_the_content_in_the_order_they_were_named() -> None:
    assert join_fields("It grinds.", METADATA, ["year", "title"], "\n") == "0\nThe mill\nIt grinds."


def test_only_what_is_none_or_missing_is_left_out() -> None:
    assert join_fields("text", METADATA, ["author", "missing", "draft", "note"], " | ") == "False |  | text"


def test_without_fields_the_content_stays_what_it_is() -> None:
    for content in ("text", "", None, 3):
        assert join_fields(content, METADATA, [], "\n") is content
        assert join_fields(content, METADATA, ["author"], "\n") is content


def test_no_content_counts_as_empty_where_metadata_stands_for_it() -> None:
    assert join_fields(None, METADATA, ["title"], "\n") == "The mill\n"


def test_content_that_is_no_string_is_handed_on_for_the_core_to_name() -> None:
    assert join_fields(b"bytes", METADATA, ["title"], "\n") == b"bytes"


@given(st.text(), st.dictionaries(st.text(), st.none() | st.text() | st.integers()), st.text(), st.data())
def test_the_text_ends_with_the_content_and_holds_every_value(
    content: str, metadata: dict[str, Any], separator: str, data: st.DataObject
) -> None:
    fields = data.draw(st.lists(st.sampled_from(sorted(metadata)))) if metadata else []
    joined = join_fields(content, metadata, fields, separator)
    assert joined.endswith(content)
    assert all(str(metadata[name]) in joined for name in fields if metadata[name] is not None)


@pytest.mark.parametrize("bad", ["title", {"title": 1}, ["title", 3], 3, b"title"], ids=repr)
def test_names_that_are_no_list_of_names_are_refused_in_the_frameworks_word(bad: Any) -> None:
    with pytest.raises(OptionError, match="meta_fields must be a list of names or None"):
        check_fields(bad, "meta_fields")


def test_names_come_back_as_a_tuple() -> None:
    assert check_fields(None) == ()
    assert check_fields(["title", "year"]) == check_fields(("title", "year")) == ("title", "year")


def test_a_copy_of_metadata_shares_nothing_that_can_be_changed_in_place() -> None:
    unlike = object()
    metadata = {"pages": [1, {"part": [2]}], "source": {"file": "mill.pdf"}, "page": 3, "unlike": unlike}
    before = {"pages": [1, {"part": [2]}], "source": {"file": "mill.pdf"}, "page": 3, "unlike": unlike}
    copied = own_metadata(metadata)
    assert copied == metadata
    assert copied["unlike"] is unlike
    copied["pages"][1]["part"].append(9)
    copied["source"]["file"] = "other"
    assert metadata == before


def test_values_of_a_callers_own_classes_are_left_whole() -> None:
    metadata = {"counts": Counter(a=1), "pair": (1, 2)}
    copied = own_metadata(metadata)
    assert copied["counts"] is metadata["counts"]
    assert copied["pair"] is metadata["pair"]
