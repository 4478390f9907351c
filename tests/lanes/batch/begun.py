"""Batches that are begun without their planning, so that a test knows the order of their lines."""

from __future__ import annotations

from typing import Any

from forebay.core.batches import Batch
from forebay.core.clock import after
from forebay.core.windows import BAND_RANK, DEFAULT_WINDOWS
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.lines import SegmentLine, encode_line
from forebay.store.batches import NewSegment
from tests.lanes.house import HOUR, House
from tests.store.makers import batch_of, new_batch

WINDOWS = {window.name: window for window in (*DEFAULT_WINDOWS, HOUR)}


def chat(prompt: str, **others: object) -> SegmentLine:
    """Return a line whose custom id is its prompt."""
    body: JsonObject = {"model": "tiny", "messages": [{"role": "user", "content": prompt}]}
    return SegmentLine(prompt, body | others)


async def begin(
    house: House,
    *lines: SegmentLine,
    window: str = "24h",
    segment_lines: int = 256,
    **others: Any,
) -> Batch:
    """Begin a batch of these lines, in this order, in segments of so many lines."""
    texts = [encode_line(line) for line in lines]
    return await begin_texts(house, *texts, window=window, segment_lines=segment_lines, **others)


async def begin_texts(
    house: House,
    *texts: bytes,
    window: str = "24h",
    segment_lines: int = 256,
    **others: Any,
) -> Batch:
    """Begin a batch of lines that are written already, be it badly; an empty one is lost."""
    now, allowed = house.clock.now(), WINDOWS[window]
    times = {
        "created_at": now,
        "deadline_at": allowed.deadline(now),
        "expires_at": after(now, 86_400),
    }
    values = {"completion_window": window, "band_rank": BAND_RANK[allowed.band]} | times | others
    new = new_batch(house.new_id("batch_"), **values)
    await house.store.batches.create(new)
    blob = await house.store.blobs.put(b"".join(texts))
    segments: list[NewSegment] = []
    offset_bytes = 0
    for start in range(0, len(texts), segment_lines):
        part = texts[start : start + segment_lines]
        segments.append(
            NewSegment(
                ordinal=len(segments),
                model="tiny",
                blob_id=blob.id,
                offset_bytes=offset_bytes,
                size_bytes=sum(map(len, part)),
                line_count=len(part),
            )
        )
        offset_bytes += sum(map(len, part))
    assert await house.store.batches.begin(await batch_of(house.store, new.id), segments)
    return await batch_of(house.store, new.id)
