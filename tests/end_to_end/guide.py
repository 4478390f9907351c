"""A guide's code, run as it stands but for the address, the key and what is named as replaced.

All Python of one guide runs in one namespace, from top to bottom, and its commands in a shell. A
block of the language `text` says what the code before it prints. Errors name the line of the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
Names = dict[str, Any]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8088"
KEY = "fb-..."
COMMAND_S = 60.0


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: its language, its text, and the line of the page that it begins at."""

    language: str
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = (DOCS / page).read_text("utf-8")
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start(2)))
        for found in BLOCK.finditer(text)
    ]


@dataclass(frozen=True, slots=True)
class Shell:
    """Where commands run: a folder, and what the environment is there."""

    folder: Path
    environ: Mapping[str, str]

    def printed(self, commands: str, where: str) -> str:
        """Run commands, of which none may fail, and return what they print."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
        ran = subprocess.run(
            ["/bin/sh", "-e", "-c", commands],
            cwd=self.folder,
            env={**self.environ, "PATH": programs},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert ran.returncode == 0, f"{where}: {ran.stderr}"
        return ran.stdout


def run_guide(page: str, replaced: Mapping[str, str], shell: Shell | None = None) -> Names:
    """Run all code of a page and compare what it prints; returns the names that Python has given.

    What stands on the left of `replaced` must occur, so that it cannot outlive the page.
    """
    names: Names = {}
    for shown in replaced:
        assert any(shown in block.text for block in blocks(page)), f"{page} has no {shown!r}"
    printed = ""
    for block in blocks(page):
        text = block.text
        for shown, here in replaced.items():
            text = text.replace(shown, here)
        where = f"{page}:{block.line}"
        if block.language == "python":
            assert not printed, f"{where}: the page does not say that {printed!r} is printed before"
            printed = _printed("\n" * block.line + text, page, names)
        elif block.language == "sh":
            assert shell is not None, f"{where}: no shell for the commands of this page"
            assert not printed, f"{where}: the page does not say that {printed!r} is printed before"
            printed = shell.printed(text, where)
        elif block.language == "text":
            assert printed == text, f"{where}: {printed!r} is printed"
            printed = ""
    assert not printed, f"{page}: {printed!r} is printed at the end"
    return names


def _printed(code: str, page: str, names: Names) -> str:
    output = StringIO()
    with redirect_stdout(output):
        exec(compile(code, page, "exec"), names)
    return output.getvalue()
