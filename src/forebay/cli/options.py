"""Options that several commands share, and the settings that they make."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from forebay.settings import Settings, load_settings

ADDRESS_FILE = "address"  # in the data directory: where its running server listens

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where everything is kept (~/.forebay).")
]
Config = Annotated[
    Path | None, typer.Option("--config", help="A settings file (./forebay.toml if there).")
]


def load(*, config: Path | None = None, data_dir: Path | None = None, **flags: object) -> Settings:
    """Return the settings of this command line."""
    if data_dir is not None:
        flags["data_dir"] = str(data_dir)
    return load_settings(flags, os.environ, config=config)
