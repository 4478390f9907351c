"""What stands at `/`: who answers here, and where to go on. Clients look whether anybody does."""

from __future__ import annotations

from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay import __version__
from forebay.api.openapi.operation import Answer, Group, Key, Operation
from forebay.api.routes import json_response


class FrontPage(msgspec.Struct, frozen=True):
    """Who answers here, and where to go on."""

    name: Literal["forebay"]
    version: str
    links: dict[str, str]


OPERATIONS = (
    Operation(
        method="GET",
        path="/",
        group=Group.SERVICE,
        summary="Tell who answers here",
        answer=Answer(what="Forebay does.", shape=FrontPage),
        key=Key.NONE,
    ),
)

LINKS = {
    "docs": "/docs",
    "openapi": "/openapi.json",
    "health": "/health",
    "ready": "/ready",
    "models": "/v1/models",
}


def front_page_routes() -> list[Route]:
    """Return the route of `/`."""
    page = FrontPage(name="forebay", version=__version__, links=LINKS)

    async def front_page(_: Request) -> Response:
        return json_response(page)

    return [Route("/", front_page, methods=["GET"])]
