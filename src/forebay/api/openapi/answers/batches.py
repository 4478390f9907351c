"""The answers that are Forebay's own of batches: single results, and what a batch came to."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from forebay.api.openapi.answers.files import BatchUsage
from forebay.api.openapi.answers.shared import Cost, Count, Seconds
from forebay.core.batches import BatchStatus

Amount = Annotated[float, Meta(ge=0)]


class BatchResponse(msgspec.Struct):
    """What the endpoint of the batch answered, well or badly."""

    status_code: int
    request_id: str
    body: dict[str, object]


class BatchResultError(msgspec.Struct):
    """Why a request was not answered."""

    code: str
    message: str


class BatchResult(msgspec.Struct):
    """The result of one request, as it stands in the batch's output or error file.

    `custom_id` is null where the server has lost the request itself.
    """

    id: str
    custom_id: str | None
    response: BatchResponse | None
    error: BatchResultError | None


class ReportLines(msgspec.Struct):
    """What became of the lines: each is counted once, so the others add up to `total`.

    `accepted` are answers of the form that was asked for, and those that were accepted downstream;
    `rejected` those that were not. `schema_failed` are answers that break the strict format that
    was asked for, and that nobody judged. `invalid` were refused by their endpoint,
    `engine_failed` found no engine that answered them, and the rest was never run.
    """

    total: Count
    accepted: Count
    rejected: Count
    schema_failed: Count
    invalid: Count
    engine_failed: Count
    expired: Count
    cancelled: Count
    unfinished: Count


class ReportVerdicts(msgspec.Struct):
    """How many results were judged downstream."""

    accepted: Count
    rejected: Count


class ReportWaste(msgspec.Struct):
    """The tokens of attempts that had to be repeated; not billed, they cost all the same."""

    input_tokens: Count
    output_tokens: Count
    cost: Cost


class ReportTime(msgspec.Struct):
    """How long it took: from creation to the end, and from the first line on; so far, if it runs.

    Speeds are those of the run: tokens in and out, and lines that an engine or the endpoint ended.
    """

    wall_s: Amount
    run_s: Amount | None
    tokens_per_s: Amount | None
    lines_per_s: Amount | None


class ReportWindow(msgspec.Struct):
    """Whether the completion window was met; null while that is open, or for what was cancelled.

    `margin_s` is what was left of it at the end, or is left now, and below 0 when it is missed.
    """

    name: str
    deadline_at: Seconds
    is_met: bool | None
    margin_s: float | None


class BatchReport(msgspec.Struct):
    """What a batch came to; with `is_final` false: so far.

    `cost` is billed. `spent` is that and the cost of the waste, and `cost_per_accepted` is `spent`
    divided by the accepted lines: null while there are none. `prefix_cache_share` is the part of
    the input tokens that the engines had in their caches.
    """

    object: Literal["batch.report"]
    batch_id: str
    status: BatchStatus
    is_final: bool
    lines: ReportLines
    verdicts: ReportVerdicts
    retries: Count
    usage: BatchUsage
    prefix_cache_share: Annotated[float, Meta(ge=0, le=1)] | None
    waste: ReportWaste
    cost: Cost
    spent: Cost
    cost_per_accepted: Cost | None
    time: ReportTime
    window: ReportWindow
