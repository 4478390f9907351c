"""A run on the data directory: with a server of its own, or the one that is there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.batch.commands import Words, answers, batch, begun, heard, killed
from tests.clients.scripted_engine import ScriptedEngine, scripted_engine
from tests.server_process import ServerProcess, has_ended, processes_naming

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]


@pytest.fixture
def engine() -> Iterator[ScriptedEngine]:
    with scripted_engine() as engine:
        yield engine


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def words(tmp_path: Path, data_dir: Path, engine: ScriptedEngine) -> Words:
    """A run of a table on a data directory that nobody holds, with one row that takes its time."""
    table = tmp_path / "in.csv"
    table.write_text("animal\notter\nwait\n")
    prompts = ("--prompt", "{animal}", "--data-dir", data_dir, "--engine", engine.url)
    return ("run", table, "-o", tmp_path / "out.csv", *prompts)


BOTH = ["You said: otter", "You said: wait"]


def test_a_run_starts_what_it_needs_and_ends_it(
    words: Words, tmp_path: Path, data_dir: Path, engine: ScriptedEngine
) -> None:
    engine.gate.set()

    done = batch(*words)

    assert done.exit_code == 0, done.stderr
    assert answers(tmp_path) == BOTH
    assert processes_naming(str(data_dir)) == []
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv", "data"}
    assert "none failed" in done.stderr


@pytest.mark.parametrize(("ending", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_that_is_ended_leaves_no_process_and_goes_on_with_the_same_batch(
    words: Words,
    tmp_path: Path,
    data_dir: Path,
    engine: ScriptedEngine,
    ending: signal.Signals,
    status: int,
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = begun(*words, environ={"TMPDIR": str(temporary)})
    batch_id = heard(process, "batch_").split("batch_")[1].split()[0]
    heard(process, "1/2")
    servers = processes_naming(str(data_dir))

    process.send_signal(ending)
    _, said = process.communicate()

    assert process.returncode == status
    assert all(has_ended(pid, within_s=30) for pid in servers)
    assert list(temporary.iterdir()) == []
    if ending is not signal.SIGKILL:
        assert f"Interrupted; batch_{batch_id} is kept in {data_dir}" in said
    engine.gate.set()
    done = batch(*words)
    assert done.exit_code == 0, done.stderr
    assert f"Going on with batch_{batch_id}" in done.stderr
    assert answers(tmp_path) == BOTH


def test_the_server_that_holds_the_directory_is_used_and_goes_on(
    words: Words, tmp_path: Path, engine: ScriptedEngine
) -> None:
    engine.gate.set()
    server = ServerProcess(tmp_path, "--engine", engine.url, environ={})
    server.start()
    try:
        refused = batch(*words)
        done = batch(*words[:-2])
        listed = batch("list", "--data-dir", server.data_dir)
        batch_id = listed.stdout.splitlines()[1].split()[0]
        report = batch("report", batch_id, "--data-dir", server.data_dir)
    finally:
        server.terminate()
        assert server.wait() == 0

    assert refused.exit_code == 2
    assert "leave out --engine" in refused.stderr
    assert done.exit_code == 0, done.stderr
    assert answers(tmp_path) == BOTH
    assert "lines accepted" in report.stdout


def test_a_batch_that_was_kept_can_be_looked_at_and_cancelled_afterwards(
    words: Words, tmp_path: Path, data_dir: Path, engine: ScriptedEngine
) -> None:
    # Without an engine, the server would fetch a model.
    config = tmp_path / "forebay.toml"
    config.write_text(f'engines = ["{engine.url}"]\n')
    process = begun(*words)
    batch_id = "batch_" + heard(process, "batch_").split("batch_")[1].split()[0]
    killed(process)

    done = batch("cancel", batch_id, "--data-dir", data_dir, "--config", config)

    assert done.exit_code == 0, done.stderr
    assert f"{batch_id} is cancel" in done.stderr
    # It may have been heard by the server of the killed command, which is about to end.
    assert all(has_ended(pid, within_s=30) for pid in processes_naming(str(data_dir)))


def test_nothing_is_submitted_where_no_server_would_run_it(words: Words, data_dir: Path) -> None:
    table = words[1]

    refused = batch("submit", table, "--prompt", "{animal}", "--data-dir", data_dir)

    assert refused.exit_code == 2
    assert "start one with `forebay serve`" in refused.stderr


def test_a_server_that_cannot_start_says_why(words: Words, data_dir: Path) -> None:
    refused = batch(*words[:-1], "no-url")

    assert refused.exit_code == 2
    assert "its last words" in refused.stderr
    assert "no-url" in refused.stderr
    assert processes_naming(str(data_dir)) == []


def test_a_model_that_is_not_there_is_told_by_the_rows(words: Words) -> None:
    refused = batch(*words, "--model", "absent")

    assert refused.exit_code == 2
    assert "failed validation, nothing ran" in refused.stderr
    assert "row 1: " in refused.stderr
