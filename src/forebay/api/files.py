"""Files: upload, list, look, delete; their content is in `file_content`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits, body_pieces, refuse_declared
from forebay.api.idempotency import idempotency_key, key_use
from forebay.api.keys import KeyRing
from forebay.api.multipart import (
    MAX_FORM_BYTES,
    Event,
    MultipartReader,
    PartBegin,
    field_text,
    part_pieces,
)
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.files import FileObject, FilePage
from forebay.api.openapi.answers.shared import Deleted
from forebay.api.openapi.bodies import UploadForm
from forebay.api.openapi.operation import Answer, FormBody, Group, Operation, Parameter
from forebay.api.routes import MAX_DIGITS, check_query, is_oldest_first, json_response, limit_of
from forebay.core.errors import InvalidParameter, MissingParameter, UnsupportedParameter
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode
from forebay.lanes.admission import Caller
from forebay.lanes.batch.files import FILE, FileDesk
from forebay.lanes.idempotency import Idempotency
from forebay.store.blobs import BlobWriter
from forebay.store.reservations import Birth

PATH = "/v1/files"
ONE = PATH + "/{id}"
LISTED_BY = ("purpose", "after", "limit", "order")
FIELDS = ("purpose", "expires_after[anchor]", "expires_after[seconds]")

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        group=Group.FILES,
        summary="Upload a file",
        what="It is durable when the answer comes.",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        body=FormBody(UploadForm),
        answer=Answer(what="The file.", shape=FileObject),
    ),
    Operation(
        method="GET",
        path=PATH,
        group=Group.FILES,
        summary="List files",
        parameters=(
            Parameter("purpose", str, "Only files for this purpose."),
            parameters.AFTER,
            parameters.limit(default=10_000, most=10_000),
            parameters.order(default="desc"),
        ),
        answer=Answer(what="A page of files.", shape=FilePage),
    ),
    Operation(
        method="GET",
        path=ONE,
        group=Group.FILES,
        summary="Look at a file",
        answer=Answer(what="The file.", shape=FileObject),
    ),
    Operation(
        method="DELETE",
        path=ONE,
        group=Group.FILES,
        summary="Delete a file",
        answer=Answer(what="It is gone.", shape=Deleted),
    ),
)


def file_routes(
    keys: KeyRing, files: FileDesk, idempotency: Idempotency, limits: BodyLimits
) -> list[Route]:
    """Return the routes under `/v1/files`; the limits are those of one file and of its pieces."""

    async def upload(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        key = idempotency_key(request.headers.raw)
        refuse_declared(request.headers.raw, limits.max_bytes + MAX_FORM_BYTES)
        pieces = body_pieces(request.receive, timeout_s=limits.timeout_s)
        reader = MultipartReader(request.headers.get("content-type", ""))
        received = await _received(reader.events(pieces), files)
        return json_response(await _added_once(received, caller, files, key, idempotency))

    async def page(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_query(request, LISTED_BY)
        query = request.query_params
        return json_response(
            await files.page(
                caller,
                purpose=query.get("purpose"),
                after=query.get("after"),
                limit=limit_of(request, default=10_000, most=10_000),
                is_oldest_first=is_oldest_first(request),
            )
        )

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await files.get(caller, request.path_params["id"]))

    async def delete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await files.delete(caller, request.path_params["id"]))

    return [
        Route(PATH, upload, methods=["POST"]),
        Route(PATH, page, methods=["GET"]),
        Route(ONE, get, methods=["GET"]),
        Route(ONE, delete, methods=["DELETE"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """A form whose parts have all come; `form` tells it from every other one."""

    writer: BlobWriter
    filename: str
    purpose: str
    expires_after_s: int | None
    form: bytes


async def _added_once(
    upload: _Upload, caller: Caller, files: FileDesk, key: str | None, idempotency: Idempotency
) -> JsonObject:
    """Make a file of the upload, or show what its key made of an equal one before."""
    is_used = False

    async def make(birth: Birth) -> JsonObject:
        nonlocal is_used
        is_used = True
        return await files.add(
            caller,
            upload.writer,
            filename=upload.filename,
            purpose=upload.purpose,
            expires_after_s=upload.expires_after_s,
            birth=birth,
        )

    try:
        return await idempotency.once(
            key_use(key, caller, PATH, upload.form),
            FILE,
            make=make,
            show=lambda made_id: files.get(caller, made_id),
        )
    finally:
        if not is_used:
            await upload.writer.abandon()


async def _received(events: AsyncIterator[Event], files: FileDesk) -> _Upload:
    """Take the form's parts in any order; what was received goes away with any error."""
    fields: dict[str, str] = {}
    filename = ""
    writer: BlobWriter | None = None
    try:
        async for event in events:
            if not isinstance(event, PartBegin):
                continue
            if event.filename is None:
                fields[event.name] = await _field(event.name, events, fields)
            elif event.name == "file" and writer is None:
                filename = event.filename
                writer = await files.receive(part_pieces(events))
            else:
                raise InvalidParameter("The form has an unexpected file.", param=event.name)
        if writer is None:
            raise MissingParameter("file")
        if "purpose" not in fields:
            raise MissingParameter("purpose")
        expires_after_s = _expires_after_s(fields)
    except BaseException:
        if writer is not None:
            await writer.abandon()
        raise
    return _Upload(
        writer=writer,
        filename=filename or "upload",
        purpose=fields["purpose"],
        expires_after_s=expires_after_s,
        # Not the body as it came: its boundary is made anew for every call.
        form=encode([sorted(fields.items()), filename, writer.sha256]),
    )


async def _field(name: str, events: AsyncIterator[Event], there: Collection[str]) -> str:
    """Return a field's text; raises an error for one that would be left out of account."""
    if name == "file":
        raise InvalidParameter("The part 'file' has no filename, so it is no file.", param=name)
    if name not in FIELDS:
        raise UnsupportedParameter(name, "the form has no such field")
    if name in there:
        raise InvalidParameter(f"'{name}' is there more than once.", param=name)
    return await field_text(events)


def _expires_after_s(fields: dict[str, str]) -> int | None:
    """Return the seconds of `expires_after`, which the SDKs send as two form fields."""
    anchor = fields.get("expires_after[anchor]")
    seconds = fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise InvalidParameter("Supported values are: 'created_at'.", param="expires_after.anchor")
    if seconds is None:
        raise MissingParameter("expires_after.seconds")
    if not (seconds.isascii() and seconds.isdecimal()) or len(seconds) > MAX_DIGITS:
        raise InvalidParameter("Expected a number of seconds.", param="expires_after.seconds")
    return int(seconds)
