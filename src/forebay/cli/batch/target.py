"""Where the output of a run goes, and the names of what is beside it meanwhile."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from forebay.cli.batch.endings import CommandRefused
from forebay.cli.batch.rows import Format, format_of
from forebay.cli.batch.scratch import scratch_folder

STDOUT = "-"
BESIDE = ".forebay-batch."
"""What the names of all files have in them that are beside an output while it is made."""


class OutputWrong(CommandRefused):
    """The output cannot be written there, or not now."""

    code = "output_wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An output. `path` is its file; for standard output, one that stands for it elsewhere."""

    path: Path
    format: Format
    is_stdout: bool = False

    @property
    def errors_path(self) -> Path:
        """Where the lines of requests that failed go, when lines are passed on as they are."""
        return self.path.with_name(f"{self.path.stem}.errors{self.path.suffix}")

    def beside(self, name: str) -> Path:
        """Return the path of a file that is there only while the output is being made."""
        return self.path.with_name(f"{self.path.name}{BESIDE}{name}")

    def refuse_reading(self, path: Path) -> None:
        """Raise `OutputWrong` for a file that a run would write or delete, by whatever name."""
        name = escape(self.path.name)
        ours = [self.path, *self.path.parent.glob(f"{name}{BESIDE}*")]
        ours += self.path.parent.glob(f".{name}{BESIDE}*")  # the state while it is written
        if self.format is Format.JSONL:
            ours.append(self.errors_path)
        for written in ours:
            if _is_same(written, path):
                raise OutputWrong(
                    f"{path} would be overwritten: it is {written.name}, which a run writes"
                )


@contextmanager
def target_at(output: str) -> Iterator[Target]:
    """Yield the output that is meant; one that is not a file has a folder for the block alone.

    Raises `OutputWrong`, or `InputWrong` for a name that tells no format.
    """
    if output == STDOUT:
        with scratch_folder() as scratch:
            yield Target(path=scratch / "out.jsonl", format=Format.JSONL, is_stdout=True)
        return
    path = Path(output).absolute()
    if path.is_dir() or not path.parent.is_dir():
        raise OutputWrong(f"{output} cannot be written: there is no folder for such a file")
    yield Target(path=path, format=format_of(path))


def _is_same(path: Path, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False  # one of them is not there


@contextmanager
def held(target: Target) -> Iterator[None]:
    """Keep other runs from the same output meanwhile; raises `OutputWrong` when there is one."""
    path = target.beside("lock")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputWrong(f"another command is writing {target.path.name} already") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
