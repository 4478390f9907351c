"""Prints an answer piece by piece as it comes, indented and wrapped at the terminal's width."""

from __future__ import annotations

import re

from rich.console import Console

INDENT = "  "
WORD = re.compile(r" *[^ ]+| +")
LONGEST_REST = 8  # of a word, most of the time: the pieces of one word come one by one


class Typist:
    """Writes one answer. Leaving the `with` block ends its last line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._column = 0

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *_: object) -> None:
        if self._column:
            self._console.print()

    def write(self, piece: str) -> None:
        """Print the next piece."""
        for number, part in enumerate(piece.split("\n")):
            if number:
                self._break()
            for word in WORD.findall(part):
                self._write_word(word)

    def _write_word(self, word: str) -> None:
        is_full = self._column + len(word) > self._console.width - LONGEST_REST
        if self._column and is_full and word.startswith(" "):
            self._break()
        if not self._column:
            word = INDENT + word.lstrip()
        self._put(word)

    def _break(self) -> None:
        if self._column:
            self._console.print()
        self._column = 0

    def _put(self, text: str) -> None:
        self._console.print(
            text, end="", style="cyan", markup=False, highlight=False, soft_wrap=True
        )
        self._column += len(text)
