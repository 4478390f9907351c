"""The ASGI application: every route, and the edge where errors become bodies."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from forebay.api.batch_outcomes import Outcomes, batch_outcome_routes
from forebay.api.batches import batch_routes
from forebay.api.body import BodyLimits
from forebay.api.compaction import CompactionRoute
from forebay.api.conversations import conversation_routes
from forebay.api.counting import counting_routes
from forebay.api.docs.routes import docs_routes
from forebay.api.file_content import file_content_routes
from forebay.api.files import file_routes
from forebay.api.front_page import front_page_routes
from forebay.api.health import health_routes
from forebay.api.inference import InferenceRoute
from forebay.api.keys import KeyRing
from forebay.api.message_batches import message_batch_routes
from forebay.api.models import model_routes
from forebay.api.operations import every_operation
from forebay.api.organization import organization_routes
from forebay.api.repeats import Repeats
from forebay.api.response_lists import response_list_routes
from forebay.api.responses_socket import ResponsesSocket
from forebay.api.routes import ErrorEdge, RequestIds, StrangePaths, answer_nobody, match_to_the_end
from forebay.api.stored import stored_routes
from forebay.api.stored_chats import stored_chat_routes
from forebay.api.uploads import upload_routes
from forebay.api.webhook_endpoints import webhook_routes
from forebay.core.errors import ForebayError
from forebay.core.ids import NewId
from forebay.dialects.dialect import Dialect, DialectName
from forebay.lanes.admission import Admission
from forebay.lanes.background import Background
from forebay.lanes.batch.batches import BatchDesk
from forebay.lanes.batch.files import FileDesk
from forebay.lanes.batch.inline_batches import InlineBatches
from forebay.lanes.batch.message_batches import MessageBatchDesk
from forebay.lanes.batch.uploads import UploadDesk
from forebay.lanes.catalogue import Catalogue
from forebay.lanes.compaction import Compaction
from forebay.lanes.contexts import Contexts
from forebay.lanes.conversations import ConversationDesk
from forebay.lanes.counting import Counting
from forebay.lanes.delivery_desk import DeliveryDesk
from forebay.lanes.idempotency import Idempotency
from forebay.lanes.realtime import Realtime
from forebay.lanes.stored_chats import StoredChats
from forebay.lanes.stored_responses import StoredResponses
from forebay.lanes.webhook_desk import WebhookDesk
from forebay.store.projects import Projects

PATHS: dict[DialectName, str] = {
    DialectName.CHAT: "/v1/chat/completions",
    DialectName.RESPONSES: "/v1/responses",
    DialectName.MESSAGES: "/v1/messages",
    DialectName.EMBEDDINGS: "/v1/embeddings",
    DialectName.COMPLETIONS: "/v1/completions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the routes call."""

    keys: KeyRing
    catalogue: Catalogue
    dialects: dict[DialectName, Dialect]
    admission: Admission
    contexts: Contexts
    compaction: Compaction
    counting: Counting
    realtime: Realtime
    background: Background
    idempotency: Idempotency
    stored_responses: StoredResponses
    stored_chats: StoredChats
    conversations: ConversationDesk
    files: FileDesk
    uploads: UploadDesk
    batches: BatchDesk
    inline_batches: InlineBatches
    message_batches: MessageBatchDesk
    batch_outcomes: Outcomes
    webhook_endpoints: WebhookDesk
    webhook_deliveries: DeliveryDesk
    projects: Projects
    new_id: NewId
    max_body_bytes: int
    max_file_bytes: int
    max_batch_file_bytes: int
    max_message_batch_bytes: int
    body_timeout_s: float
    public_url: str | None


