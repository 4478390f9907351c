"""How much of the memory for a model's open segments is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

MAX_BYTES = 64 * 1024 * 1024
LINE_BYTES = 4096  # what a line takes beside its own bytes, about


class Room:
    """The bytes of lines that pause, and of results that are not recorded yet.

    Both may gather without end while an engine refuses, or a disk is full: then no more segments
    are opened until there is room. `on_free` is called when there is some again.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES, on_free: Callable[[], object] = bool) -> None:
        self._max_bytes = max_bytes
        self._on_free = on_free
        self._taken_bytes = 0

    @property
    def is_free(self) -> bool:
        """Whether there is any room left."""
        return self._taken_bytes < self._max_bytes

    def take(self, size_bytes: int) -> None:
        """Note that a line of so many bytes is kept."""
        self._taken_bytes += size_bytes + LINE_BYTES

    def give_back(self, size_bytes: int) -> None:
        """Note that a line of so many bytes is kept no longer."""
        was_free = self.is_free
        self._taken_bytes -= size_bytes + LINE_BYTES
        if self.is_free and not was_free:
            self._on_free()

    @contextmanager
    def holding(self, size_bytes: int) -> Iterator[None]:
        """Keep a line of so many bytes as long as the block lasts."""
        self.take(size_bytes)
        try:
            yield
        finally:
            self.give_back(size_bytes)
