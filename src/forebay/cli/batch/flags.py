"""The options of the batch commands, each in one place; `docs/batch-command.md` has them all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forebay.cli.batch.batch_input import Terms
from forebay.cli.batch.bodies import OptionMisplaced

Input = Annotated[
    Path, typer.Argument(help="Ready lines of a batch (.jsonl), or rows (.jsonl, .csv, .parquet).")
]
BatchId = Annotated[str, typer.Argument(help="The id of a batch.")]
Output = Annotated[
    str, typer.Option("--output", "-o", help="A .jsonl, .csv, .tsv or .parquet file; - is stdout.")
]
Lines = Annotated[str, typer.Option("--output", "-o", help="A .jsonl file; - is stdout.")]

# The server.
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", help="Any server with OpenAI's Batch API (FOREBAY_BASE_URL)."),
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", help="Its key; better given by FOREBAY_API_KEY.")
]
Engine = Annotated[
    list[str] | None,
    typer.Option("--engine", help="Base URL of an engine for a server of its own; repeatable."),
]

# The lines.
Prompt = Annotated[
    str | None,
    typer.Option("--prompt", help='What to ask about each row, such as "Summarise: {text}".'),
]
System = Annotated[
    str | None, typer.Option("--system", help="The system prompt; may have fields, too.")
]
Model = Annotated[str | None, typer.Option("--model", help="The model (the server's only one).")]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=1, help="The most tokens of an answer.")
]
Temperature = Annotated[float | None, typer.Option("--temperature", min=0.0, help="Of sampling.")]
SchemaFile = Annotated[
    Path | None, typer.Option("--schema", help="A JSON Schema that every answer must fit.")
]
IdColumn = Annotated[
    str | None, typer.Option("--id-column", help="The column with the rows' ids (row-1, ...).")
]
Endpoint = Annotated[
    str | None, typer.Option("--endpoint", help="Where lines go (/v1/chat/completions).")
]

# The batch.
Window = Annotated[str, typer.Option("--window", help="The completion window.")]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", help="A pair k=v to keep with it; repeatable.")
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Forget what was begun of this output; begin anew.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100, help="How many, newest first.")]

WINDOW = "24h"


def terms_of(window: str, metadata: list[str] | None) -> Terms:
    """Return what is asked of a batch as a whole; raises `OptionMisplaced`."""
    pairs: dict[str, str] = {}
    for pair in metadata or []:
        name, found, value = pair.partition("=")
        if not name or not found:
            raise OptionMisplaced(f"--metadata is k=v, and {pair!r} is not")
        pairs[name] = value
    return Terms(window, pairs)
