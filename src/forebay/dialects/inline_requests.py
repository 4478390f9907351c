"""Requests in the body of `POST /v1/batches`, in the place of a file of them: made lines of one.

What is in their params is checked with all other lines, by validation.
"""

from __future__ import annotations

import re

import msgspec

from forebay.core.errors import (
    InvalidJson,
    InvalidParameter,
    InvalidType,
    MissingParameter,
    RequestRejected,
)
from forebay.dialects.turn import JsonObject

_AT = re.compile(r" - at `\$\.(?P<name>\w+)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`$")


class InlineRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request: the body of a call of the batch's endpoint, and a name for it."""

    custom_id: str
    params: msgspec.Raw


class _Line(msgspec.Struct, frozen=True):
    """A line of an input file, as OpenAI's Batch API has it."""

    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


_decoder = msgspec.json.Decoder(InlineRequest)
_line_decoder = msgspec.json.Decoder(_Line)
_encode = msgspec.json.Encoder().encode


class InlineRequests:
    """The requests of one such body, in their order.

    The lines name its endpoint as far as that is known when they are made: `url` is what they name.
    """

    def __init__(self, *, max_requests: int) -> None:
        self._max_requests = max_requests
        self.url = ""

    def begin(self, before: JsonObject) -> None:
        """Take note of the fields that came before the requests."""
        endpoint = before.get("endpoint")
        self.url = endpoint if isinstance(endpoint, str) else ""

    def line(self, number: int, element: bytes) -> bytes:
        """Return the request's line; raises `RequestRejected` that names what is wrong."""
        if number == self._max_requests:
            raise InvalidParameter(
                f"Invalid 'requests': array too long. Expected at most {number} items.",
                param="requests",
            )
        request = _read(f"requests[{number}]", element)
        if "\0" in request.custom_id:
            raise InvalidParameter(
                "The character U+0000 is not taken.", param=f"requests[{number}].custom_id"
            )
        return _written(_Line(request.custom_id, "POST", self.url, request.params))


def moved(line: bytes, *, url: str) -> bytes:
    """Return a line that names another endpoint."""
    return _written(msgspec.structs.replace(_line_decoder.decode(line), url=url))


def check_source(fields: JsonObject, *, has_list: bool, count: int) -> bool:
    """Tell whether the requests are in the body, which must have either them or an input file.

    Raises `RequestRejected` when it has both or neither, or no request among them.
    """
    is_inline = has_list or fields.get("requests") is not None
    if not is_inline:
        return False
    if not has_list:
        raise InvalidType("Invalid type for 'requests': expected an array.", param="requests")
    if fields.get("input_file_id") is not None:
        raise InvalidParameter(
            "A batch has either an 'input_file_id' or 'requests', not both.", param="requests"
        )
    if count == 0:
        raise InvalidParameter(
            "Invalid 'requests': empty array. Expected at least one item.", param="requests"
        )
    return True


def _written(line: _Line) -> bytes:
    text = _encode(line)
    if b"\n" in text or b"\r" in text:
        # Only between the tokens of the body: in texts they are escaped.
        text = msgspec.json.format(text, indent=-1)
    return text + b"\n"


def _read(at: str, element: bytes) -> InlineRequest:
    try:
        request = _decoder.decode(element)
    except msgspec.ValidationError as error:
        raise _explained(at, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"The body is not valid JSON: {at}: {error}") from None
    if not bytes(request.params).startswith(b"{"):
        param = f"{at}.params"
        raise InvalidType(f"Invalid type for '{param}': expected an object.", param=param)
    return request


def _explained(at: str, message: str) -> RequestRejected:
    if missing := _MISSING.match(message):
        return MissingParameter(f"{at}.{missing['name']}")
    if unknown := _UNKNOWN.match(message):
        param = f"{at}.{unknown['name']}"
        return InvalidParameter(f"Unknown parameter: '{param}'.", param=param)
    found = _AT.search(message)
    if found is None:
        return InvalidType(f"Invalid type for '{at}': expected an object.", param=at)
    param = f"{at}.{found['name']}"
    return InvalidType(f"Invalid type for '{param}': expected a string.", param=param)
