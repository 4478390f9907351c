"""SQL by name: every block is found once, and runs on the schema."""

from __future__ import annotations

import pytest

from forebay.store.queries import load_queries


def test_an_insert_is_repeated_row_by_row() -> None:
    text = load_queries("sqlite")["add_project"].repeated(3)
    assert text.count("(?, ?, ?)") == 3
    assert ":" not in text


def test_a_query_that_is_no_insert_cannot_be_repeated() -> None:
    with pytest.raises(AssertionError, match="get_request"):
        load_queries("sqlite")["get_request"].repeated(2)


def test_a_variant_of_another_database_is_left_out() -> None:
    assert "claim_request" in load_queries("sqlite")
    assert "claim_request" not in load_queries("no such database")
