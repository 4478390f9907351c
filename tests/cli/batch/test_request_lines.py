"""Rows become lines of a batch, each endpoint's body as its API has it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forebay.cli.batch.batch_input import LineOptions, Terms, read_input
from forebay.cli.batch.bodies import OptionMisplaced
from forebay.cli.batch.request_lines import IdWrong
from forebay.cli.batch.rows import InputWrong, rows_of

TERMS = Terms("24h", {})
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("id,text\na,one\nb,two\n")
    return path


def lines(path: Path, **options: Any) -> list[dict[str, Any]]:
    given = read_input(path, LineOptions(**options), TERMS)
    assert given.form is not None
    return [json.loads(given.form.line(row, model="m")) for row in rows_of(path)]


def body(path: Path, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = lines(path, prompt="Say {text}", **options)[0]["body"]
    return found


def test_a_row_is_a_chat_with_its_number_as_its_id(table: Path) -> None:
    first, second = lines(table, prompt="Say {text}")

    assert first == {
        "custom_id": "row-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": [{"role": "user", "content": "Say one"}]},
    }
    assert second["custom_id"] == "row-2"


def test_a_column_may_give_the_ids(table: Path) -> None:
    assert [line["custom_id"] for line in lines(table, prompt="{text}", id_column="id")] == [
        "a",
        "b",
    ]


def test_all_options_have_their_place_in_a_chat(table: Path, tmp_path: Path) -> None:
    schema = tmp_path / "my schema.json"
    schema.write_text(json.dumps(SCHEMA))

    assert body(table, system="Be {id}", max_tokens=5, temperature=0.0, schema=schema) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be a"},
            {"role": "user", "content": "Say one"},
        ],
        "max_completion_tokens": 5,
        "temperature": 0.0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "my_schema", "strict": True, "schema": SCHEMA},
        },
    }


def test_all_options_have_their_place_in_a_response(table: Path, tmp_path: Path) -> None:
    schema = tmp_path / "s.json"
    schema.write_text(json.dumps(SCHEMA))

    assert body(
        table, endpoint="/v1/responses", system="Be", max_tokens=20, temperature=1.0, schema=schema
    ) == {
        "model": "m",
        "instructions": "Be",
        "input": "Say one",
        "max_output_tokens": 20,
        "temperature": 1.0,
        "text": {"format": {"type": "json_schema", "name": "s", "strict": True, "schema": SCHEMA}},
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"endpoint": "/v1/embeddings"}, {"input": "Say one"}),
        ({"endpoint": "/v1/completions", "max_tokens": 3}, {"prompt": "Say one", "max_tokens": 3}),
        (
            {"endpoint": "/v1/messages", "max_tokens": 3, "system": "Be"},
            {
                "system": "Be",
                "messages": [{"role": "user", "content": "Say one"}],
                "max_tokens": 3,
            },
        ),
    ],
)
def test_the_prompt_has_its_place_at_other_endpoints(
    table: Path, options: dict[str, object], expected: dict[str, object]
) -> None:
    assert body(table, **options) == {"model": "m", **expected}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "say what to ask about each row"),
        ({"prompt": "x", "endpoint": "/v1/moderations"}, "--endpoint is one of"),
        ({"prompt": "x", "endpoint": "/v1/embeddings", "temperature": 1.0}, "no --temperature"),
        ({"prompt": "x", "endpoint": "/v1/completions", "system": "y"}, "takes no --system"),
        ({"prompt": "x", "endpoint": "/v1/messages"}, "needs --max-tokens"),
    ],
)
def test_an_option_that_would_mean_nothing_is_refused(
    table: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionMisplaced, match=said):
        read_input(table, LineOptions(**options), TERMS)


@pytest.mark.parametrize("option", ["prompt", "system", "model", "id_column"])
def test_ready_lines_are_not_changed_by_options(tmp_path: Path, option: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{}}\n')

    options = replace(LineOptions(), **{option: "x"})  # type: ignore[arg-type]

    with pytest.raises(OptionMisplaced, match="these are ready lines"):
        read_input(path, options, TERMS)
    assert read_input(path, LineOptions(), TERMS).endpoint == "/v1/embeddings"


@pytest.mark.parametrize(
    ("content", "said"), [("id,text\n", "in.csv has no rows"), (None, "there is no file")]
)
def test_an_input_with_nothing_to_run_is_refused(
    tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "in.csv"
    if content is not None:
        path.write_text(content)

    with pytest.raises(InputWrong, match=said):
        read_input(path, LineOptions(prompt="x"), TERMS)


@pytest.mark.parametrize(
    ("column", "said"),
    [("key", "row 1 has no column 'key'; it has id, text"), ("id", "row 2 has nothing in the id")],
)
def test_a_row_without_an_id_is_named(tmp_path: Path, column: str, said: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,text\na,one\n,two\n")

    with pytest.raises(IdWrong, match=said):
        lines(path, prompt="x", id_column=column)
