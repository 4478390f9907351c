"""A buffer for the results of a segment, over a store that a test can keep busy."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.core.batches import LineOutcome
from forebay.core.money import Usage
from forebay.lanes.batch.results import LineResult, ResultBuffer
from forebay.lanes.batch.room import Room
from forebay.store.chunks import ChunkRecord
from forebay.store.store import Store
from tests.lanes.busy_store import BusyBlobs, BusySegments


@dataclass
class Gathering:
    """A buffer for the results of a leased segment, over a store that may be busy."""

    store: Store
    blobs: BusyBlobs
    segments: BusySegments
    segment_id: str
    buffer: ResultBuffer
    room: Room

    def add(self, *numbers: int, line: bytes = b"{}\n") -> None:
        """Gather the results of these lines."""
        for number in numbers:
            usage = Usage(input_tokens=10, output_tokens=2)
            outcome = LineOutcome.COMPLETED
            self.buffer.add(
                LineResult(number=number, line=line, outcome=outcome, usage=usage, cost_nanos=700)
            )

    def fail(self, number: int, outcome: LineOutcome) -> None:
        """Gather a result that is no answer."""
        self.buffer.add(LineResult(number=number, line=b"{}\n", outcome=outcome))

    async def recorded(self) -> set[int]:
        """Return the numbers of the lines whose results are real."""
        return await self.store.segments.ended_lines(self.segment_id)

    async def chunks(self) -> list[ChunkRecord]:
        """Return the chunks of the segment."""
        return await self.store.segments.chunks_of(self.segment_id)
