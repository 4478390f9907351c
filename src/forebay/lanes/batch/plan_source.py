"""Where the requests of a batch are read from, line by line."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from forebay.lanes.batch.lines import LineSplitter
from forebay.lanes.batch.plan_job import PlanJob, SourceExtent, SourceForm
from forebay.store.blobs import Blobs

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NO_LIMIT = 1 << 62  # what was checked before is read whatever its size


async def source_lines(job: PlanJob, blobs: Blobs) -> AsyncGenerator[list[bytes], None]:
    """Yield the lines of the source, some at a time, the empty ones too.

    Of segments only the wanted lines are among them.
    """
    if job.form is SourceForm.PLAN:
        for stretch in job.source:
            async for lines in _wanted(stretch, blobs):
                yield lines
        return
    mark = BYTE_ORDER_MARK
    splitter = LineSplitter() if job.form is SourceForm.LINES else LineSplitter(max_bytes=NO_LIMIT)
    async for lines in _cut(splitter, job.source, blobs):
        if mark and lines:
            lines[0], mark = lines[0].removeprefix(mark), b""
        yield lines


async def _cut(
    splitter: LineSplitter, source: list[SourceExtent], blobs: Blobs
) -> AsyncIterator[list[bytes]]:
    for stretch in source:
        async for piece in blobs.read(stretch.extent):
            yield splitter.feed(piece)
    yield splitter.end()


async def _wanted(stretch: SourceExtent, blobs: Blobs) -> AsyncIterator[list[bytes]]:
    number = 0
    wanted = None if stretch.numbers is None else set(stretch.numbers)
    async for lines in _cut(LineSplitter(max_bytes=NO_LIMIT), [stretch], blobs):
        yield [line for at, line in enumerate(lines, number) if wanted is None or at in wanted]
        number += len(lines)
