"""Batch: a file of requests in, a file of answers out."""

from __future__ import annotations

import json
import time
from typing import Final

import openai
from openai.types import Batch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from forebay.cli.demo.background import DemoBroke
from forebay.cli.demo.bill import Entry, cost_nanos, extension
from forebay.cli.demo.realtime import SYSTEM, TEMPERATURE
from forebay.core.money import Usage

WINDOW: Final = "24h"
ENDPOINT: Final = "/v1/chat/completions"
MAX_TOKENS = 24
POLL_S = 0.1
LONGEST_S = 120.0
SHOWN = ("otter", "heron", "salmon")
ANIMALS = (
    *("ant", "bear", "beaver", "bee", "cat", "cow", "deer", "dog", "duck", "eagle", "fox"),
    *("frog", "goose", "heron", "horse", "lynx", "mole", "otter", "owl", "rabbit", "salmon"),
    *("swan", "toad", "wolf"),
)


def run_batch(client: openai.OpenAI, model: str, console: Console) -> Entry:
    """Upload requests, run them as a batch, and show some of its answers."""
    console.print(
        f'\nopenai: [bold]client.batches.create(completion_window="{WINDOW}")[/bold], '
        f"a file of {len(ANIMALS)} requests",
        highlight=False,
    )
    began = time.monotonic()
    lines = b"".join(_line(model, animal) for animal in ANIMALS)
    file = client.files.create(file=("animals.jsonl", lines), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint=ENDPOINT, completion_window=WINDOW
    )
    batch = _followed(client, batch, console)
    wall_s = time.monotonic() - began
    assert batch.output_file_id is not None and batch.usage is not None
    output = client.files.content(batch.output_file_id).content
    answers = dict(_answer(line) for line in output.splitlines())
    _show(console, answers)
    return Entry(
        mode=f"batch of {len(answers)} chats",
        window=WINDOW,
        wall_s=wall_s,
        usage=Usage(
            input_tokens=batch.usage.input_tokens,
            cached_tokens=batch.usage.input_tokens_details.cached_tokens,
            output_tokens=batch.usage.output_tokens,
        ),
        cost_nanos=cost_nanos(extension(batch)),
    )


def _line(model: str, animal: str) -> bytes:
    line = {
        "custom_id": animal,
        "method": "POST",
        "url": ENDPOINT,
        "body": {
            "model": model,
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": f"What does a wild {animal} eat?"},
            ],
            "max_tokens": MAX_TOKENS,
            "temperature": TEMPERATURE,
        },
    }
    return json.dumps(line).encode() + b"\n"


def _followed(client: openai.OpenAI, batch: Batch, console: Console) -> Batch:
    """Show the batch's progress until it has ended; raises unless every line was answered."""
    deadline = time.monotonic() + LONGEST_S
    with Progress(
        TextColumn("[green]→[/green] {task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task(batch.status, total=len(ANIMALS))
        while batch.status in ("validating", "in_progress", "finalizing"):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
            batch = client.batches.retrieve(batch.id)
            done = batch.request_counts.completed if batch.request_counts else 0
            progress.update(task, completed=done, description=batch.status)
    if batch.status != "completed" or done != len(ANIMALS):
        raise DemoBroke(f"{batch.id} is {batch.status} with {done} of {len(ANIMALS)} answers")
    return batch


def _answer(line: bytes) -> tuple[str, str]:
    """Return a line's custom id and text; lines come in the order of their ends."""
    result = json.loads(line)
    return result["custom_id"], result["response"]["body"]["choices"][0]["message"]["content"]


def _show(console: Console, answers: dict[str, str]) -> None:
    for animal in SHOWN:
        text = " ".join(answers[animal].split())
        console.print(
            f"  [bold]{animal:<7}[/bold] [cyan]{text}[/cyan]",
            highlight=False,
            overflow="ellipsis",
            no_wrap=True,
        )
