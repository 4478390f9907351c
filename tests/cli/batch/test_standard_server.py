"""A run against a server that has OpenAI's endpoints and nothing more, whatever ends it between."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path

import pytest

from tests.cli.batch.commands import KEY, Words, answers, batch, begun, killed, left
from tests.cli.batch.standard_server import TOO_MANY, StandardServer

ALL = ["to a otter", "to a heron", "to a wolf"]

pytestmark = pytest.mark.timeout(60)


def test_a_table_is_run_by_the_standard_endpoints_alone(
    server: StandardServer, table: Path, words: Words
) -> None:
    done = batch(*words)

    assert done.exit_code == 0, done.stderr
    assert answers(table.parent) == ALL
    assert left(table.parent) == set()
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert server.calls["POST /v1/batches"] == 1
    assert "3 lines, none failed" in done.stderr


def test_the_address_and_the_key_may_come_from_the_environment(
    server: StandardServer, table: Path
) -> None:
    done = batch(
        *("run", table, "-o", table.with_name("out.csv"), "--prompt", "a {animal}"),
        environ={"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": KEY, "FOREBAY_API_KEY": "x"},
    )

    assert done.exit_code == 0, done.stderr
    assert set(server.keys) == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    "call",
    [
        *("GET /v1/models", "POST /v1/files", "POST /v1/batches"),
        *("GET /v1/batches/batch_N", "GET /v1/files/file_N/content"),
    ],
)
def test_a_run_that_is_killed_goes_on_and_submits_nothing_twice(
    server: StandardServer, table: Path, words: Words, call: str
) -> None:
    server.hold(call)
    process = begun(*words)
    server.reached()
    killed(process)
    server.let_go()

    done = batch(*words)

    assert done.exit_code == 0, done.stderr
    assert answers(table.parent) == ALL
    assert left(table.parent) == set()
    assert server.calls["POST /v1/batches"] == 1


def test_results_that_were_fetched_before_a_kill_are_not_fetched_again(
    server: StandardServer, table: Path, words: Words
) -> None:
    server.cut_at = 50  # then the next call asks for the rest, and is held
    server.hold("GET /v1/files/file_N/content", number=2)
    process = begun(*words)
    server.reached()
    killed(process)
    server.let_go()

    done = batch(*words)

    assert done.exit_code == 0, done.stderr
    assert answers(table.parent) == ALL
    assert server.ranges[-1] == "bytes=50-"
    assert server.ranges.count("") == 1


def test_a_server_without_ranges_is_asked_for_all_and_the_rest_is_kept(
    server: StandardServer, table: Path, words: Words
) -> None:
    server.takes_ranges = False
    server.cut_at = 50

    done = batch(*words)

    assert done.exit_code == 0, done.stderr
    assert answers(table.parent) == ALL


@pytest.mark.parametrize(("ending", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_that_the_batch_goes_on_and_how_to_come_back(
    server: StandardServer,
    table: Path,
    words: Words,
    ending: signal.Signals,
    status: int,
) -> None:
    server.hold("GET /v1/batches/batch_N")
    process = begun(*words)
    server.reached()

    process.send_signal(ending)
    _, said = process.communicate()

    (batch_id,) = server.batches
    assert process.returncode == status
    assert f"Interrupted; {batch_id} goes on at {server.url}." in said
    assert "run the same command again" in said
    assert f"forebay batch cancel {batch_id}" in said
    assert left(table.parent) == {"out.csv.forebay-batch.json"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--temperature", "0"), "begun with another --temperature"),
        (("--prompt", "the {animal}"), "begun with another --prompt"),
        ((), "the input has changed"),
    ],
)
def test_another_run_for_the_same_output_is_refused_until_it_is_told_to_restart(
    server: StandardServer,
    table: Path,
    words: Words,
    changed: tuple[str, ...],
    said: str,
) -> None:
    server.refusing = {"GET /v1/batches/batch_N": 400}
    batch(*words)
    server.refusing = {}
    if not changed:
        table.write_text("animal\nlynx\n")

    refused = batch(*words, *changed)
    done = batch(*words, *changed, "--restart")

    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "--restart" in refused.stderr
    assert done.exit_code == 0, done.stderr
    assert server.calls["POST /v1/batches"] == 2
    assert server.calls["POST /v1/batches/batch_N/cancel"] == 1
    assert left(table.parent) == set()


def test_rows_that_failed_are_named_and_the_status_tells(
    server: StandardServer, table: Path
) -> None:
    table.write_text("animal\notter\nfail\n")
    output = table.with_name("out.csv")

    done = batch("run", table, "-o", output, "--prompt", "{animal}", "--base-url", server.url)

    assert done.exit_code == 1
    assert "2 lines, 1 failed (row 2): see the columns status and error" in done.stderr
    with output.open() as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["completed", "failed"]


def test_a_batch_that_fails_validation_names_the_rows_and_leaves_nothing(
    server: StandardServer, table: Path, words: Words
) -> None:
    done = batch(*words, "--model", "absent")

    assert done.exit_code == 2
    assert "row 1: No such model." in done.stderr
    assert not table.with_name("out.csv").exists()
    assert left(table.parent) == set()


def test_nothing_is_sent_when_a_row_lacks_a_field(
    server: StandardServer, table: Path, words: Words
) -> None:
    done = batch(*words, "--prompt", "{colour}")

    assert done.exit_code == 2
    assert "row 1 has no field 'colour' for the prompt; it has animal" in done.stderr
    assert server.calls["POST /v1/files"] == 0


def test_a_server_that_asks_for_patience_is_asked_again(
    server: StandardServer, table: Path, words: Words
) -> None:
    server.passing = list(TOO_MANY)

    assert batch(*words).exit_code == 0
    assert server.calls["GET /v1/models"] == 3


def test_an_input_that_is_too_large_for_a_form_is_uploaded_in_parts(
    server: StandardServer, table: Path, words: Words
) -> None:
    server.max_form_bytes = 100

    done = batch(*words)

    assert done.exit_code == 0, done.stderr
    assert answers(table.parent) == ALL
    assert server.calls["POST /v1/uploads/upload_N/complete"] == 1


def test_ready_lines_go_to_the_server_as_they_are_and_come_out_on_standard_output(
    server: StandardServer, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "odd": 1e400}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    path.write_text(json.dumps(line).replace("Infinity", "1E+3") + "\n")

    done = batch("run", path, "-o", "-", "--base-url", server.url)

    assert done.exit_code == 0, done.stderr
    assert path.read_bytes() in server.files.values()
    assert [json.loads(found)["custom_id"] for found in done.stdout.splitlines()] == ["a"]


def test_a_batch_is_submitted_watched_fetched_listed_and_reported(
    server: StandardServer, table: Path
) -> None:
    named = ("--base-url", server.url)
    submitted = batch("submit", table, "--prompt", "a {animal}", "--metadata", "k=v", *named)
    batch_id = submitted.stdout.strip()
    output = table.with_name("lines.jsonl")

    assert server.batches[batch_id]["metadata"] == {"k": "v"}
    assert batch("watch", batch_id, *named).exit_code == 0
    assert batch("results", batch_id, "-o", output, *named).exit_code == 0
    ids = [json.loads(line)["custom_id"] for line in output.read_text().splitlines()]
    assert sorted(ids) == ["row-1", "row-2", "row-3"]
    assert batch_id in batch("list", *named).stdout
    assert "lines completed" in batch("report", batch_id, *named).stdout


def test_a_batch_is_cancelled(server: StandardServer, table: Path) -> None:
    named = ("--base-url", server.url)
    batch_id = batch("submit", table, "--prompt", "x", *named).stdout.strip()

    done = batch("cancel", batch_id, *named)

    assert done.exit_code == 0
    assert server.batches[batch_id]["status"] == "cancelling"


def test_an_error_of_the_server_is_one_line_without_the_key(server: StandardServer) -> None:
    server.passing = [(401, {})]

    done = batch("watch", "batch_1", "--base-url", server.url, "--api-key", KEY)

    assert done.exit_code == 2
    assert done.stderr.startswith("forebay: the server answered 401 to /batches/batch_1: ")
    assert done.stderr.count("\n") == 1
    assert KEY not in done.stderr
