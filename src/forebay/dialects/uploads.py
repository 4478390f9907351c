"""The wire shapes of uploads, as OpenAI's Uploads API has them: bodies in, objects out."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from forebay.core.clock import seconds_of
from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.core.files import File
from forebay.core.uploads import Upload, UploadPart, UploadStatus
from forebay.dialects.files import (
    MAX_EXPIRY_S,
    MIN_EXPIRY_S,
    check_name,
    check_new_file,
    file_object,
)
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import read

MAX_NAME_CHARACTERS = 512

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]

_MIME_TYPE = re.compile(r"[\w.+-]+(/[\w.+-]+)?(\s*;.*)?", re.ASCII)
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


class FileExpiry(msgspec.Struct):
    """How long the file is kept, from its making on."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=MIN_EXPIRY_S, le=MAX_EXPIRY_S)]


class UploadBody(msgspec.Struct):
    """A new upload: what its file is to be, and how many bytes it has."""

    filename: Name
    purpose: str
    bytes: Annotated[int, Meta(ge=1)]
    mime_type: Name
    expires_after: FileExpiry | None = None

    @property
    def file_expires_after_s(self) -> int | None:
        """How long the file is to be kept, in seconds."""
        return None if self.expires_after is None else self.expires_after.seconds


class CompletionBody(msgspec.Struct):
    """The parts in the order of the file, and the MD5 of it all, hexadecimal, if it is known."""

    part_ids: Annotated[list[str], Meta(min_length=1)]
    md5: str | None = None


def parse_upload(body: JsonObject, *, max_bytes: int) -> UploadBody:
    """Return what the body asks for; raises `RequestRejected` with the field's name."""
    _refuse_unknown(body, UploadBody.__struct_fields__)
    shape = read(body, UploadBody)
    check_new_file(shape.purpose, shape.file_expires_after_s)
    check_name(shape.filename, param="filename")
    check_name(shape.mime_type, param="mime_type")
    if shape.bytes > max_bytes:
        raise InvalidParameter(f"An upload has at most {max_bytes} bytes.", param="bytes")
    if _MIME_TYPE.fullmatch(shape.mime_type) is None:
        raise InvalidParameter("Expected a MIME type such as 'text/plain'.", param="mime_type")
    return shape


def parse_completion(body: JsonObject) -> CompletionBody:
    """Return what the body names; raises `RequestRejected` with the field's name."""
    _refuse_unknown(body, CompletionBody.__struct_fields__)
    shape = read(body, CompletionBody)
    if shape.md5 is not None and _MD5.fullmatch(shape.md5) is None:
        raise InvalidParameter("Expected 32 hexadecimal digits.", param="md5")
    return shape


def upload_object(upload: Upload, status: UploadStatus, *, file: File | None) -> JsonObject:
    """Return the `upload` object; `file` is what it was completed to, while that is there."""
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.size_bytes,
        "created_at": seconds_of(upload.created_at),
        "expires_at": seconds_of(upload.expires_at),
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": status.value,
        "file": None if file is None else file_object(file),
    }


def part_object(part: UploadPart) -> JsonObject:
    """Return the `upload.part` object."""
    return {
        "id": part.id,
        "object": "upload.part",
        "created_at": seconds_of(part.created_at),
        "upload_id": part.upload_id,
    }


def _refuse_unknown(body: JsonObject, known: Collection[str]) -> None:
    for name in body:
        if name not in known:
            raise UnsupportedParameter(name, "an upload has no such field")
