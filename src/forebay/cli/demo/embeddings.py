"""Embeddings: texts as vectors, near to one another where their meanings are."""

from __future__ import annotations

import time

import openai
from rich.console import Console

from forebay.cli.demo.background import DemoBroke
from forebay.cli.demo.bill import NANOS_PER_SHOWN, cost_nanos, extension
from forebay.engines.known_models import DEFAULT_EMBEDDING_MODEL

QUESTION = "How do I keep my houseplants alive?"
SENTENCES = (
    "The budget was voted on last night.",
    "Give them light, and water once a week.",
    "No animal runs faster than a cheetah.",
)
POLL_S = 0.1
LONGEST_S = 30.0


def show_nearest(client: openai.OpenAI, console: Console) -> None:
    """Show how near each of some sentences is to a question, the nearest one first."""
    _wait_until_served(client)
    console.print("\nopenai: [bold]client.embeddings.create(input=[…])[/bold]", highlight=False)
    began = time.monotonic()
    answer = client.embeddings.create(model=DEFAULT_EMBEDDING_MODEL, input=[QUESTION, *SENTENCES])
    wall_s = time.monotonic() - began
    question, *sentences = (entry.embedding for entry in answer.data)
    # The vectors are of length one, so the product is the cosine.
    nearness = [sum(a * b for a, b in zip(question, vector, strict=True)) for vector in sentences]
    console.print(f"  what is nearest to [cyan]{QUESTION}[/cyan]", highlight=False)
    for cosine, sentence in sorted(zip(nearness, SENTENCES, strict=True), reverse=True):
        console.print(f"  [bold]{cosine:5.2f}[/bold]  [cyan]{sentence}[/cyan]", highlight=False)
    cost = cost_nanos(extension(answer)) / NANOS_PER_SHOWN
    console.print(
        f"[green]→[/green] {len(answer.data)} vectors of {len(question)} numbers in "
        f"{wall_s:.2f} s: {answer.usage.total_tokens} tokens, at {cost:.2f} millionths in all",
        highlight=False,
    )


def _wait_until_served(client: openai.OpenAI) -> None:
    """Return once the model is there: the service does not wait for it to be ready itself."""
    deadline = time.monotonic() + LONGEST_S
    while all(model.id != DEFAULT_EMBEDDING_MODEL for model in client.models.list()):
        if time.monotonic() > deadline:
            raise DemoBroke(f"{DEFAULT_EMBEDDING_MODEL} is not served")
        time.sleep(POLL_S)
