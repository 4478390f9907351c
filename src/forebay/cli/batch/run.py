"""`forebay batch run`: an input becomes an output, over as many starts of the command as it takes.

Every step is kept in a state file beside the output before the next one begins, so whatever ends
the command, the same command goes on: nothing is submitted twice, and nothing fetched twice.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from rich.markup import escape

from forebay.cli.batch.batch_input import BatchInput, Terms, input_hash
from forebay.cli.batch.calls import Calls
from forebay.cli.batch.display import Display
from forebay.cli.batch.download import forget_parts
from forebay.cli.batch.endings import ExitStatus, ServerTrouble
from forebay.cli.batch.run_steps import RunSteps
from forebay.cli.batch.serving import served
from forebay.cli.batch.shapes import BatchView
from forebay.cli.batch.state import RunState, StateFile, continued
from forebay.cli.batch.submission import path_of
from forebay.cli.batch.target import Target, held
from forebay.cli.batch.wishes import ServerWish


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that is wanted: an input, where its answers go, on what terms, and on which server."""

    given: BatchInput
    target: Target
    terms: Terms
    wish: ServerWish


async def run(wanted: Run, display: Display, *, is_anew: bool) -> ExitStatus:
    """Run the input as a batch, or go on with what an earlier command began of it.

    With `is_anew`, that is forgotten. Raises `RunDiffers` when it was begun another way.
    """
    is_forgotten = not is_anew

    async def work(calls: Calls) -> ExitStatus:
        nonlocal is_forgotten
        state = await _begun(wanted, calls, display, is_anew=not is_forgotten)
        is_forgotten = True  # a second server goes on with what the first has begun
        steps = RunSteps(wanted.given, wanted.target, wanted.terms, calls, display)
        return await steps.taken(state)

    with held(wanted.target):
        return await served(wanted.wish, display.console, work)


async def _begun(wanted: Run, calls: Calls, display: Display, *, is_anew: bool) -> RunState:
    """Return the state of what was begun, or of a new run."""
    file = StateFile(wanted.target.path)
    state = RunState(
        run_id=secrets.token_hex(16),
        place=calls.server.place,
        input_sha256=await input_hash(wanted.given.path),
        options=wanted.given.options,
    )
    kept = file.load(is_broken_none=is_anew)
    if kept is not None and not is_anew:
        return file.save(continued(kept, state))
    if kept is not None:
        await _left(kept, calls, display)
        forget_parts(wanted.target.path)
    return file.save(state)


async def _left(kept: RunState, calls: Calls, display: Display) -> None:
    """Cancel the batch of a run that is forgotten, where it can be: nobody will want it."""
    if kept.batch_id is None:
        return
    if kept.place == calls.server.place:
        try:
            batch = await calls.post(f"{path_of(kept.batch_id)}/cancel", BatchView)
        except ServerTrouble:
            pass  # it has ended, or is not there any more
        else:
            display.say(f"The earlier {kept.batch_id} is {escape(batch.status)}.")
        return
    display.say(f"The earlier {kept.batch_id} at {escape(kept.place)} is left as it is.")
