"""A batch's input is the same at each time, exactly as large as asked for, and valid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.batch_input import LONG_LINE_BYTES, PROMPT_LINE_BYTES, number_of, write_input

LINES = 60


def written(
    folder: Path, name: str = "input.jsonl", *, line_bytes: int = PROMPT_LINE_BYTES
) -> Path:
    """Return a short input."""
    file = folder / name
    write_input(file, lines=LINES, line_bytes=line_bytes, model="some-model")
    return file


def test_the_same_input_is_written_each_time(tmp_path: Path) -> None:
    assert written(tmp_path, "one").read_bytes() == written(tmp_path, "two").read_bytes()


@pytest.mark.parametrize("line_bytes", [PROMPT_LINE_BYTES, LONG_LINE_BYTES])
def test_every_line_is_as_long_as_asked_for(tmp_path: Path, line_bytes: int) -> None:
    lines = written(tmp_path, line_bytes=line_bytes).read_bytes().splitlines(keepends=True)
    assert [len(line) for line in lines] == [line_bytes] * LINES


def test_every_line_is_a_call_with_an_id_of_its_own(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path).read_bytes().splitlines()]
    assert [number_of(line["custom_id"]) for line in lines] == list(range(LINES))
    assert all(line["body"]["model"] == "some-model" for line in lines)
    assert all(line["url"] == "/v1/chat/completions" for line in lines)


def test_lines_share_instructions_and_no_prompt(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path).read_bytes().splitlines()]
    texts = [[message["content"] for message in line["body"]["messages"]] for line in lines]
    assert len({instructions for instructions, _ in texts}) == 20
    assert len({prompt for _, prompt in texts}) == LINES


def test_a_prompt_has_about_two_thousand_bytes(tmp_path: Path) -> None:
    line = json.loads(written(tmp_path).read_bytes().splitlines()[0])
    text = "".join(message["content"] for message in line["body"]["messages"])
    assert 1900 <= len(text.encode()) <= 2100


@pytest.mark.parametrize("custom_id", ["", "line-", "line-1", "line-0000000x", "lime-00000001"])
def test_an_id_that_no_line_has_is_no_number(custom_id: str) -> None:
    assert number_of(custom_id) is None
