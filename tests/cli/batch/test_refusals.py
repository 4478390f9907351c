"""What a command refuses before it does harm, and how it ends when it cannot be done as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.batch.commands import KEY, Words, answers, batch, left
from tests.cli.batch.standard_server import StandardServer

LINE = '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"messages":[{}]}}\n'


def run_of(
    source: str | Path, output: str | Path, server: StandardServer
) -> tuple[str | Path, ...]:
    return ("run", source, "-o", output, "--base-url", server.url)


@pytest.mark.parametrize(
    "name",
    [
        *("out.jsonl", "out.errors.jsonl", "out.jsonl.forebay-batch.json"),
        *("out.jsonl.forebay-batch.lock", "out.jsonl.forebay-batch.file_9.part"),
    ],
)
@pytest.mark.parametrize("how", ["itself", "spelling", "symlink", "hard link"])
def test_an_input_that_a_run_would_write_is_refused_and_unharmed(
    server: StandardServer, tmp_path: Path, name: str, how: str
) -> None:
    written = tmp_path / name
    written.write_text(LINE)
    (tmp_path / "sub").mkdir()
    source: str | Path = written
    if how == "spelling":
        source = f"{tmp_path}/sub/../{name}"
    elif how == "symlink":
        source = tmp_path / "in.jsonl"
        source.symlink_to(written)
    elif how == "hard link":
        source = tmp_path / "in.jsonl"
        os.link(written, source)

    refused = batch(*run_of(source, tmp_path / "out.jsonl", server))

    assert refused.exit_code == 2
    assert f"it is {name}, which a run writes" in refused.stderr
    assert written.read_text() == LINE
    assert not server.calls


def test_an_output_under_another_spelling_of_the_input_is_refused(
    server: StandardServer, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    source = tmp_path / "in.jsonl"
    source.write_text(LINE)

    refused = batch(*run_of(source, f"{tmp_path}/sub/../in.jsonl", server))

    assert refused.exit_code == 2
    assert source.read_text() == LINE


def test_a_schema_that_a_run_would_write_is_refused(
    server: StandardServer, table: Path, words: Words
) -> None:
    schema = table.with_name("out.csv")
    schema.write_text('{"type": "object"}')

    assert batch(*words, "--schema", schema).exit_code == 2
    assert schema.read_text() == '{"type": "object"}'


def test_a_command_that_was_refused_does_not_stand_in_the_way_of_the_corrected_one(
    table: Path, words: Words
) -> None:
    refused = batch(*words, "--prompt", "a {animla}")
    done = batch(*words)

    assert refused.exit_code == 2
    assert done.exit_code == 0, done.stderr
    assert answers(table.parent) == ["to a otter", "to a heron", "to a wolf"]
    assert left(table.parent) == set()


def test_terms_that_the_server_refuses_do_not_stand_in_the_way_of_others(
    server: StandardServer, table: Path, words: Words
) -> None:
    server.refusing = {"POST /v1/batches": 400}
    refused = batch(*words, "--window", "soon")
    server.refusing = {}
    done = batch(*words)

    assert refused.exit_code == 2
    assert "the server answered 400 to /batches: Not so." in refused.stderr
    assert done.exit_code == 0, done.stderr


def test_a_file_that_was_sent_is_kept_for_the_right_key(
    server: StandardServer, table: Path, words: Words
) -> None:
    server.refusing = {"POST /v1/batches": 403}
    refused = batch(*words)
    server.refusing = {}
    done = batch(*words)

    assert (refused.exit_code, done.exit_code) == (2, 0)
    assert server.calls["POST /v1/files"] == 1


@pytest.mark.parametrize(
    ("status", "exit_code"), [(400, 2), (401, 2), (403, 2), (404, 2), (409, 2), (501, 3)]
)
def test_what_would_be_answered_the_same_again_is_a_refusal(
    server: StandardServer, status: int, exit_code: int
) -> None:
    server.refusing = {"GET /v1/batches/batch_N": status}

    assert batch("watch", "batch_1", "--base-url", server.url).exit_code == exit_code


@pytest.mark.parametrize("key", ["sk\nx", "sk\r\nHost: x", "schl\u00fcssel"])
@pytest.mark.parametrize("words", [("--api-key",), ()])
def test_a_key_that_no_header_can_have_is_refused_where_it_is_read(
    server: StandardServer, key: str, words: tuple[str, ...]
) -> None:
    given = (*words, key) if words else ()

    refused = batch("list", "--base-url", server.url, *given, environ={"FOREBAY_API_KEY": key})

    assert refused.exit_code == 2
    assert f"forebay: the key of {words[0] if words else 'FOREBAY_API_KEY'} has" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert key not in refused.stderr


def test_a_line_end_behind_a_key_is_not_part_of_it(server: StandardServer) -> None:
    done = batch("list", "--base-url", server.url, environ={"FOREBAY_API_KEY": f"{KEY}\n"})

    assert done.exit_code == 0
    assert server.keys == [f"Bearer {KEY}"]


def test_a_mark_of_the_encoding_before_ready_lines_is_not_in_their_way(
    server: StandardServer, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("\ufeff" + LINE)

    sent = batch("submit", source, "--base-url", server.url)

    assert sent.exit_code == 0, sent.stderr
    assert source.read_bytes() in server.files.values()
