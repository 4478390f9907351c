"""The content of files: whole, by ranges of bytes, or from a line on while a batch still runs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from forebay.api.keys import KeyRing
from forebay.api.openapi.operation import Answer, Group, Operation, Parameter
from forebay.api.ranges import asked_range
from forebay.api.routes import MAX_DIGITS, check_query
from forebay.core.errors import InvalidParameter, RangeNotSatisfiable
from forebay.lanes.batch.files import FileDesk, Reading

PATH = "/v1/files/{id}/content"
BYTES = "application/octet-stream"
SKIPS = ("offset", "skip")
LINES = Annotated[int, Meta(ge=0)]

OPERATIONS = (
    Operation(
        method="GET",
        path=PATH,
        group=Group.FILES,
        summary="Read a file",
        what="The results of a running batch are those so far. Results come with `X-Incomplete`, "
        "which is `true` while the batch may add to them, and, when they are sent to their end, "
        "`X-Last-Line`: the number of the last line, to be the next call's `offset`.",
        parameters=(
            Parameter("offset", LINES, "How many lines at the beginning are left out."),
            Parameter("skip", LINES, "The same as `offset`."),
            Parameter(
                "Range", str, "One range of bytes, of what is left: `bytes=0-99`.", is_header=True
            ),
        ),
        answer=Answer(what="Its bytes.", media_type=BYTES),
        more_answers=(Answer(what="The range of its bytes.", media_type=BYTES, status=206),),
        raises=(RangeNotSatisfiable,),
    ),
)


def file_content_routes(keys: KeyRing, files: FileDesk) -> list[Route]:
    """Return the route of the content of files."""

    async def content(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        check_query(request, SKIPS)
        reading = await files.open(caller, request.path_params["id"], skipped=_skipped(request))
        asked = asked_range(request.headers.raw, reading.size_bytes)
        start, length = asked or (0, reading.size_bytes)
        headers = {"accept-ranges": "bytes", "content-length": str(length)}
        headers |= _whereabouts(reading, is_whole=asked is None)
        if asked is not None:
            last = start + length - 1
            headers["content-range"] = f"bytes {start}-{last}/{reading.size_bytes}"
        status = 200 if asked is None else 206
        pieces = await files.read(reading, start=start, length=length)
        if request.method == "HEAD":
            await pieces.aclose()
            return Response(status_code=status, headers=headers, media_type=BYTES)
        return StreamingResponse(pieces, status, headers, media_type=BYTES)

    return [Route(PATH, content, methods=["GET"])]


def _skipped(request: Request) -> int:
    """Return how many lines are to be left out; raises `InvalidParameter`."""
    asked: set[int] = set()
    for name in SKIPS:
        text = request.query_params.get(name)
        if text is None:
            continue
        if not (text.isascii() and text.isdecimal()) or len(text) > MAX_DIGITS:
            raise InvalidParameter(f"'{name}' must be a number of lines.", param=name)
        asked.add(int(text))
    if len(asked) > 1:
        raise InvalidParameter("'offset' and 'skip' mean the same, and differ.", param="skip")
    return asked.pop() if asked else 0


def _whereabouts(reading: Reading, *, is_whole: bool) -> dict[str, str]:
    """Return what a caller who reads a batch's results goes on by."""
    if reading.last_line is None:
        return {}
    headers = {"x-incomplete": "true" if reading.content.is_growing else "false"}
    # A range may end anywhere in a line.
    return headers | {"x-last-line": str(reading.last_line)} if is_whole else headers
