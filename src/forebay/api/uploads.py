"""Uploads: begin, send parts, look, complete, cancel."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits, body_pieces, refuse_declared
from forebay.api.idempotency import idempotency_key, key_use, keyed_body
from forebay.api.keys import KeyRing
from forebay.api.multipart import (
    MAX_FORM_BYTES,
    Event,
    MultipartReader,
    PartBegin,
    part_pieces,
)
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.files import UploadObject, UploadPartObject
from forebay.api.openapi.bodies import PartForm
from forebay.api.openapi.operation import Answer, FormBody, Group, JsonBody, Operation
from forebay.api.routes import json_response
from forebay.core.errors import InvalidParameter, MissingParameter, UploadNotPending
from forebay.dialects.turn import JsonObject
from forebay.dialects.uploads import CompletionBody, UploadBody
from forebay.lanes.admission import Caller
from forebay.lanes.batch.files import FILE
from forebay.lanes.batch.uploads import MAX_PART_BYTES, PART, UPLOAD, UploadDesk
from forebay.lanes.idempotency import Idempotency
from forebay.store.blobs import BlobWriter
from forebay.store.reservations import Birth

PATH = "/v1/uploads"
ONE = PATH + "/{id}"
PARTS = ONE + "/parts"
COMPLETE = ONE + "/complete"
CANCEL = ONE + "/cancel"

OPERATIONS = (
    Operation(
        method="POST",
        path=PATH,
        group=Group.FILES,
        summary="Begin to upload a file in parts",
        what="It is ended after an hour, unless it is completed.",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        body=JsonBody(UploadBody),
        example={
            "filename": "in.jsonl",
            "purpose": "batch",
            "bytes": 1000,
            "mime_type": "application/jsonl",
        },
        answer=Answer(what="The upload.", shape=UploadObject),
    ),
    Operation(
        method="GET",
        path=ONE,
        group=Group.FILES,
        summary="Look at an upload",
        answer=Answer(what="The upload, with its file once that is made.", shape=UploadObject),
    ),
    Operation(
        method="POST",
        path=PARTS,
        group=Group.FILES,
        summary="Upload a part",
        what=f"Of {MAX_PART_BYTES} bytes at most. Parts come in any order, and several at once.",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        body=FormBody(PartForm),
        answer=Answer(what="The part.", shape=UploadPartObject),
        raises=(UploadNotPending,),
    ),
    Operation(
        method="POST",
        path=COMPLETE,
        group=Group.FILES,
        summary="Make a file of the parts of an upload",
        what="In the order in which they are named; those not named are forgotten. An upload that "
        "is completed already is answered with the file that it has, whatever is named.",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        body=JsonBody(CompletionBody),
        answer=Answer(what="The upload with its file.", shape=UploadObject),
        raises=(UploadNotPending,),
    ),
    Operation(
        method="POST",
        path=CANCEL,
        group=Group.FILES,
        summary="Cancel an upload",
        what="Its parts are forgotten.",
        answer=Answer(what="The upload.", shape=UploadObject),
        raises=(UploadNotPending,),
    ),
)


def upload_routes(
    keys: KeyRing, uploads: UploadDesk, idempotency: Idempotency, limits: BodyLimits
) -> list[Route]:
    """Return the routes under `/v1/uploads`; the limits are those of bodies of JSON."""

    async def create(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        body, use = await keyed_body(request, caller, PATH, limits)
        return json_response(
            await idempotency.once(
                use,
                UPLOAD,
                make=lambda birth: uploads.create(caller, body, birth=birth),
                show=lambda made_id: uploads.get(caller, made_id),
            )
        )

    async def get(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await uploads.get(caller, request.path_params["id"]))

    async def part(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        key = idempotency_key(request.headers.raw)
        refuse_declared(request.headers.raw, MAX_PART_BYTES + MAX_FORM_BYTES)
        upload_id = request.path_params["id"]
        await uploads.check_pending(caller, upload_id)
        pieces = body_pieces(request.receive, timeout_s=limits.timeout_s)
        reader = MultipartReader(request.headers.get("content-type", ""))
        writer = await _received(reader.events(pieces), uploads)
        return json_response(
            await _added_once(writer, caller, upload_id, uploads, key, idempotency)
        )

    async def complete(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        body, use = await keyed_body(request, caller, request.url.path, limits)
        upload_id = request.path_params["id"]
        return json_response(
            await idempotency.once(
                use,
                FILE,
                make=lambda birth: uploads.complete(caller, upload_id, body, birth=birth),
                show=lambda _: uploads.get(caller, upload_id),
            )
        )

    async def cancel(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await uploads.cancel(caller, request.path_params["id"]))

    return [
        Route(PATH, create, methods=["POST"]),
        Route(ONE, get, methods=["GET"]),
        Route(PARTS, part, methods=["POST"]),
        Route(COMPLETE, complete, methods=["POST"]),
        Route(CANCEL, cancel, methods=["POST"]),
    ]


async def _added_once(
    writer: BlobWriter,
    caller: Caller,
    upload_id: str,
    uploads: UploadDesk,
    key: str | None,
    idempotency: Idempotency,
) -> JsonObject:
    """Make a part of what was received, or show what its key made of the same before."""
    is_used = False

    async def make(birth: Birth) -> JsonObject:
        nonlocal is_used
        is_used = True
        return await uploads.add_part(caller, upload_id, writer, birth=birth)

    try:
        return await idempotency.once(
            key_use(key, caller, PARTS.format(id=upload_id), writer.sha256.encode()),
            PART,
            make=make,
            show=lambda made_id: uploads.part(caller, upload_id, made_id),
        )
    finally:
        if not is_used:
            await writer.abandon()


async def _received(events: AsyncIterator[Event], uploads: UploadDesk) -> BlobWriter:
    """Take the form's one part, `data`; what was received goes away with any error."""
    writer: BlobWriter | None = None
    try:
        async for event in events:
            if not isinstance(event, PartBegin):
                continue
            if event.name != "data" or writer is not None:
                raise InvalidParameter("The form has an unexpected part.", param=event.name)
            writer = await uploads.receive(part_pieces(events))
    except BaseException:
        if writer is not None:
            await writer.abandon()
        raise
    if writer is None:
        raise MissingParameter("data")
    return writer
