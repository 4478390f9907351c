"""The steps of a run on one server, each kept in its state before the next one begins."""

from __future__ import annotations

import asyncio
import time

import msgspec
from rich.markup import escape

from forebay.cli.batch.batch_input import BatchInput, Terms
from forebay.cli.batch.calls import Calls
from forebay.cli.batch.display import Display
from forebay.cli.batch.endings import CommandRefused, ExitStatus, ServerAnswered
from forebay.cli.batch.following import followed
from forebay.cli.batch.harvest import Harvest
from forebay.cli.batch.report import report_of
from forebay.cli.batch.shapes import BatchView
from forebay.cli.batch.state import RESTART, RunState, StateFile
from forebay.cli.batch.submission import chosen_model, created, sent
from forebay.cli.batch.summary import problem_lines, summary_lines
from forebay.cli.batch.target import Target
from forebay.cli.batch.writing import write_output

UNWANTED = frozenset({400, 404, 409, 413, 422})
"""Statuses of a batch that was not created of its file as it was asked for, whoever asks."""


class BatchLost(CommandRefused):
    """The server does not know the batch of this run."""

    code = "batch_lost"


class RunSteps:
    """What is left to do of one run."""

    def __init__(
        self, given: BatchInput, target: Target, terms: Terms, calls: Calls, display: Display
    ) -> None:
        self._given = given
        self._target = target
        self._terms = terms
        self._calls = calls
        self._display = display
        self._file = StateFile(target.path)

    async def taken(self, state: RunState) -> ExitStatus:
        """Take all steps that are left; raises `ServerTrouble` when one cannot be taken now."""
        began_s = None if state.batch_id is not None else time.monotonic()
        try:
            state = await self._submitted(state)
            batch = await self._ended(state)
            if batch.status == "failed":
                return self._refused(batch)
            harvested = await Harvest(self._calls, self._target.path).end(batch)
            report = await report_of(self._calls, batch.id)
            written = await write_output(self._given, harvested, self._target, self._display)
            self._file.forget()
        except asyncio.CancelledError:
            self._tell_how_to_go_on()
            raise
        wall_s = (batch.wall_s or 0.0) if began_s is None else time.monotonic() - began_s
        for line in summary_lines(batch, written, wall_s=wall_s, report=report):
            self._display.say(escape(line))
        if not self._target.is_stdout:
            self._display.say(f"[bold]{escape(self._target.path.name)}[/bold] is written")
        is_good = batch.status == "completed" and not written.failed
        return ExitStatus.DONE if is_good else ExitStatus.LINES_FAILED

    async def _submitted(self, state: RunState) -> RunState:
        """Return the state with the batch in it, which is submitted now unless it was before."""
        if state.batch_id is not None:
            self._display.say(f"Going on with {escape(state.batch_id)}")
            return state
        was_sent = state.file_id is not None
        if state.model is None:
            model = await chosen_model(self._calls, self._given)
            state = self._file.save(msgspec.structs.replace(state, model=model))
        if state.file_id is None:
            file_id = await sent(
                self._calls,
                self._given,
                model=state.model,
                scratch=self._target.beside("input"),
                key=state.key("file"),
                display=self._display,
            )
            state = self._file.save(msgspec.structs.replace(state, file_id=file_id))
        assert state.file_id is not None
        try:
            batch = await created(
                self._calls,
                file_id=state.file_id,
                endpoint=self._given.endpoint,
                terms=self._terms,
                key=state.key("batch"),
                may_exist=was_sent,
            )
        except ServerAnswered as error:
            if error.status in UNWANTED:
                self._file.forget()  # the corrected command is another run
            raise
        model = f", {escape(state.model)}" if state.model else ""
        self._display.say(
            f"{escape(self._given.path.name)}{model}: [bold]{escape(batch.id)}[/bold] "
            f"at {escape(self._calls.server.place)}"
        )
        return self._file.save(msgspec.structs.replace(state, batch_id=batch.id))

    async def _ended(self, state: RunState) -> BatchView:
        """Return the batch at its end, with its results coming in meanwhile where they can."""
        assert state.batch_id is not None
        harvest = Harvest(self._calls, self._target.path)
        try:
            with self._display.following() as seen:
                async for batch in followed(self._calls, state.batch_id):
                    seen(batch)
                    if not batch.has_ended:
                        await harvest.look(batch)
        except ServerAnswered as error:
            if error.status != 404:
                raise
            raise BatchLost(f"the server has no {state.batch_id} any more; {RESTART}") from None
        return batch

    def _refused(self, batch: BatchView) -> ExitStatus:
        self._file.forget()
        self._display.say(f"[bold red]{escape(batch.id)} failed validation[/bold red], nothing ran")
        for line in problem_lines(batch, unit=self._given.unit):
            self._display.say(escape(line))
        return ExitStatus.REFUSED

    def _tell_how_to_go_on(self) -> None:
        state = self._file.load()
        if state is None or state.batch_id is None:
            self._display.say("\nInterrupted before anything was submitted.")
            return
        server = self._calls.server
        batch_id, place = escape(state.batch_id), escape(server.place)
        if server.goes_on:
            self._display.say(f"\nInterrupted; {batch_id} goes on at {place}.")
            end = f"; to end it, forebay batch cancel {batch_id}"
        else:
            self._display.say(f"\nInterrupted; {batch_id} is kept in {place}, with what is done.")
            end = ""
        if self._target.is_stdout:
            self._display.say(f"For its results, forebay batch results {batch_id}{end}.")
        else:
            self._display.say(f"To come back to it, run the same command again{end}.")
