"""Plans as their tests make them: of lines in a blob, for models that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forebay.core.batches import BatchApi
from forebay.dialects.turn import JsonObject
from forebay.lanes.batch.lines import SegmentLine, decode_lines
from forebay.lanes.batch.plan import plan
from forebay.lanes.batch.plan_job import Plan, PlanJob, SourceExtent, SourceForm
from forebay.store.blobs import Blobs, Extent

ENDPOINT = "/v1/chat/completions"


def line(custom_id: str, model: str = "tiny", *, prompt: str | None = None) -> bytes:
    """Return a line of a caller's file; its prompt is its custom id, if nothing else is named."""
    body: JsonObject = {
        "model": model,
        "messages": [{"role": "user", "content": custom_id if prompt is None else prompt}],
    }
    values = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body}
    return json.dumps(values).encode() + b"\n"


def job(*source: SourceExtent, **others: Any) -> PlanJob:
    """Return a job for the models "tiny", which has an alias, and "large"."""
    values: dict[str, Any] = {
        "batch_id": "batch_1",
        "endpoint": ENDPOINT,
        "api": BatchApi.BATCHES,
        "form": SourceForm.LINES,
        "source": list(source),
        "models": {"tiny": "tiny", "tiny-alias": "tiny", "large": "large"},
        "closed": {"slow": "it does not offer the window"},
        "fallback_model": "tiny",
        "is_untold": False,
        "max_requests": 1000,
        "max_errors": 3,
    }
    return PlanJob(**(values | others))


async def planned(blobs: Blobs, folder: Path, *lines: bytes, **others: Any) -> Plan:
    """Return the plan of a file of these lines."""
    blob = await blobs.put(b"".join(lines))
    return await plan(job(SourceExtent(blob_id=blob.id), **others), blobs, folder=folder)


async def segments_of(blobs: Blobs, made: Plan) -> list[list[SegmentLine]]:
    """Return the lines of every segment of a plan."""
    return [decode_lines(await blobs.get(segment.extent)) for segment in made.segments]


async def ids_of(blobs: Blobs, made: Plan) -> list[list[str]]:
    """Return the custom ids of every segment of a plan."""
    return [[each.custom_id for each in lines] for lines in await segments_of(blobs, made)]


def whole(blob_id: str) -> SourceExtent:
    """Return all of a blob as a source."""
    return SourceExtent(blob_id=blob_id)


def found(made: Plan) -> list[tuple[str, str | None, int | None]]:
    """Return the code, parameter and line of each error of a plan."""
    return [(error.code, error.param, error.line) for error in made.errors]


def index_of(made: Plan) -> Extent:
    """Return where a plan's index is; it must have one."""
    assert made.index_blob_id is not None
    return Extent(made.index_blob_id, 0, made.total_count * 24)
