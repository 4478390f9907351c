"""The bare loops do all that is asked of a batch: each line is read, run and written once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from bench import bare_batch, bare_read
from bench.batch_input import PROMPT_LINE_BYTES, write_input
from bench.batch_output import output_failures
from bench.gate import Gate, serve_gated_upstream

LINES = 30


def source(folder: Path) -> Path:
    """Return a short input."""
    file = folder / "input.jsonl"
    write_input(file, lines=LINES, line_bytes=PROMPT_LINE_BYTES, model="some-model")
    return file


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_every_line_is_asked_for_once_and_its_answer_written(tmp_path: Path) -> None:
    gate, results = Gate(), tmp_path / "results.jsonl"
    async with serve_gated_upstream(gate) as url:
        lines, seconds, _ = await bare_batch.run(
            upstream=url, source=source(tmp_path), results=results, concurrency=4
        )
    assert lines == len(gate.asked_at) == LINES
    assert seconds > 0
    assert await output_failures(pieces(results.read_bytes()), lines=LINES) == []


def test_every_line_is_read(tmp_path: Path) -> None:
    lines, seconds = bare_read.read(source(tmp_path))
    assert lines == LINES
    assert seconds > 0
