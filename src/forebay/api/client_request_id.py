"""`X-Client-Request-Id`: a caller's own name for an exchange, noted in the log and nowhere else."""

from __future__ import annotations

from forebay.api.keys import Headers
from forebay.core.errors import InvalidParameter

NAME = b"x-client-request-id"
MAX_CHARACTERS = 512


def client_request_id(headers: Headers) -> str:
    """Return the caller's id, empty where there is none.

    Raises `InvalidParameter` for one that is not ASCII, or longer than OpenAI allows.
    """
    for name, value in headers:
        if name == NAME:
            text = value.decode("latin-1")
            if len(text) > MAX_CHARACTERS or not (text.isascii() and text.isprintable()):
                raise InvalidParameter(
                    "'X-Client-Request-Id' must be ASCII, of at most 512 characters.",
                    param="X-Client-Request-Id",
                )
            return text
    return ""
