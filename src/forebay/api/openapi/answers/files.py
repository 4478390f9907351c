"""The answers of Files, Uploads and Batches."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from forebay.api.openapi.answers.chat import CachedTokens, ReasoningTokens
from forebay.api.openapi.answers.shared import Cost, Count, Metadata, Page, Seconds
from forebay.core.batches import BatchStatus
from forebay.core.uploads import UploadStatus


class FileObject(msgspec.Struct):
    """A file."""

    id: str
    object: Literal["file"]
    bytes: Count
    created_at: Seconds
    expires_at: Seconds | None
    filename: str
    purpose: str
    status: Literal["processed"]
    status_details: str | None


class UploadObject(msgspec.Struct):
    """A file that comes in parts; `file` is what was made of them, while that is there."""

    id: str
    object: Literal["upload"]
    bytes: Count
    created_at: Seconds
    expires_at: Seconds
    filename: str
    purpose: str
    status: UploadStatus
    file: FileObject | None


class UploadPartObject(msgspec.Struct):
    """A part of an upload."""

    id: str
    object: Literal["upload.part"]
    created_at: Seconds
    upload_id: str


class RequestCounts(msgspec.Struct):
    """How many lines a batch has, and how many of them are done."""

    total: Count
    completed: Count
    failed: Count


class BatchUsage(msgspec.Struct):
    """What all lines together took so far."""

    input_tokens: Count
    input_tokens_details: CachedTokens
    output_tokens: Count
    output_tokens_details: ReasoningTokens
    total_tokens: Count


class BatchLineError(msgspec.Struct):
    """What validation found; lines count from 1."""

    code: str
    message: str
    param: str | None
    line: int | None


class BatchErrors(msgspec.Struct):
    """Why a batch failed."""

    object: Literal["list"]
    data: list[BatchLineError]


class BatchProgress(msgspec.Struct):
    """How far a batch is that runs: lines with a result, and how long it may still take.

    The speed and the time left are estimates, and left out where nothing is known.
    """

    done: Count
    total: Count
    elapsed_s: Annotated[float, msgspec.Meta(ge=0)]
    eta_s: Annotated[float, msgspec.Meta(ge=0)] | UnsetType = UNSET
    lines_per_s: Annotated[float, msgspec.Meta(ge=0)] | UnsetType = UNSET


class BatchForebay(msgspec.Struct):
    """What is Forebay's own of a batch.

    From the moment it is accepted until it ends there is when that is expected (`expected_at`): by
    what is recorded lately, or, where nothing is known, its deadline.
    """

    window: str
    deadline_at: Seconds
    cost: Cost
    expected_at: Seconds | UnsetType = UNSET
    progress: BatchProgress | UnsetType = UNSET
    window_missed: Literal[True] | UnsetType = UNSET
    retry_of: str | UnsetType = UNSET


class BatchObject(msgspec.Struct):
    """A batch, as it stands."""

    id: str
    object: Literal["batch"]
    endpoint: str
    model: str | None
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: BatchStatus
    output_file_id: str | None
    error_file_id: str | None
    created_at: Seconds
    in_progress_at: Seconds | None
    expires_at: Seconds
    finalizing_at: Seconds | None
    completed_at: Seconds | None
    failed_at: Seconds | None
    expired_at: Seconds | None
    cancelling_at: Seconds | None
    cancelled_at: Seconds | None
    request_counts: RequestCounts
    usage: BatchUsage
    metadata: Metadata | None
    forebay: BatchForebay


class FilePage(Page, kw_only=True):
    """A page of files."""

    data: list[FileObject]


class BatchPage(Page, kw_only=True):
    """A page of batches."""

    data: list[BatchObject]
