"""What the embedded engine's child is started with.

Its threads are chosen from the cores that this process may really use: a container's limit counts,
not only the machine.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedOptions:
    """What the child is started with; threads of None are chosen from the cores.

    A child that `makes_embeddings` does nothing else; an input has to fit into a slot's context.
    """

    model_path: Path
    alias: str
    slots: int = 4
    slot_context_tokens: int = 4096
    threads: int | None = None
    batch_threads: int | None = None
    makes_embeddings: bool = False

    def line(self, cores: int) -> bytes:
        """Return the options as the line that the child reads."""
        options = {
            "model_path": str(self.model_path),
            "alias": self.alias,
            "slots": self.slots,
            "slot_context_tokens": self.slot_context_tokens,
            # Decode threads spin: with one on every core, a busy gateway stalls them all.
            "threads": self.threads or max(1, cores - 1),
            "batch_threads": self.batch_threads or cores,
            "makes_embeddings": self.makes_embeddings,
        }
        return json.dumps(options).encode() + b"\n"


def usable_cores(limit_file: Path = _CGROUP_LIMIT) -> int:
    """Return how many cores this process may keep busy, at least 1."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1
    try:
        limit = limited_cores(limit_file.read_text())
    except OSError:
        return allowed
    return allowed if limit is None else min(allowed, limit)


def limited_cores(cpu_max: str) -> int | None:
    """Return the whole cores in a cgroup's `cpu.max` ("QUOTA PERIOD"), None where it is "max"."""
    quota, _, period = cpu_max.strip().partition(" ")
    if quota == "max" or not period:
        return None
    return max(1, math.floor(int(quota) / int(period)))
