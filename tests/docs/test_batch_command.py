"""The page about `forebay batch` has every option of every command, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from forebay.cli.batch.commands import app
from forebay.cli.batch.endings import ExitStatus

PAGE = (Path(__file__).parents[2] / "docs" / "batch-command.md").read_text("utf-8")
COMMANDS = typer.main.get_group(app).commands


def test_every_command_is_there() -> None:
    named = re.findall(r"^\| `forebay batch (\w+)", PAGE, re.MULTILINE)

    assert sorted(named) == sorted(COMMANDS)


def test_every_option_is_there_with_the_commands_that_have_it() -> None:
    documented = {
        option: set(COMMANDS) if words == "all" else set(words.split(", "))
        for options, words in re.findall(r"^\| (`-.+?) \| ([\w, ]+) \|", PAGE, re.MULTILINE)
        for option in re.findall(r"`(-[-\w]+)`", options)
    }
    there: dict[str, set[str]] = {}
    for name, command in COMMANDS.items():
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                there.setdefault(option, set()).add(name)
    there.pop("--help", None)

    assert documented == there


def test_every_exit_status_is_there() -> None:
    (paragraph,) = re.findall(r"^Exit status: (.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)

    told = {int(number) for number in re.findall(r"(?:^|; ?\n?)(\d+) ", paragraph)}

    assert told == set(ExitStatus)
