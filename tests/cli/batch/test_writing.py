"""Answers are joined to the rows of the input, in its order, in each format of an output."""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from forebay.cli.batch.answer_index import ResultsBroken
from forebay.cli.batch.answers import Answer, AnswerStatus
from forebay.cli.batch.batch_input import LineOptions, Terms, read_input
from forebay.cli.batch.display import Display
from forebay.cli.batch.harvest import Harvested
from forebay.cli.batch.parquet import ParquetSink
from forebay.cli.batch.rows import Chunk, InputWrong, Row
from forebay.cli.batch.target import target_at
from forebay.cli.batch.writing import Written, write_output

DISPLAY = Display(Console(file=io.StringIO()))


EMBEDDINGS = "/v1/embeddings"


def result(custom_id: str, text: object) -> bytes:
    body = {
        "choices": [{"message": {"content": text}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    response = {"status_code": 200, "request_id": "r", "body": body}
    line = {"id": "l", "custom_id": custom_id, "response": response, "error": None}
    return json.dumps(line).encode() + b"\n"


def vector(custom_id: str, numbers: list[float]) -> bytes:
    body = {"data": [{"embedding": numbers}], "usage": {"prompt_tokens": 3}}
    line = {"custom_id": custom_id, "response": {"status_code": 200, "body": body}}
    return json.dumps(line).encode() + b"\n"


def failure(custom_id: str) -> bytes:
    error = {"code": "batch_expired", "message": "Too late."}
    return json.dumps({"custom_id": custom_id, "response": None, "error": error}).encode() + b"\n"


def cells(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = cells(path)
    return [dict(zip(header, line, strict=True)) for line in lines]


async def write(
    source: Path,
    name: str,
    output: list[bytes],
    errors: list[bytes] | None = None,
    **options: Any,
) -> Written:
    """Write the output `name` beside the input."""
    parts: list[Path | None] = []
    for number, lines in enumerate((output, errors)):
        part = source.with_name(f"{number}.part")
        if lines is not None:
            part.write_bytes(b"".join(lines))
        parts.append(None if lines is None else part)
    options = {"prompt": "x", **options} if options.pop("is_made", True) else options
    found = read_input(source, LineOptions(**options), Terms("24h", {}))
    with target_at(str(source.with_name(name))) as target:
        return await write_output(found, Harvested(parts[0], parts[1]), target, DISPLAY)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("id,text\na,one\nb,two\nc,three\n")
    return path


async def test_a_table_has_the_rows_in_their_order_and_our_columns_behind(table: Path) -> None:
    written = await write(
        table, "out.csv", [result("row-3", "3, or"), result("row-1", "1\n")], [failure("row-2")]
    )

    assert cells(table.parent / "out.csv") == [
        ["id", "text", "answer", "status", "error", "input_tokens", "output_tokens"],
        ["a", "one", "1\n", "completed", "", "3", "2"],
        ["b", "two", "", "expired", "batch_expired: Too late.", "", ""],
        ["c", "three", "3, or", "completed", "", "3", "2"],
    ]
    assert (written.failed, written.first_failed) == (1, (2,))


async def test_nothing_but_the_output_is_left(table: Path) -> None:
    await write(table, "out.csv", [result("row-1", "1")], [failure("row-2")])

    assert {path.name for path in table.parent.iterdir()} == {"in.csv", "out.csv"}


async def test_a_row_that_is_in_no_result_is_missing(table: Path) -> None:
    written = await write(table, "out.jsonl", [result("row-1", "1")])
    lines = [json.loads(line) for line in (table.parent / "out.jsonl").read_text().splitlines()]

    assert [line["status"] for line in lines] == ["completed", "missing", "missing"]
    assert written.failed == 2


async def test_objects_keep_their_fields_and_an_answer_to_a_schema_is_parsed(
    tmp_path: Path,
) -> None:
    source, schema = tmp_path / "in.jsonl", tmp_path / "schema.json"
    source.write_text('{"n": 1}\n{"n": [2], "more": null}\n')
    schema.write_text('{"type": "object"}')

    await write(
        source,
        "out.jsonl",
        [result("row-2", '{"cut'), result("row-1", '{"x": 1}')],
        schema=schema,
    )
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())

    ours = {"status": "completed", "error": None, "input_tokens": 3, "output_tokens": 2}
    assert first == {"n": 1, "answer": {"x": 1}, **ours}
    assert second == {"n": [2], "more": None, "answer": '{"cut', **ours}


async def test_the_output_of_a_run_can_be_the_input_of_the_next(table: Path) -> None:
    await write(table, "out.csv", [result("row-1", "first")])
    await write(table.parent / "out.csv", "next.csv", [result("row-1", "second")])
    row = rows(table.parent / "next.csv")[0]

    assert (row["answer"], row["answer_2"], row["status_2"]) == ("first", "second", "completed")


async def test_parquet_keeps_the_types_of_parquet(tmp_path: Path) -> None:
    source = tmp_path / "in.parquet"
    times = pyarrow.array([1_760_000_000_000_000_001], pyarrow.timestamp("ns"))
    schema = {"at": times, "day": [datetime.date(2026, 1, 2)], "tags": [["a", "b"]]}
    pyarrow.parquet.write_table(pyarrow.table(schema), source)

    await write(source, "out.parquet", [result("row-1", "Yes.")])
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")

    assert found.select(["at", "day", "tags"]).equals(pyarrow.table(schema))
    assert found.column("answer").to_pylist() == ["Yes."]


async def test_embeddings_are_lists_in_parquet_and_json_in_csv(table: Path) -> None:
    lines = [vector("row-2", [0.5, 1.0])]

    await write(table, "out.parquet", lines, endpoint=EMBEDDINGS)
    await write(table, "out.csv", lines, endpoint=EMBEDDINGS)

    found = pyarrow.parquet.read_table(table.parent / "out.parquet")
    assert found.column("answer").to_pylist() == [None, [0.5, 1.0], None]
    assert [row["answer"] for row in rows(table.parent / "out.csv")] == ["", "[0.5,1.0]", ""]


async def test_objects_become_columns_of_the_kind_that_all_their_values_have(
    tmp_path: Path,
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"i": 1, "f": 1, "m": 1}\n{"i": 2, "f": 0.5, "m": "x", "late": true}\n')

    await write(source, "out.parquet", [])
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet").select(["i", "f", "m", "late"])

    assert found.to_pylist() == [
        {"i": 1, "f": 1.0, "m": "1", "late": None},
        {"i": 2, "f": 0.5, "m": "x", "late": True},
    ]


def test_large_tables_are_written_in_groups(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    answer = Answer(status=AnswerStatus.COMPLETED, value="x" * 100)
    sink = ParquetSink(path, [], has_vectors=False, group_bytes=150)

    for number in range(1, 6):
        sink.write(Chunk([Row(number, {})]), [answer])
    sink.close()

    assert pyarrow.parquet.ParquetFile(path).num_row_groups == 3


def ready(folder: Path) -> Path:
    path = folder / "in.jsonl"
    line = '{"custom_id":"%s","method":"POST","url":"/v1/chat/completions","body":{}}\n'
    path.write_text(line % "b" + line % "a")
    return path


async def test_lines_of_ready_requests_are_passed_on_byte_by_byte(tmp_path: Path) -> None:
    output, errors = [result("a", "1")], [failure("b")]

    written = await write(ready(tmp_path), "out.jsonl", output, errors, is_made=False)

    assert (tmp_path / "out.jsonl").read_bytes() == b"".join(output)
    assert (tmp_path / "out.errors.jsonl").read_bytes() == b"".join(errors)
    assert written == Written(failed=1, where="see out.errors.jsonl")


async def test_there_is_no_file_of_errors_when_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "out.errors.jsonl").write_text("of an earlier run\n")

    await write(ready(tmp_path), "out.jsonl", [result("a", "1")], [], is_made=False)

    assert not (tmp_path / "out.errors.jsonl").exists()


async def test_ready_lines_may_become_a_table_of_their_ids(tmp_path: Path) -> None:
    await write(ready(tmp_path), "out.csv", [result("a", "1")], is_made=False)
    answers = [(row["custom_id"], row["answer"]) for row in rows(tmp_path / "out.csv")]

    assert answers == [("b", ""), ("a", "1")]


async def test_an_input_that_was_changed_meanwhile_is_not_joined(table: Path) -> None:
    part = table.with_name("0.part")
    part.write_bytes(result("row-1", "1"))
    found = read_input(table, LineOptions(prompt="x"), Terms("24h", {}))
    os.utime(table, (0, 0))

    with target_at(str(table.with_name("out.csv"))) as target:
        with pytest.raises(InputWrong, match="was changed"):
            await write_output(found, Harvested(part, None), target, DISPLAY)
        assert part.exists()
        assert not target.path.exists()


async def test_a_result_that_a_server_cannot_name_any_more_is_missing(table: Path) -> None:
    unnamed = b'{"custom_id":null,"response":null,"error":{"code":"batch_cancelled"}}\n'
    await write(table, "out.csv", [result("row-1", "1"), unnamed])
    answers = [row["answer"] for row in rows(table.with_name("out.csv"))]
    assert (answers[0], set(answers[1:])) == ("1", {""})


async def test_results_that_are_none_are_named_with_their_line(table: Path) -> None:
    with pytest.raises(ResultsBroken, match=r"line 2 of .*0\.part is no result"):
        await write(table, "out.csv", [result("row-1", "1"), b"{torn\n"])


@given(order=st.permutations(range(1, 8)), failed=st.sets(st.integers(1, 7)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
async def test_any_order_of_results_gives_the_same_table(
    tmp_path: Path, order: list[int], failed: set[int]
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("n\n" + "".join(f"{n}\n" for n in range(1, 8)))
    good = [result(f"row-{n}", f"answer {n}") for n in order if n not in failed]
    bad = [failure(f"row-{n}") for n in order if n in failed]

    written = await write(source, "out.jsonl", good, bad)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]

    expected = [None if n in failed else f"answer {n}" for n in range(1, 8)]
    assert [line["answer"] for line in lines] == expected
    assert written.failed == len(failed)
