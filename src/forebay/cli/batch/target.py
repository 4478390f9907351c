"""Where the output of a run goes, and the names of what is beside it meanwhile."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forebay.cli.batch.endings import CommandRefused
from forebay.cli.batch.rows import Format, format_of

STDOUT = "-"


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
        return self.path.with_name(f"{self.path.name}.forebay-batch.{name}")


def target_at(output: str, *, scratch: Path) -> Target:
    """Return the output that is meant; `scratch` is a folder for what has no place beside it.

    Raises `OutputWrong`, or `InputWrong` for a name that tells no format.
    """
    if output == STDOUT:
        return Target(path=scratch / "out.jsonl", format=Format.JSONL, is_stdout=True)
    path = Path(output).absolute()
    if path.is_dir() or not path.parent.is_dir():
        raise OutputWrong(f"{output} cannot be written: there is no folder for such a file")
    return Target(path=path, format=format_of(path))


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
