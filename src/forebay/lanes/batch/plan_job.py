"""What is asked of whoever plans a batch, and what it answers: plain data, for another process."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from forebay.core.batches import BatchApi
from forebay.core.errors import ForebayError
from forebay.dialects.batches import LineError
from forebay.store.batches import NewSegment
from forebay.store.blobs import Extent


class SourceForm(StrEnum):
    """How the requests of a batch are written where they are read."""

    LINES = "lines"  # a caller's file: checked, and refused with what is wrong in it
    REQUESTS = "requests"  # lines of `custom_id` and `params`, checked at the door: all of them run
    PLAN = "plan"  # segments of an earlier batch


class SourceExtent(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a blob to read.

    Of a segment only the lines of these `numbers` are wanted, counted from 0 and ascending.
    """

    blob_id: str
    offset_bytes: int = 0
    size_bytes: int | None = None
    numbers: list[int] | None = None

    @property
    def extent(self) -> Extent:
        """Where it is."""
        return Extent(self.blob_id, self.offset_bytes, self.size_bytes)


class PlanJob(msgspec.Struct, frozen=True, kw_only=True):
    """A batch to plan.

    `models` are the names, also aliases, of the models that may run in the batch's window; `closed`
    are those of the others, with what is to be said of each. While `is_untold`, a name that is in
    neither may still come to be served. A line of the form `requests` that names no model of these
    goes to the segments of `fallback_model`, where it gets its error as its result; with none, it
    is waited for as one that is untold.
    """

    batch_id: str
    endpoint: str
    api: BatchApi
    form: SourceForm
    source: list[SourceExtent]
    models: dict[str, str]
    closed: dict[str, str]
    fallback_model: str | None
    is_untold: bool
    max_requests: int
    max_errors: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass over the input gave: errors, or segments to run, or that it is too early.

    All segments are stretches of one blob; `index_blob_id` tells where in them a custom id is.
    Nothing of a plan is real until `Batches.begin` names its blobs.
    """

    errors: list[LineError] = []
    segments: list[NewSegment] = []
    index_blob_id: str | None = None
    total_count: int = 0
    is_untold: bool = False

    @property
    def blob_ids(self) -> set[str]:
        """The blobs that were written for it."""
        index = {self.index_blob_id} if self.index_blob_id is not None else set()
        return index | {segment.blob_id for segment in self.segments}


class PlannerDied(ForebayError):
    """Whoever planned a batch died of it, or answered nonsense: the batch may be the reason."""

    code = "planner_died"
