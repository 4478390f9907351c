"""The wire shape of files, as OpenAI's Files API has it, and what its uploads may say."""

from __future__ import annotations

from forebay.core.clock import seconds_of
from forebay.core.errors import InvalidParameter
from forebay.core.files import File
from forebay.dialects.turn import JsonObject

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
OUTPUT_PURPOSES = ("batch_output", "assistants_output", "fine-tune-results")
MIN_EXPIRY_S = 3600
MAX_EXPIRY_S = 2_592_000


def check_new_file(purpose: str, expires_after_s: int | None) -> None:
    """Raise `InvalidParameter` for what no uploaded file can be for, or a life it cannot have."""
    if purpose not in PURPOSES:
        raise _unsupported(purpose, PURPOSES)
    if expires_after_s is not None and not MIN_EXPIRY_S <= expires_after_s <= MAX_EXPIRY_S:
        raise InvalidParameter(
            f"Expected between {MIN_EXPIRY_S} and {MAX_EXPIRY_S} seconds.",
            param="expires_after.seconds",
        )


def check_name(name: str, *, param: str) -> None:
    """Raise `InvalidParameter` for a name or type of a file that a database cannot keep."""
    if "\0" in name:
        raise InvalidParameter("The character U+0000 is not taken.", param=param)


def check_listed_purpose(purpose: str) -> None:
    """Raise `InvalidParameter` for a purpose that no file in a list can have."""
    known = (*PURPOSES, *OUTPUT_PURPOSES)
    if purpose not in known:
        raise _unsupported(purpose, known)


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


def _unsupported(purpose: str, known: tuple[str, ...]) -> InvalidParameter:
    names = ", ".join(f"'{name}'" for name in known)
    return InvalidParameter(
        f"Invalid value: '{purpose}'. Supported values are: {names}.", param="purpose"
    )
