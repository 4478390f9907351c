"""How a batch command ends: its exit status, and the errors that stand for one."""

from __future__ import annotations

import errno
import os
from enum import IntEnum

from forebay.cli.batch.retrying import PASSING
from forebay.core.errors import ForebayError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ExitStatus(IntEnum):
    """What a shell is told."""

    DONE = 0
    LINES_FAILED = 1  # everything is written, and some of it says that it failed
    REFUSED = 2  # what was asked for cannot be done as it stands
    TROUBLE = 3  # a server was in the way: the same command may go on later
    DISK = 4  # a file could not be read or written: the same command goes on when it can be
    DEFECT = 70  # what nobody expected: the command itself must be mended
    INTERRUPTED = 130


class CommandRefused(ForebayError):
    """The command, its input or its options must change first."""

    code = "command_refused"


class ServerTrouble(ForebayError):
    """The server did not do what it was asked for."""

    code = "server_trouble"


class ServerGone(ServerTrouble):
    """No server answers at the address any more."""

    code = "server_gone"


class ServerAnswered(ServerTrouble):
    """The server answered a call with an error."""

    code = "server_answered"

    def __init__(self, status: int, message: str, *, what: str) -> None:
        super().__init__(f"the server answered {status} to {what}: {message}")
        self.status = status
        self.message = message

    @property
    def is_final(self) -> bool:
        """Whether the same call would be answered in the same way later."""
        return self.status < 500 and self.status not in PASSING


class DiskTrouble(ForebayError):
    """A file could not be read or written."""

    code = "disk_trouble"


def disk_trouble(error: OSError) -> DiskTrouble:
    """Return the error that says what is in the way of a file, and what to do."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in FULL:
        return DiskTrouble(
            f"{where}the disk is full ({reason.lower()}); make room and run the same command "
            "again: what has come is kept"
        )
    return DiskTrouble(f"{where}{reason}")


def status_of(error: ForebayError) -> ExitStatus:
    """Return the exit status of a command that this error ended."""
    match error:
        case ServerAnswered() if error.is_final:
            return ExitStatus.REFUSED
        case ServerTrouble():
            return ExitStatus.TROUBLE
        case DiskTrouble():
            return ExitStatus.DISK
        case _:
            return ExitStatus.REFUSED