class FrontDoor:
    """The application: inference calls go straight to their routes, the rest through a router.

    The router's layers would cost some 8 us a call, and more a streamed piece.
    """

    def __init__(self, hot: dict[str, ASGIApp], sockets: dict[str, ASGIApp], rest: ASGIApp) -> None:
        self._hot = hot
        self._sockets = sockets
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one exchange."""
        if scope["type"] == "http" and scope["method"] == "POST":
            route = self._hot.get(scope["path"])
            if route is not None:
                await route(scope, receive, send)
                return
        if scope["type"] == "websocket" and scope["path"] in self._sockets:
            await self._sockets[scope["path"]](scope, receive, send)
            return
        await self._rest(scope, receive, send)


def build_app(rooms: Rooms) -> FrontDoor:
    """Return the application."""
    edge = ErrorEdge()
    limits = _limits(rooms, rooms.max_body_bytes)
    file_limits = _limits(rooms, rooms.max_file_bytes)
    hot: dict[str, ASGIApp] = {**_inference_routes(rooms, limits)}
    hot["/v1/responses/compact"] = CompactionRoute(
        rooms.compaction,
        rooms.idempotency,
        keys=rooms.keys,
        new_id=rooms.new_id,
        limits=limits,
    )
    hot |= counting_routes(
        rooms.counting, rooms.dialects, keys=rooms.keys, new_id=rooms.new_id, limits=limits
    )
    rest = Starlette(
        routes=[
            StrangePaths(),
            # For the answer to a wrong method; POST never comes so far.
            *(Route(path, route, methods=["POST"]) for path, route in hot.items()),
            *response_list_routes(rooms.keys, rooms.stored_responses),
            *stored_routes(
                rooms.keys, rooms.background, rooms.stored_responses, rooms.idempotency, limits
            ),
            *stored_chat_routes(rooms.keys, rooms.stored_chats, limits),
            *conversation_routes(rooms.keys, rooms.conversations, rooms.idempotency, limits),
            *file_routes(rooms.keys, rooms.files, rooms.idempotency, file_limits),
            *file_content_routes(rooms.keys, rooms.files),
            *upload_routes(rooms.keys, rooms.uploads, rooms.idempotency, limits),
            *batch_routes(
                rooms.keys,
                rooms.batches,
                rooms.inline_batches,
                rooms.idempotency,
                _limits(rooms, rooms.max_batch_file_bytes),
            ),
            *message_batch_routes(
                rooms.keys,
                rooms.message_batches,
                rooms.idempotency,
                _limits(rooms, rooms.max_message_batch_bytes),
                public_url=rooms.public_url,
            ),
            *batch_outcome_routes(
                rooms.keys, rooms.batch_outcomes, rooms.batches, rooms.idempotency, limits
            ),
            *webhook_routes(
                rooms.keys,
                rooms.webhook_endpoints,
                rooms.webhook_deliveries,
                rooms.idempotency,
                limits,
            ),
            *model_routes(rooms.keys, rooms.catalogue),
            *organization_routes(rooms.keys, rooms.projects, limits),
            *front_page_routes(),
            *health_routes(rooms.catalogue, rooms.projects),
            *docs_routes(every_operation()),
        ],
        exception_handlers={
            ForebayError: edge,
            HTTPException: edge,
            ClientDisconnect: answer_nobody,
            Exception: edge,
        },
    )
    # A redirect would lead to whatever host the caller's headers name.
    rest.router.redirect_slashes = False
    match_to_the_end(rest.routes)
    return FrontDoor(hot, _sockets(rooms), RequestIds(rest, rooms.new_id))


def _limits(rooms: Rooms, max_bytes: int) -> BodyLimits:
    return BodyLimits(max_bytes=max_bytes, timeout_s=rooms.body_timeout_s)


def _sockets(rooms: Rooms) -> dict[str, ASGIApp]:
    responses = ResponsesSocket(
        keys=rooms.keys,
        admission=rooms.admission,
        contexts=rooms.contexts,
        realtime=rooms.realtime,
        new_id=rooms.new_id,
        max_bytes=rooms.max_body_bytes,
    )
    return {PATHS[DialectName.RESPONSES]: responses}


def _inference_routes(rooms: Rooms, limits: BodyLimits) -> dict[str, InferenceRoute]:
    return {
        path: InferenceRoute(
            rooms.dialects[name],
            path,
            keys=rooms.keys,
            admission=rooms.admission,
            contexts=rooms.contexts,
            realtime=rooms.realtime,
            background=rooms.background,
            idempotency=rooms.idempotency,
            repeats=Repeats(name, rooms.background, rooms.stored_responses, rooms.stored_chats),
            new_id=rooms.new_id,
            limits=limits,
        )
        for name, path in PATHS.items()
    }
