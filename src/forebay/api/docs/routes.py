"""The routes of the description: for programs at `/openapi.json`, for people at `/docs`.

They hold no secrets and ask for no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.docs.page import Page, docs_page
from forebay.api.openapi.document import openapi_document
from forebay.api.openapi.operation import Answer, Group, Key, Operation
from forebay.api.openapi.schemas import Schemas
from forebay.api.routes import json_response
from forebay.dialects.turn import JsonObject
from forebay.dialects.wire import encode

OPERATIONS = (
    Operation(
        method="GET",
        path="/openapi.json",
        group=Group.SERVICE,
        summary="Describe the API to programs",
        answer=Answer(what="This document.", shape=JsonObject),
        key=Key.NONE,
    ),
    Operation(
        method="GET",
        path="/docs",
        group=Group.SERVICE,
        summary="Describe the API to people",
        answer=Answer(what="A page for a browser.", media_type="text/html; charset=utf-8"),
        key=Key.NONE,
    ),
)


@dataclass(frozen=True, slots=True)
class Description:
    """The API for programs, and for people."""

    document: bytes
    page: Page


@cache
def described(operations: tuple[Operation, ...]) -> Description:
    """Return the description of these operations, which is the same for every server."""
    schemas = Schemas()
    document = encode(openapi_document(operations, schemas))
    return Description(document, docs_page(operations, schemas))


def docs_routes(operations: tuple[Operation, ...]) -> list[Route]:
    """Return the routes that describe these operations."""
    description = described(operations)
    headers = {"content-security-policy": description.page.policy}

    async def openapi(_: Request) -> Response:
        return json_response(description.document)

    async def docs(_: Request) -> Response:
        return Response(description.page.content, headers=headers, media_type="text/html")

    return [
        Route("/openapi.json", openapi, methods=["GET"]),
        Route("/docs", docs, methods=["GET"]),
    ]
