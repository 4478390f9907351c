"""Verdicts from downstream: which results of a batch are of use, and which are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from forebay.core.batches import Batch
from forebay.core.errors import InvalidParameter, RequestRejected
from forebay.dialects.batch_report import parse_verdicts
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Caller
from forebay.lanes.batch.batches import found
from forebay.lanes.batch.line_index import index_extent
from forebay.lanes.batch.line_search import Place, batched, find_all
from forebay.lanes.batch.report import Reports
from forebay.store.blobs import BlobMissing
from forebay.store.store import Store
from forebay.store.verdicts import Verdict

MAX_VERDICTS = 100_000  # in one call
SEGMENTS_A_READ = 32  # some thousand lines: the event loop has its turn between them
VERDICTS_A_WRITE = 1000  # whoever else wants to write has a turn, too
NAMED = 5  # of those that are wrong


class VerdictDesk:
    """Takes verdicts."""

    def __init__(self, store: Store, reports: Reports) -> None:
        self._store = store
        self._reports = reports

    async def accept(self, caller: Caller, batch_id: str, body: JsonObject) -> JsonObject:
        """Keep the verdicts in the place of earlier ones, and return the batch's report.

        Raises `InvalidParameter`, keeping nothing, when one of them is of no result: of an id that
        the batch does not have, or of a request that was not answered, or not yet.
        """
        batch = await found(self._store, caller, batch_id)
        wanted = parse_verdicts(body, most=MAX_VERDICTS)
        verdicts = await self._verdicts(batch, wanted)
        for some in batched(verdicts, VERDICTS_A_WRITE):
            await self._store.verdicts.keep(batch.id, some)
        return await self._reports.get(caller, batch_id)

    async def _verdicts(self, batch: Batch, wanted: Mapping[str, bool]) -> list[Verdict]:
        places = await self._places(batch, wanted)
        by_segment: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
        for custom_id, (ordinal, number) in places.items():
            by_segment[ordinal].append((custom_id, number))
        verdicts: list[Verdict] = []
        for ordinals in batched(sorted(by_segment), SEGMENTS_A_READ):
            segments = await self._store.verdicts.answered(batch.id, ordinals)
            for ordinal, answered in segments.items():
                verdicts += [
                    Verdict(
                        custom_id=custom_id,
                        is_accepted=wanted[custom_id],
                        was_accepted=number not in answered.failed,
                    )
                    for custom_id, number in by_segment[ordinal]
                    if number in answered.numbers
                ]
        if len(verdicts) < len(wanted):
            judged = {verdict.custom_id for verdict in verdicts}
            unknown = [custom_id for custom_id in wanted if custom_id not in places]
            unanswered = [custom_id for custom_id in places if custom_id not in judged]
            raise _without_result(batch, unknown=unknown, unanswered=unanswered)
        return verdicts

    async def _places(self, batch: Batch, wanted: Mapping[str, bool]) -> dict[str, Place]:
        if batch.in_progress_at is None:
            raise RequestRejected(f"Batch '{batch.id}' has no results to be judged.")
        if batch.index_blob_id is None:
            raise _gone(batch)
        index = index_extent(batch.index_blob_id, lines=batch.total_count)
        try:
            return await find_all(self._store.blobs, index, wanted)
        except BlobMissing:
            raise _gone(batch) from None


def _without_result(batch: Batch, *, unknown: list[str], unanswered: list[str]) -> InvalidParameter:
    parts = []
    if unknown:
        parts.append(f"not in batch '{batch.id}' are {_some(unknown)}")
    if unanswered:
        parts.append(f"without an answer to be judged are {_some(unanswered)}")
    return InvalidParameter(f"No verdict was kept: {'; '.join(parts)}.")


def _some(custom_ids: list[str]) -> str:
    names = ", ".join(f"'{custom_id}'" for custom_id in custom_ids[:NAMED])
    more = len(custom_ids) - NAMED
    return f"{names} and {more} more" if more > 0 else names


def _gone(batch: Batch) -> RequestRejected:
    return RequestRejected(
        f"The results of batch '{batch.id}' cannot be judged: they are kept no longer, or come "
        "from an earlier version of this server."
    )
