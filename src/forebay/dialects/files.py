"""The wire shape of files, as OpenAI's Files API has it."""

from __future__ import annotations

from forebay.core.clock import seconds_of
from forebay.core.files import File
from forebay.dialects.turn import JsonObject


def file_object(file: File) -> JsonObject:
    """Return the `file` object; `status` is deprecated there, and required."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": seconds_of(file.created_at),
        "expires_at": None if file.expires_at is None else seconds_of(file.expires_at),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def page(objects: list[JsonObject], *, has_more: bool) -> JsonObject:
    """Return one page of a cursor list; the next one begins after `last_id`."""
    return {
        "object": "list",
        "data": objects,
        "first_id": objects[0]["id"] if objects else None,
        "last_id": objects[-1]["id"] if objects else None,
        "has_more": has_more,
    }
