"""Planning a batch: one pass over its input that checks every line, sorts them, and cuts segments.

Lines that one model runs and whose prompts begin alike come to lie beside each other. Memory stays
flat for any number of lines: what does not fit goes to local disk, to be merged. Nothing of a plan
is real until `Batches.begin` names its blobs; one that a crash cut short is made again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from pathlib import Path
from struct import Struct
from typing import Protocol

from forebay.dialects.batches import LineError
from forebay.lanes.batch.checked_before import PlannedLines, RequestLines
from forebay.lanes.batch.custom_ids import HASH_BYTES, HashedRecords, hash_of
from forebay.lanes.batch.line_check import LineChecker
from forebay.lanes.batch.lines import SegmentLine, encode_line
from forebay.lanes.batch.model_choice import CheckedLine, ModelUntold
from forebay.lanes.batch.plan_job import Plan, PlanJob, SourceForm
from forebay.lanes.batch.plan_source import source_lines
from forebay.lanes.batch.prefix import chain_of, prompt_of
from forebay.lanes.batch.segment_writer import SegmentWriter, write_index
from forebay.lanes.batch.spill import RUN_BYTES, ExternalSort
from forebay.store.batches import NewSegment
from forebay.store.blobs import BlobMissing, Blobs


async def plan(job: PlanJob, blobs: Blobs, *, folder: Path, run_bytes: int = RUN_BYTES) -> Plan:
    """Return the plan of a batch; with any error, nothing of the batch is run.

    Spills to `folder`, and leaves nothing there; leaves no blob behind when it raises.
    """
    with ExitStack() as stack:
        sort = ExternalSort(folder, run_bytes=run_bytes)
        stack.callback(sort.close)
        seen = HashedRecords(folder)
        stack.callback(seen.close)
        index = HashedRecords(folder)
        stack.callback(index.close)
        scan = _Scan(job, sort, seen)
        try:
            async with aclosing(source_lines(job, blobs)) as source:
                await scan.read(source)
        except BlobMissing:
            return Plan(errors=[_GONE])
        if errors := scan.all_errors():
            return Plan(errors=errors)
        if scan.is_untold:
            return Plan(is_untold=True)
        segments, index_blob_id = await _write(sort, scan.models, index, blobs)
    return Plan(segments=segments, index_blob_id=index_blob_id, total_count=scan.count)


class _Lines(Protocol):
    def check(self, number: int, text: bytes) -> CheckedLine | LineError: ...


_GONE = LineError("invalid_request", "The input can no longer be read.", "file_id")
_NUMBER = Struct(">Q")
_MODEL = Struct(">I")
_PROMPT_BYTES = Struct(">I")
_CHAIN_END = b"\0" * 8  # before every hash, so that a chain comes before those it begins


class _Scan:
    """The one pass over the input."""

    def __init__(self, job: PlanJob, sort: ExternalSort, seen: HashedRecords) -> None:
        self._job = job
        self._sort = sort
        self._seen = seen
        self._lines = _checker(job)
        self._errors: list[LineError] = []
        self.models: dict[str, int] = {}
        self.is_untold = False
        self.count = 0

    async def read(self, source: AsyncIterator[list[bytes]]) -> None:
        """Read the source to its end, or until it is known what becomes of the batch."""
        number = 0
        async for texts in source:
            for text in texts:
                number += 1
                if not text or text.isspace():
                    continue
                self.count += 1
                self._take(number, text)
                if self._has_enough:
                    return

    @property
    def _has_enough(self) -> bool:
        return (
            len(self._errors) >= self._job.max_errors
            or self._has_too_many
            or (self.is_untold and not self._errors)
        )

    @property
    def _has_too_many(self) -> bool:
        return self._job.form is SourceForm.LINES and self.count > self._job.max_requests

    def _take(self, number: int, text: bytes) -> None:
        try:
            line = self._lines.check(number, text)
        except ModelUntold:
            self.is_untold = True
            return
        if isinstance(line, LineError):
            self._errors.append(line)
            return
        id_hash = hash_of(line.custom_id)
        if self._job.form is SourceForm.LINES:
            self._seen.add(id_hash, _NUMBER.pack(number))
        if self._errors:
            return
        prompt = prompt_of(line.body)
        model = self.models.setdefault(line.model, len(self.models))
        self._sort.add(
            b"".join((_MODEL.pack(model), chain_of(prompt), _CHAIN_END, _NUMBER.pack(number))),
            b"".join(
                (
                    id_hash,
                    _PROMPT_BYTES.pack(len(prompt)),
                    encode_line(SegmentLine(line.custom_id, line.body)),
                )
            ),
        )

    def all_errors(self) -> list[LineError]:
        """Return what is wrong with all of the input, then what is wrong with its lines."""
        errors = list(self._errors)
        most = self._job.max_errors
        if self._has_too_many:
            message = f"The file has more than {self._job.max_requests} requests."
            errors.append(LineError("too_many_requests", message))
        if not self.count:
            errors.append(LineError("empty_file", "The input file has no requests."))
        for line, first_line in self._seen.duplicates(most=most):
            message = f"The custom_id of this line is also that of line {first_line}."
            errors.append(LineError("duplicate_custom_id", message, "custom_id", line))
        return sorted(errors, key=lambda error: error.line or 0)[:most]


def _checker(job: PlanJob) -> _Lines:
    match job.form:
        case SourceForm.LINES:
            return LineChecker(job)
        case SourceForm.REQUESTS:
            return RequestLines(job)
        case SourceForm.PLAN:
            return PlannedLines(job)


async def _write(
    sort: ExternalSort, models: dict[str, int], index: HashedRecords, blobs: Blobs
) -> tuple[list[NewSegment], str]:
    names = list(models)
    writer = await blobs.create()
    try:
        segments = SegmentWriter(writer, index)
        for key, value in sort.records():
            (prompt_bytes,) = _PROMPT_BYTES.unpack_from(value, HASH_BYTES)
            segments.add(
                value[HASH_BYTES + _PROMPT_BYTES.size :],
                model=names[_MODEL.unpack_from(key)[0]],
                chain=key[_MODEL.size : -len(_CHAIN_END) - _NUMBER.size],
                id_hash=value[:HASH_BYTES],
                prompt_bytes=prompt_bytes,
            )
            if segments.is_full:
                await segments.flush()
        cut = await segments.commit()
        return cut, await write_index(blobs, index)
    except BaseException:
        await writer.abandon()
        raise
