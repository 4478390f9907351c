"""How a batch command ends: its exit status, and the errors that stand for one."""

from __future__ import annotations

from enum import IntEnum

from forebay.core.errors import ForebayError


class ExitStatus(IntEnum):
    """What a shell is told."""

    DONE = 0
    LINES_FAILED = 1  # everything is written, and some of it says that it failed
    REFUSED = 2  # what was asked for cannot be done as it stands
    TROUBLE = 3  # a server or a disk was in the way: the same command may go on later
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


def status_of(error: ForebayError) -> ExitStatus:
    """Return the exit status of a command that this error ended."""
    return ExitStatus.TROUBLE if isinstance(error, ServerTrouble) else ExitStatus.REFUSED
