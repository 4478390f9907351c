"""The ASGI application: every route, and the edge where errors become bodies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.batches import batch_routes
from forebay.api.files import file_routes
from forebay.api.inference import InferenceRoute
from forebay.api.keys import KeyRing
from forebay.api.models import model_routes
from forebay.api.organization import organization_routes
from forebay.api.routes import ErrorEdge, json_response
from forebay.api.stored import stored_routes
from forebay.core.errors import ForebayError
from forebay.core.ids import NewId
from forebay.dialects.dialect import Dialect, DialectName
from forebay.lanes.admission import Admission
from forebay.lanes.background import Background
from forebay.lanes.batch.batches import BatchDesk
from forebay.lanes.batch.files import FileDesk
from forebay.lanes.catalogue import Catalogue
from forebay.lanes.realtime import Realtime
from forebay.store.projects import Projects

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]

PATHS: dict[DialectName, str] = {
    DialectName.CHAT: "/v1/chat/completions",
    DialectName.RESPONSES: "/v1/responses",
    DialectName.MESSAGES: "/v1/messages",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the routes call."""

    keys: KeyRing
    catalogue: Catalogue
    dialects: dict[DialectName, Dialect]
    admission: Admission
    realtime: Realtime
    background: Background
    files: FileDesk
    batches: BatchDesk
    projects: Projects
    new_id: NewId
    max_body_bytes: int


def build_app(rooms: Rooms) -> Starlette:
    """Return the application. The hot routes come first: a router looks in order."""
    edge = ErrorEdge(rooms.new_id)
    return Starlette(
        routes=[
            *_inference_routes(rooms),
            *stored_routes(rooms.keys, rooms.background),
            *file_routes(rooms.keys, rooms.files),
            *batch_routes(rooms.keys, rooms.batches),
            *model_routes(rooms.keys, rooms.catalogue),
            *organization_routes(rooms.keys, rooms.projects),
            Route("/health", _health, methods=["GET"]),
        ],
        exception_handlers={ForebayError: edge, HTTPException: edge, Exception: edge},
    )


def _inference_routes(rooms: Rooms) -> list[Route]:
    return [
        Route(
            path,
            InferenceRoute(
                rooms.dialects[name],
                keys=rooms.keys,
                admission=rooms.admission,
                realtime=rooms.realtime,
                background=rooms.background,
                new_id=rooms.new_id,
                max_body_bytes=rooms.max_body_bytes,
            ),
            methods=["POST"],
        )
        for name, path in PATHS.items()
    ]


async def _health(_: Request) -> Response:
    return json_response({"status": "ok"})
