"""Planning a batch: one pass over its input that checks every line and writes the segments.

Nothing of a plan is real until `Batches.begin` names its segments; a plan that a crash cut short is
made again from the input.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from forebay.core.batches import Batch
from forebay.core.errors import EngineUnavailable, RequestRejected
from forebay.core.lanes import Lane
from forebay.core.windows import choose_window
from forebay.dialects.batches import LineError
from forebay.lanes.batch.lines import (
    MAX_LINE_BYTES,
    LineChecker,
    SegmentLine,
    encode_line,
    split_lines,
)
from forebay.lanes.catalogue import Catalogue
from forebay.store.batches import NewSegment
from forebay.store.blobs import Blobs

SEGMENT_LINES = 256
SEGMENT_BYTES = 4 * 1024 * 1024
LINES_A_TURN = 64  # checked before the event loop gets its turn


@dataclass(slots=True)
class _Open:
    """A segment that is being filled."""

    lines: list[bytes] = field(default_factory=list)
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass over the input gave: errors, or segments to run."""

    errors: list[LineError]
    segments: list[NewSegment]


class Planner:
    """Plans batches."""

    def __init__(
        self, catalogue: Catalogue, blobs: Blobs, *, max_requests: int, max_errors: int
    ) -> None:
        self._catalogue = catalogue
        self._blobs = blobs
        self._max_requests = max_requests
        self._max_errors = max_errors

    async def plan(self, batch: Batch, pieces: AsyncIterator[bytes]) -> Plan:
        """Return the plan for an input; with any error, nothing of the input is run.

        Raises `EngineUnavailable` when a model is unknown but engines have yet to tell theirs, and
        leaves no blob behind when it raises.
        """
        plan = Plan([], [])
        try:
            await self._read(batch, pieces, plan)
        except BaseException:
            await self.discard(plan)
            raise
        return plan

    async def discard(self, plan: Plan) -> None:
        """Forget the segments of a plan that will not be run."""
        for segment in plan.segments:
            await self._blobs.delete(segment.blob_id)

    async def _read(self, batch: Batch, pieces: AsyncIterator[bytes], plan: Plan) -> None:
        errors, segments = plan.errors, plan.segments
        open_segments: dict[str, _Open] = {}
        checker = LineChecker(endpoint=batch.endpoint)
        number = count = 0
        async for text in split_lines(pieces):
            number += 1
            if not text.strip():
                continue
            count += 1
            line = self._check(checker, batch, number, text)
            if number % LINES_A_TURN == 0:
                await asyncio.sleep(0)
            if isinstance(line, LineError):
                errors.append(line)
            elif not errors:
                model = self._catalogue.resolve(str(line.body["model"])).model.name
                await self._add(model, line, open_segments, segments)
            if count > self._max_requests:
                message = f"The file has more than {self._max_requests} requests."
                errors.append(LineError("too_many_requests", message))
            if len(errors) >= self._max_errors or count > self._max_requests:
                return
        if not count:
            errors.append(LineError("empty_file", "The input file has no requests."))
        if not errors:
            for model, rest in open_segments.items():
                if rest.lines:
                    segments.append(await self._close(model, rest, ordinal=len(segments)))

    def _check(
        self, checker: LineChecker, batch: Batch, number: int, text: bytes
    ) -> SegmentLine | LineError:
        if len(text) > MAX_LINE_BYTES:
            message = f"This line is longer than {MAX_LINE_BYTES} bytes."
            return LineError("line_too_long", message, None, number)
        line = checker.check(number, text)
        if isinstance(line, LineError):
            return line
        name = str(line.body["model"])
        served = self._catalogue.get(name)
        if served is None and self._catalogue.untold:
            raise EngineUnavailable("not every engine has told yet which models it serves")
        if served is None:
            message = f"The provided model '{name}' is not supported by the Batch API."
            return LineError("model_not_found", message, "body.model", number)
        try:
            choose_window(Lane.BATCH, batch.completion_window, served.model.windows)
        except RequestRejected as error:
            return LineError("invalid_request", str(error), "body.model", number)
        return line

    async def _add(
        self,
        model: str,
        line: SegmentLine,
        open_segments: dict[str, _Open],
        segments: list[NewSegment],
    ) -> None:
        segment = open_segments.setdefault(model, _Open())
        text = encode_line(line)
        segment.lines.append(text)
        segment.size_bytes += len(text)
        if len(segment.lines) >= SEGMENT_LINES or segment.size_bytes >= SEGMENT_BYTES:
            segments.append(await self._close(model, segment, ordinal=len(segments)))
            open_segments[model] = _Open()

    async def _close(self, model: str, segment: _Open, *, ordinal: int) -> NewSegment:
        blob = await self._blobs.put(b"".join(segment.lines))
        return NewSegment(
            ordinal=ordinal, model=model, blob_id=blob.id, line_count=len(segment.lines)
        )
