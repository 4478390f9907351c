"""The administrator's routes: the keys of a project."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.body import BodyLimits
from forebay.api.idempotency import refuse_idempotency_key
from forebay.api.keys import KeyRing
from forebay.api.openapi.answers.models import NewProjectKey, ProjectKeyList
from forebay.api.openapi.answers.shared import Deleted
from forebay.api.openapi.bodies import KeyBody
from forebay.api.openapi.operation import Answer, Group, JsonBody, Key, Operation
from forebay.api.routes import json_body, json_response
from forebay.core.clock import seconds_of
from forebay.core.errors import Conflict, MissingParameter, NotFound
from forebay.core.projects import ApiKey, new_secret
from forebay.dialects.turn import JsonObject
from forebay.store.projects import Projects

KEYS = "/v1/organization/projects/{project_id}/api_keys"
SHOWN_ONCE = "the value of a key is shown once, so no call can be answered with it again"

OPERATIONS = (
    Operation(
        method="GET",
        path=KEYS,
        group=Group.ORGANIZATION,
        summary="List the keys of a project",
        answer=Answer(what="Every key, revoked ones too.", shape=ProjectKeyList),
        key=Key.ADMIN,
    ),
    Operation(
        method="POST",
        path=KEYS,
        group=Group.ORGANIZATION,
        summary="Make a key",
        body=JsonBody(KeyBody),
        example={"name": "alice"},
        answer=Answer(what="The key; its value is shown this once.", shape=NewProjectKey),
        key=Key.ADMIN,
    ),
    Operation(
        method="DELETE",
        path=KEYS + "/{key_id}",
        group=Group.ORGANIZATION,
        summary="Revoke a key",
        answer=Answer(what="It lets nobody in any more.", shape=Deleted),
        key=Key.ADMIN,
        raises=(Conflict,),
    ),
)


def organization_routes(keys: KeyRing, projects: Projects, limits: BodyLimits) -> list[Route]:
    """Return the routes under `/v1/organization`; all need an admin key."""

    async def page(request: Request) -> Response:
        keys.authenticate_admin(request.headers.raw)
        project_id = request.path_params["project_id"]
        found = [key for key in await projects.keys() if key.project_id == project_id]
        return json_response({"object": "list", "data": [_shown(key) for key in found]})

    async def create(request: Request) -> Response:
        keys.authenticate_admin(request.headers.raw)
        refuse_idempotency_key(request.headers.raw, SHOWN_ONCE)
        name = (await json_body(request, limits)).get("name")
        if not isinstance(name, str) or not name:
            raise MissingParameter("name")
        project_id = request.path_params["project_id"]
        if not await projects.has_project(project_id):
            raise NotFound(f"No project with id '{project_id}'.")
        secret = new_secret()
        key = await projects.add_key(project_id, secret=secret, name=name)
        assert key is not None, "a fresh secret is nobody's yet"
        keys.add(key)
        return json_response({**_shown(key), "value": secret})

    async def revoke(request: Request) -> Response:
        caller = keys.authenticate_admin(request.headers.raw)
        key_id = request.path_params["key_id"]
        if key_id == caller.key_id:
            raise Conflict("A key cannot revoke itself: nobody could manage the keys after that.")
        if not await projects.revoke_key(request.path_params["project_id"], key_id):
            raise NotFound(f"No live key with id '{key_id}'.")
        keys.remove(key_id)
        return json_response(
            {"object": "organization.project.api_key.deleted", "id": key_id, "deleted": True}
        )

    return [
        Route(KEYS, page, methods=["GET"]),
        Route(KEYS, create, methods=["POST"]),
        Route(KEYS + "/{key_id}", revoke, methods=["DELETE"]),
    ]


def _shown(key: ApiKey) -> JsonObject:
    return {
        "object": "organization.project.api_key",
        "id": key.id,
        "name": key.name,
        "redacted_value": f"fb-...{key.hint}",
        "created_at": seconds_of(key.created_at),
        "revoked_at": None if key.revoked_at is None else seconds_of(key.revoked_at),
        "is_admin": key.is_admin,
    }
