"""The end of every batch command: its work done, and its process ended with the status of that."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine

import typer
from rich.console import Console

from forebay.cli.batch.display import Display
from forebay.cli.batch.endings import ExitStatus, disk_trouble, status_of
from forebay.cli.batch.interruption import Interrupted, interruptible
from forebay.core.errors import ForebayError

Work = Callable[[Display], Coroutine[None, None, ExitStatus]]


def conclude(work: Work) -> None:
    """Do the work and end the process with its status; a known error is one line."""
    console = Console(stderr=True)
    try:
        status = asyncio.run(interruptible(work(Display(console))))
    except Interrupted as interrupted:
        raise typer.Exit(interrupted.status) from None
    except BrokenPipeError:
        raise
    except (OSError, ForebayError) as error:
        known = disk_trouble(error) if isinstance(error, OSError) else error
        _say(console, str(known))
        raise typer.Exit(status_of(known)) from None
    except Exception as error:
        traceback.print_exc()
        _say(console, f"this is a defect of the command itself: {type(error).__name__}")
        raise typer.Exit(ExitStatus.DEFECT) from None
    raise typer.Exit(status)


def _say(console: Console, text: str) -> None:
    console.print(f"forebay: {text}", highlight=False, markup=False, soft_wrap=True)
