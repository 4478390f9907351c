"""A prompt's fields are filled in from a row, and a mistake in either is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cli.batch.template import TemplateWrong, UnknownField, read_template


def filled(template: str, **fields: object) -> str:
    return read_template(template, option="--prompt").filled(fields, row=7)


def test_fields_are_replaced_by_their_values() -> None:
    assert filled("{a} and {b c}", **{"a": "one", "b c": "two"}) == "one and two"


def test_doubled_braces_are_braces() -> None:
    assert filled('{{"name": "{a}"}}', a="one") == '{"name": "one"}'


def test_a_value_with_braces_is_left_as_it_is() -> None:
    assert filled("{a}", a="{b} }} {{") == "{b} }} {{"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (3, "3"),
        (0.5, "0.5"),
        (True, "true"),
        ([1, "é"], '[1,"é"]'),
        ({"k": 1}, '{"k":1}'),
    ],
)
def test_values_that_are_no_text_are_written_as_json_has_them(value: object, text: str) -> None:
    assert filled("<{a}>", a=value) == f"<{text}>"


def test_an_unknown_field_is_named_with_its_row_and_what_there_is() -> None:
    with pytest.raises(UnknownField) as caught:
        filled("{text}", title="secret", body="secret")

    assert str(caught.value) == "row 7 has no field 'text' for the prompt; it has title, body"


@pytest.mark.parametrize(
    ("template", "position"), [("a {b", 3), ("a} b", 2), ("{}", 1), ("{{}", 3)]
)
def test_a_brace_that_belongs_to_nothing_is_refused_with_its_place(
    template: str, position: int
) -> None:
    with pytest.raises(TemplateWrong, match=f"--prompt has .* at character {position} "):
        read_template(template, option="--prompt")


@given(st.text())
def test_any_text_can_be_written_with_doubled_braces(text: str) -> None:
    assert filled(text.replace("{", "{{").replace("}", "}}")) == text
