"""`forebay batch run | submit | watch | results | cancel | list | report`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import typer

from forebay.cli.batch import flags, looks
from forebay.cli.batch.batch_input import LineOptions, read_input
from forebay.cli.batch.calls import Calls, calls_to
from forebay.cli.batch.conclusion import Work, conclude
from forebay.cli.batch.display import Display
from forebay.cli.batch.endings import ExitStatus
from forebay.cli.batch.reaching import reached
from forebay.cli.batch.run import Run
from forebay.cli.batch.run import run as run_batch
from forebay.cli.batch.scratch import scratch_folder
from forebay.cli.batch.serving import served
from forebay.cli.batch.target import target_at
from forebay.cli.batch.wishes import ServerWish
from forebay.cli.options import Config, DataDir

app = typer.Typer(help="Run a file of requests, or a table and a prompt.", no_args_is_help=True)


@app.command()
def run(
    input_file: flags.Input,
    output: flags.Output,
    prompt: flags.Prompt = None,
    system: flags.System = None,
    model: flags.Model = None,
    max_tokens: flags.MaxTokens = None,
    temperature: flags.Temperature = None,
    schema: flags.SchemaFile = None,
    id_column: flags.IdColumn = None,
    endpoint: flags.Endpoint = None,
    window: flags.Window = flags.WINDOW,
    metadata: flags.Metadata = None,
    restart: flags.Restart = False,
    base_url: flags.BaseUrl = None,
    api_key: flags.ApiKey = None,
    engine: flags.Engine = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Run an input to its output; the same command again goes on with what was begun.

    Without a server, one is started for the command and ended with it.
    """
    options = LineOptions(
        endpoint=endpoint,
        prompt=prompt,
        system=system,
        model=model,
        max_tokens=max_tokens,
        temperature=temperature,
        schema=schema,
        id_column=id_column,
    )
    wish = _wish(base_url, api_key, data_dir, config, engine)

    async def work(display: Display) -> ExitStatus:
        terms = flags.terms_of(window, metadata)
        with target_at(output) as target:
            for read in (input_file, schema):
                if read is not None:
                    target.refuse_reading(read)
            given = read_input(input_file, options, terms)
            wanted = Run(given=given, target=target, terms=terms, wish=wish)
            return await run_batch(wanted, display, is_anew=restart)

    conclude(work)


@app.command()
def submit(
    input_file: flags.Input,
    prompt: flags.Prompt = None,
    system: flags.System = None,
    model: flags.Model = None,
    max_tokens: flags.MaxTokens = None,
    temperature: flags.Temperature = None,
    schema: flags.SchemaFile = None,
    id_column: flags.IdColumn = None,
    endpoint: flags.Endpoint = None,
    window: flags.Window = flags.WINDOW,
    metadata: flags.Metadata = None,
    base_url: flags.BaseUrl = None,
    api_key: flags.ApiKey = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Submit an input to a server that runs, and print the batch's id."""
    options = LineOptions(
        endpoint=endpoint,
        prompt=prompt,
        system=system,
        model=model,
        max_tokens=max_tokens,
        temperature=temperature,
        schema=schema,
        id_column=id_column,
    )
    wish = _wish(base_url, api_key, data_dir, config)

    async def work(display: Display) -> ExitStatus:
        terms = flags.terms_of(window, metadata)
        given = read_input(input_file, options, terms)
        async with (
            reached(wish, display.console, may_start=False) as server,
            calls_to(server) as calls,
        ):
            with scratch_folder() as folder:
                lines = folder / "lines.jsonl"
                return await looks.submit(calls, given, terms, display, scratch=lines)

    conclude(work)


@app.command()
def watch(
    batch_id: flags.BatchId,
    base_url: flags.BaseUrl = None,
    api_key: flags.ApiKey = None,
    engine: flags.Engine = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show a batch as it goes on, until it has ended."""
    wish = _wish(base_url, api_key, data_dir, config, engine)
    conclude(_with_calls(wish, lambda calls, display: looks.watch(calls, batch_id, display)))


@app.command()
def results(
    batch_id: flags.BatchId,
    output: flags.Lines,
    base_url: flags.BaseUrl = None,
    api_key: flags.ApiKey = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Fetch the result lines of a batch; what an interrupted fetch has brought is kept."""
    wish = _wish(base_url, api_key, data_dir, config)

    async def work(display: Display) -> ExitStatus:
        with target_at(output) as target:
            return await served(
                wish,
                display.console,
                lambda calls: looks.results(calls, batch_id, target, display),
            )

    conclude(work)


@app.command()
def cancel(
    batch_id: flags.BatchId,
    base_url: flags.BaseUrl = None,
    api_key: flags.ApiKey = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Cancel a batch; what is done stays in its results."""
    wish = _wish(base_url, api_key, data_dir, config)
    conclude(_with_calls(wish, lambda calls, display: looks.cancel(calls, batch_id, display)))


@app.command("list")
def list_batches(
    limit: flags.Limit = 20,
    base_url: flags.BaseUrl = None,
    api_key: flags.ApiKey = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """List batches, the newest first."""
    wish = _wish(base_url, api_key, data_dir, config)
    conclude(_with_calls(wish, lambda calls, _: looks.list_batches(calls, limit=limit)))


@app.command()
def report(
    batch_id: flags.BatchId,
    base_url: flags.BaseUrl = None,
    api_key: flags.ApiKey = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show what a batch came to: lines, tokens, cost, time."""
    wish = _wish(base_url, api_key, data_dir, config)
    conclude(_with_calls(wish, lambda calls, _: looks.report(calls, batch_id)))


def _wish(
    base_url: str | None,
    api_key: str | None,
    data_dir: Path | None,
    config: Path | None,
    engines: list[str] | None = None,
) -> ServerWish:
    return ServerWish(
        base_url=base_url,
        api_key=api_key,
        data_dir=data_dir,
        config=config,
        engines=engines,
        environ=os.environ,
    )


def _with_calls(wish: ServerWish, look: Callable[[Calls, Display], Awaitable[ExitStatus]]) -> Work:
    async def work(display: Display) -> ExitStatus:
        return await served(wish, display.console, lambda calls: look(calls, display))

    return work
