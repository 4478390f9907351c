"""Metadata as the APIs carry it: pairs of strings, in OpenAI's limits, and what is never shown."""

from __future__ import annotations

from collections.abc import Mapping

from forebay.core.errors import (
    InvalidParameter,
    InvalidType,
    MissingParameter,
    UnsupportedParameter,
)
from forebay.dialects.turn import JsonObject

MAX_PAIRS = 16
MAX_KEY_CHARACTERS = 64
MAX_VALUE_CHARACTERS = 512

# Reserved keys that hold secrets: they are used, and never shown again.
_SECRET = frozenset({"webhook_token"})

# Reserved keys whose meaning would be lost if they were let through.
_UNSUPPORTED = ("review", "on_late")
_BACKGROUND_ONLY = ("completion_webhook", "webhook_token")


def read_metadata(body: JsonObject) -> dict[str, str]:
    """Return the body's `metadata`, empty where absent; raises an error that names the key."""
    pairs = body.get("metadata")
    if pairs is None:
        return {}
    if not isinstance(pairs, dict):
        raise InvalidType("Invalid type for 'metadata': expected an object.", param="metadata")
    if len(pairs) > MAX_PAIRS:
        raise InvalidParameter(
            f"Invalid 'metadata': too many pairs. Expected at most {MAX_PAIRS}, got {len(pairs)}.",
            param="metadata",
        )
    for key, value in pairs.items():
        check_pair(key, value)
    return pairs


def new_metadata(body: JsonObject) -> dict[str, str]:
    """Return the metadata that an object without a lane of its own shall have; null empties it.

    Raises what `read_metadata` does, `MissingParameter`, and an error for a reserved key.
    """
    if "metadata" not in body:
        raise MissingParameter("metadata")
    metadata = read_metadata(body)
    refuse_reserved(metadata, is_background=False)
    return metadata


def check_pair(key: str, value: object) -> None:
    """Raise `InvalidType` or `InvalidParameter` for a pair that metadata cannot hold."""
    if len(key) > MAX_KEY_CHARACTERS:
        raise InvalidParameter(
            f"Invalid key in 'metadata': longer than {MAX_KEY_CHARACTERS} characters.",
            param="metadata",
        )
    param = f"metadata.{key}"
    if not isinstance(value, str):
        raise InvalidType(f"Invalid type for '{param}': expected a string.", param=param)
    if "\0" in key or "\0" in value:
        # A database that lists by metadata could not read it.
        raise InvalidParameter(
            "Invalid 'metadata': the character U+0000 is not taken.", param="metadata"
        )
    if len(value) > MAX_VALUE_CHARACTERS:
        raise InvalidParameter(
            f"Invalid '{param}': longer than {MAX_VALUE_CHARACTERS} characters.", param=param
        )


def refuse_reserved(metadata: Mapping[str, str], *, is_background: bool) -> None:
    """Raise `UnsupportedParameter` for a reserved key that would have no effect here.

    Raises `InvalidParameter` for a `webhook_token` that could not be sent.
    """
    for key in _UNSUPPORTED:
        if key in metadata:
            raise UnsupportedParameter(f"metadata.{key}")
    for key in () if is_background else _BACKGROUND_ONLY:
        if key in metadata:
            reason = "only background responses call a webhook"
            raise UnsupportedParameter(f"metadata.{key}", reason)
    if "webhook_token" in metadata:
        _check_token(metadata["webhook_token"], has_webhook="completion_webhook" in metadata)


def refuse_reserved_of_batch(metadata: Mapping[str, str], *, window: str) -> None:
    """Raise `UnsupportedParameter` for what a batch, or a line of it, cannot mean by its metadata.

    `window` is the batch's, and may be named again.
    """
    refuse_reserved(metadata, is_background=False)
    if metadata.get("completion_window", window) != window:
        raise UnsupportedParameter(
            "metadata.completion_window", f"the 'completion_window' of the batch is '{window}'"
        )


def _check_token(token: str, *, has_webhook: bool) -> None:
    param = "metadata.webhook_token"
    if not has_webhook:
        raise UnsupportedParameter(param, "there is no 'metadata.completion_webhook' to send it to")
    # What is wrong is not repeated: it is a secret.
    if not token or not (token.isascii() and token.isprintable()):
        raise InvalidParameter(
            f"Invalid '{param}': a header can carry printable ASCII characters only, at least one.",
            param=param,
        )


def shown(metadata: dict[str, str]) -> dict[str, str]:
    """Return the pairs that an answer may show."""
    return {key: value for key, value in metadata.items() if key not in _SECRET}
