"""The memory of a process tree: its children count, and what has ended is not forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.memory import ResidentMemory, SharedOutMemory, TogetherMemory

HELD_BYTES = 64 * 1024 * 1024


@contextmanager
def child(held_bytes: int) -> Iterator[None]:
    """Run a child that holds so much memory, from before the block until after it."""
    program = f"held = b'x' * {held_bytes}; print('holding', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdout.readline()
            yield
        finally:
            process.stdin.close()
            process.kill()


def test_what_a_child_holds_counts() -> None:
    alone, with_child = ResidentMemory(os.getpid()), ResidentMemory(os.getpid())
    alone.look()
    with child(HELD_BYTES):
        with_child.look()
    assert with_child.peak_bytes - alone.peak_bytes >= HELD_BYTES


def test_a_child_that_has_ended_still_counts() -> None:
    memory = ResidentMemory(os.getpid())
    with child(HELD_BYTES):
        memory.look()
        peak_bytes = memory.peak_bytes
    memory.look()
    assert memory.peak_bytes >= peak_bytes


def test_children_that_followed_each_other_do_not_add_up() -> None:
    alone, memory = TogetherMemory(os.getpid()), TogetherMemory(os.getpid())
    alone.look()
    for _ in range(2):
        with child(HELD_BYTES):
            memory.look()
    memory.look()
    assert HELD_BYTES <= memory.peak_bytes - alone.peak_bytes < 2 * HELD_BYTES


def test_the_most_that_was_held_together_is_kept() -> None:
    alone, memory = SharedOutMemory(os.getpid()), SharedOutMemory(os.getpid())
    alone.look()
    with child(HELD_BYTES):
        memory.look()
    memory.look()
    assert memory.peak_bytes - alone.peak_bytes >= HELD_BYTES * 0.9
