"""The command `forebay`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from forebay import __version__
from forebay.cli import keys, models
from forebay.cli.batch import commands as batch
from forebay.cli.options import Config, DataDir, load
from forebay.core.errors import ForebayError

app = typer.Typer(
    help="A self-hosted LLM inference service: realtime, background and batch.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")
app.add_typer(batch.app, name="batch")


@app.command()
def serve(
    engine: Annotated[
        list[str] | None,
        typer.Option(help="Base URL of an engine, such as http://host:8000/v1; repeatable."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on (8088); 0 takes a free one.")
    ] = None,
    data_dir: DataDir = None,
    model: Annotated[
        str | None, typer.Option(help="Embedded model: a name, or the path of a .gguf file.")
    ] = None,
    config: Config = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written with the base URL when requests are taken.")
    ] = None,
) -> None:
    """Start the service. Every setting is also a FOREBAY_* variable and a key of forebay.toml."""
    from forebay.cli.serve import serve as run

    settings = load(
        config=config, data_dir=data_dir, engines=engine, host=host, port=port, model=model
    )
    run(settings, ready_file=ready_file, console=Console())


@app.command()
def demo(
    models_dir: Annotated[
        Path | None, typer.Option(help="Where weights are kept (~/.forebay/models).")
    ] = None,
) -> None:
    """Start the service with a small model and show the three modes at work."""
    from forebay.cli.demo.run import demo as run

    run(load(models_dir=None if models_dir is None else str(models_dir)), Console())


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run the command line; a known error is one line, and status 1."""
    try:
        app()
    except ForebayError as error:
        Console(stderr=True).print(f"forebay: {error}", highlight=False, markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
