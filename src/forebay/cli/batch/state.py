"""What a run has done so far, in a small file beside its output, so that it can go on.

It is there before the first call and rewritten after every step; a prompt is in it as a hash only.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from forebay.cli.batch.endings import CommandRefused
from forebay.wiring.secrets import write_private

SUFFIX = ".forebay-batch.json"
RESTART = "run it with --restart to forget what was begun, and begin anew"


class RunDiffers(CommandRefused):
    """The output was begun by another run than this one."""

    code = "run_differs"


class StateBroken(CommandRefused):
    """A state file holds something else."""

    code = "state_broken"


class RunState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run: what it is of, and how far it has come.

    `run_id` is chance, chosen before anything is sent: with it, the same run is told from a later
    one of the same input. `options` are hashes of the options that shape the batch.
    """

    version: int = 1
    run_id: str
    place: str
    input_sha256: str
    options: dict[str, str]
    model: str | None = None
    file_id: str | None = None
    batch_id: str | None = None

    @property
    def is_begun(self) -> bool:
        """Whether a server has anything of it that the run goes on with."""
        return self.file_id is not None or self.batch_id is not None

    def key(self, step: str) -> str:
        """Return the idempotency key of a step of this run."""
        named = [self.run_id, self.place, self.input_sha256, sorted(self.options.items()), step]
        return f"forebay-batch-{hashlib.sha256(msgspec.json.encode(named)).hexdigest()}"


class StateFile:
    """The state of the run that writes an output."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + SUFFIX)

    def load(self, *, is_broken_none: bool = False) -> RunState | None:
        """Return the state that is there; raises `StateBroken`, unless that is as good as none."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=RunState)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if is_broken_none:
                return None
            raise StateBroken(f"{self.path} cannot be read; {RESTART}") from None

    def save(self, state: RunState) -> RunState:
        """Keep the state, whole or not at all, and return it."""
        write_private(self.path, msgspec.json.encode(state).decode())
        return state

    def forget(self) -> None:
        """Delete the state, if there is one."""
        self.path.unlink(missing_ok=True)


def continued(kept: RunState, wanted: RunState) -> RunState:
    """Return the state to go on with: the kept one if it is of the wanted run.

    Another one counts as none if nothing came of it, and raises `RunDiffers` otherwise.
    """
    try:
        check_same(kept, wanted)
    except RunDiffers:
        if kept.is_begun:
            raise
        return wanted
    return kept


def check_same(kept: RunState, wanted: RunState) -> None:
    """Raise `RunDiffers` unless the run that was begun is the one that is wanted now."""
    differing = [
        name
        for name in sorted({*kept.options, *wanted.options})
        if kept.options.get(name) != wanted.options.get(name)
    ]
    if kept.input_sha256 != wanted.input_sha256:
        raise RunDiffers(f"the input has changed since this output was begun; {RESTART}")
    if differing:
        named = ", ".join(differing)
        raise RunDiffers(f"this output was begun with another {named}; {RESTART}")
    if kept.place != wanted.place:
        raise RunDiffers(f"this output was begun on {kept.place}; name that one, or {RESTART}")


def hashed(value: object) -> str:
    """Return what stands for an option's value in the state."""
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()
