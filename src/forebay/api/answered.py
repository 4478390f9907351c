"""The edge of a call that somebody waits for: whatever fails is answered in the caller's words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect

from forebay.api.connection import Connection
from forebay.core.errors import ForebayError
from forebay.dialects.dialect import ErrorReply

log = logging.getLogger(__name__)

Words = Callable[[ForebayError, str], ErrorReply]
"""An API's way to say an error, given the id of the exchange."""


async def answered(
    connection: Connection, answer: Callable[[Connection], Awaitable[None]], words: Words
) -> None:
    """Let `answer` answer the exchange, and say in these words what keeps it from that."""
    try:
        await answer(connection)
    except ForebayError as error:
        await _refuse(connection, error, words)
    except ClientDisconnect:
        log.info("caller left", extra={"request_id": connection.request_id})
    except asyncio.CancelledError:
        if not connection.is_gone:
            raise
        log.info("caller left", extra={"request_id": connection.request_id})
    except Exception:
        log.exception("call broke", extra={"request_id": connection.request_id})
        if not connection.has_begun:
            broken = ForebayError("The server had an error processing your request.")
            await _refuse(connection, broken, words)
    finally:
        connection.unwatch()


async def _refuse(connection: Connection, error: ForebayError, words: Words) -> None:
    reply = words(error, connection.request_id)
    log.info(
        "call refused",
        extra={
            "request_id": connection.request_id,
            "client_request_id": connection.client_request_id,
            "code": error.code,
            "status": reply.status,
        },
    )
    await connection.send_json(reply.body, status=reply.status, headers=reply.headers)
