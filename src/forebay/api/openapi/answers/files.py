"""The answers of Files and Batches."""

from __future__ import annotations

from typing import Literal

import msgspec

from forebay.api.openapi.answers.chat import CachedTokens, ReasoningTokens
from forebay.api.openapi.answers.shared import Cost, Count, Metadata, Page, Seconds
from forebay.core.batches import BatchStatus


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


class BatchForebay(msgspec.Struct):
    """What is Forebay's own of a batch."""

    window: str
    deadline_at: Seconds
    cost: Cost


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
