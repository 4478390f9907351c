"""SQL by name: every block is found once, and its values are told as each database wants them."""

from __future__ import annotations

import pytest

from forebay.store.queries import load_migrations, load_queries, parsed

# There is no need to ask SQLite for the time: it has no clock but this machine's.
POSTGRES_ALONE = {"read_clock"}


def numbered(text: str) -> str:
    """Return a statement as PostgreSQL gets it."""
    (query,) = parsed(f"-- name: any\n{text}", "postgres")
    return query.text


@pytest.mark.parametrize(
    ("dialect", "row"), [("sqlite", "(?, ?, ?)"), ("postgres", "($4, $5, $6)")]
)
def test_an_insert_is_repeated_row_by_row(dialect: str, row: str) -> None:
    text = load_queries(dialect)["add_project"].repeated(3)
    assert row in text
    assert text.count("), (") == 2
    assert ":" not in text


def test_a_query_that_is_no_insert_cannot_be_repeated() -> None:
    with pytest.raises(AssertionError, match="get_request"):
        load_queries("sqlite")["get_request"].repeated(2)


def test_a_variant_of_another_database_is_left_out() -> None:
    text = "-- name: one (sqlite)\nSELECT 1;\n\n-- name: two\nSELECT 2;"
    assert [query.name for query in parsed(text, "sqlite")] == ["one", "two"]
    assert [query.name for query in parsed(text, "postgres")] == ["two"]


def test_both_databases_know_the_same_queries() -> None:
    assert set(load_queries("postgres")) - POSTGRES_ALONE == set(load_queries("sqlite"))


def test_both_databases_have_as_many_migrations() -> None:
    assert len(load_migrations("postgres")) == len(load_migrations("sqlite"))


def test_a_value_keeps_its_number_wherever_it_is_named_again() -> None:
    assert numbered("SELECT :b, :a, :b;") == "SELECT $1, $2, $1;"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'at :noon', 'it''s :late';",
        'SELECT ":name" FROM request;',
        "SELECT 1; -- as :said",
        "SELECT 1 /* as :said\n:twice */;",
        "SELECT '1'::text;",
    ],
)
def test_a_colon_that_begins_no_value_stays(text: str) -> None:
    assert numbered(text) == text


def test_values_come_in_the_order_of_their_numbers() -> None:
    (query,) = parsed("-- name: any\nSELECT :b, :a, :b;", "postgres")
    assert query.arguments({"a": 1, "b": 2, "more": 3}) == [2, 1]
