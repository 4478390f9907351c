"""OpenAI's client as every script of it uses it."""

from __future__ import annotations

from openai import OpenAI


def connected() -> OpenAI:
    """Return a client that refuses bodies which are not as the API's schema says."""
    return OpenAI(max_retries=0, _strict_response_validation=True)


def lenient() -> OpenAI:
    """Return the client as others use it, where its schema refuses what OpenAI itself answers."""
    return OpenAI(max_retries=0)
