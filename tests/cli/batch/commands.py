"""`forebay batch` as a person runs it: in this process, or as one that can be killed."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner, Result

from forebay.cli.main import app
from forebay.settings import PREFIX
from tests.server_process import FOREBAY, clean_environment

KEY = "sk-a-key-of-tests"

Words = tuple[str | Path, ...]


def batch(*words: str | Path, environ: Mapping[str, str] = {}) -> Result:
    """Run a command to its end."""
    ours = {
        name: None
        for name in os.environ
        if name.startswith((PREFIX, "OPENAI_")) or name == "FORCE_COLOR"
    }
    return CliRunner().invoke(
        app, ["batch", *map(str, words)], env={**ours, "COLUMNS": "200", **environ}
    )


def begun(*words: str | Path, environ: Mapping[str, str] = {}) -> subprocess.Popen[str]:
    """Begin a command; what it says comes by its standard error."""
    return subprocess.Popen(
        [FOREBAY, "batch", *map(str, words)],
        env=clean_environment({"COLUMNS": "200", **environ}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def heard(process: subprocess.Popen[str], text: str) -> str:
    """Return the line of a command that holds a text, once it was said."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if text in line:
            return line
    raise AssertionError(f"it never said {text!r}, but {''.join(said)}")


def killed(process: subprocess.Popen[str]) -> None:
    """Kill a command as a power cut would."""
    process.kill()
    process.communicate()


def answers(folder: Path) -> list[str]:
    """Return the answers in the output of a run there."""
    with (folder / "out.csv").open() as file:
        return [row["answer"] for row in csv.DictReader(file)]


def left(folder: Path) -> set[str]:
    """Return the files that are there beside input and output."""
    return {path.name for path in folder.iterdir()} - {"in.csv", "out.csv"}
