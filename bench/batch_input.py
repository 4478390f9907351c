"""The input file of a batch: made by chance from a seed, so it is the same one every time.

The lines are of one length, and share some instructions, in no order: as when several jobs write
one file. Their text has what JSON has to escape, and letters beyond ASCII.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random

PROMPT_LINE_BYTES = 2250
"""A line with a prompt of 500 tokens: about 2,000 bytes of text."""

LONG_LINE_BYTES = 4000

_ID = b"line-%08d"
_ID_START = len("line-")
_MAX_DIGITS = 12
_HEAD = (
    b'{"custom_id":"%s","method":"POST","url":"/v1/chat/completions","body":{"model":"%s",'
    b'"messages":[{"role":"system","content":"%s"},{"role":"user","content":"'
)
_TAIL = b'"}],"max_tokens":64}}\n'

_INSTRUCTIONS = 20
_PARAGRAPHS = 1000
_PARAGRAPH_BYTES = 250
_WORDS = 2000
_LETTERS = "etaoinshrdlu"
_FILL = b"and so on " * (_PARAGRAPH_BYTES // 10 + 1)


def write_input(file: Path, *, lines: int, line_bytes: int, model: str) -> None:
    """Write so many chat completions, each of exactly so many bytes with its line end."""
    chance = Random(1)
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 9))) for _ in range(_WORDS)]
    paragraphs = [_paragraph(chance, words) for _ in range(_PARAGRAPHS)]
    instructions = [_paragraph(chance, words) for _ in range(_INSTRUCTIONS)]
    with file.open("wb", buffering=1024 * 1024) as out:
        for number in range(lines):
            head = _HEAD % (_ID % number, model.encode(), chance.choice(instructions))
            whole, rest = divmod(line_bytes - len(head) - len(_TAIL), _PARAGRAPH_BYTES)
            out.write(b"".join([head, *chance.choices(paragraphs, k=whole), _FILL[:rest], _TAIL]))


def number_of(custom_id: str) -> int | None:
    """Give the number of the line that has this id, or nothing if none can have it."""
    digits = custom_id[_ID_START:]
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS):
        return None
    number = int(digits)
    return number if (_ID % number).decode() == custom_id else None


def _paragraph(chance: Random, words: Sequence[str]) -> bytes:
    """Make a text of fixed length, as it stands in a JSON string."""
    first, second, *rest = chance.choices(words, k=_PARAGRAPH_BYTES // 3)
    opening = f'\\"{first}\\" {second} déjà\\n'.encode()
    return opening + " ".join(rest).encode()[: _PARAGRAPH_BYTES - len(opening) - 1] + b" "
