"""The body that makes a Message Batch: its envelope is checked at the door, its params when run.

The messages are those that Anthropic's API refuses such bodies with.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import msgspec

from forebay.core.errors import InvalidJson, InvalidParameter, RequestRejected
from forebay.dialects.metadata import read_metadata, refuse_reserved_of_batch
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import decode_object

CUSTOM_ID = r"^[a-zA-Z0-9_-]{1,64}$"
MAX_ID_CHARACTERS = 64

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]+")
_AT = re.compile(r" - at `\$\.(?P<name>\w+)`$")
_NAMED = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`$")


class MessageBatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request: the body of a call of Messages, and a name for it."""

    custom_id: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": CUSTOM_ID})]
    params: msgspec.Raw


class BatchMetadata(msgspec.Struct):
    """Forebay's own: the completion window."""

    completion_window: str | None = None


class MessageBatchBody(msgspec.Struct):
    """The body of `POST /v1/messages/batches`."""

    requests: Annotated[list[MessageBatchRequest], msgspec.Meta(min_length=1)]
    metadata: BatchMetadata | None = None


_decoder = msgspec.json.Decoder(MessageBatchRequest)
_encode = msgspec.json.Encoder().encode


class MessageBatchRequests:
    """The requests of one such body, in their order; remembers their names."""

    def __init__(self, *, max_requests: int) -> None:
        self._max_requests = max_requests
        self._seen: set[bytes] = set()

    def begin(self, before: JsonObject) -> None:
        """Take note of the fields that came before the requests: nothing follows from them."""

    def line(self, number: int, element: bytes) -> bytes:
        """Return the request's line; raises `RequestRejected` that names what is wrong."""
        if number == self._max_requests:
            raise InvalidParameter(
                f"requests: List should have at most {number} items after validation",
                param="requests",
            )
        request = read_request(number, element)
        self._check_id(number, request.custom_id)
        return line_of(request)

    def _check_id(self, number: int, custom_id: str) -> None:
        at = f"requests.{number}.custom_id"
        if not custom_id:
            raise _wrong(at, "String should have at least 1 character")
        if len(custom_id) > MAX_ID_CHARACTERS:
            raise _wrong(at, f"String should have at most {MAX_ID_CHARACTERS} characters")
        if not _CUSTOM_ID.fullmatch(custom_id):
            raise _wrong(at, f"String should match pattern '{CUSTOM_ID}'")
        # Of a hundred thousand long names this keeps some ten megabytes.
        name = hashlib.blake2b(custom_id.encode(), digest_size=16).digest()
        if name in self._seen:
            raise _wrong(
                at,
                "custom_id's must be unique within a batch. "
                f"Duplicate custom_id found: {custom_id}",
            )
        self._seen.add(name)


def read_request(number: int, element: bytes) -> MessageBatchRequest:
    """Return the request of that number; raises `RequestRejected` that names what is wrong."""
    at = f"requests.{number}"
    try:
        request = _decoder.decode(element)
    except msgspec.ValidationError as error:
        raise _explained(at, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"The body is not valid JSON: {at}: {error}") from None
    except RecursionError:
        raise InvalidJson(f"The body is nested too deeply: {at}.") from None
    params = bytes(request.params)
    if not params.startswith(b"{"):
        raise _wrong(f"{at}.params", "Input should be an object")
    # What they say is looked at when they are run; that they are JSON, before they are kept.
    try:
        decode_object(params)
    except InvalidJson as error:
        raise InvalidJson(f"{at}.params: {error}") from None
    return request


def line_of(request: MessageBatchRequest) -> bytes:
    """Return the request as one line of JSON, with its line feed."""
    line = _encode(request)
    if b"\n" in line or b"\r" in line:
        # Only between the tokens of its params: in texts they are escaped.
        line = msgspec.json.format(line, indent=-1)
    return line + b"\n"


def window_of(fields: JsonObject, *, has_list: bool, count: int) -> str | None:
    """Check what is beside the requests; returns the completion window that `metadata` names.

    Raises `RequestRejected` that names what is wrong, also when there are no requests.
    """
    if not has_list and "requests" not in fields:
        raise _wrong("requests", "Field required")
    if not has_list:
        raise _wrong("requests", "Input should be a valid list")
    if count == 0:
        raise _wrong("requests", "List should have at least 1 item after validation, not 0")
    for name in fields.keys() - {"metadata"}:
        raise _wrong(name, "Extra inputs are not permitted")
    metadata = read_metadata(fields)
    named = metadata.get("completion_window")
    refuse_reserved_of_batch(metadata, window=named or "")
    for name in metadata.keys() - {"completion_window"}:
        raise _wrong(f"metadata.{name}", "Extra inputs are not permitted: nothing is kept of it")
    return named


def _explained(at: str, message: str) -> RequestRejected:
    named = _NAMED.match(message)
    if named is not None and named["what"] == "missing required":
        return _wrong(f"{at}.{named['name']}", "Field required")
    if named is not None:
        return _wrong(f"{at}.{named['name']}", "Extra inputs are not permitted")
    found = _AT.search(message)
    if found is None:
        return _wrong(at, "Input should be an object")
    return _wrong(f"{at}.{found['name']}", "Input should be a valid string")


def _wrong(at: str, why: str) -> InvalidParameter:
    return InvalidParameter(f"{at}: {why}", param=at)
