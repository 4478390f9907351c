"""Whether the process lives, and whether it can do its work. Neither asks for a key.

A probe that fails on `/health` should end the process; one that fails on `/ready` should only send
the callers elsewhere. What is shown holds no address and no words of an engine.
"""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.openapi.answers.shared import Count
from forebay.api.openapi.operation import Answer, Group, Key, Operation
from forebay.api.routes import json_response
from forebay.core.errors import ForebayError
from forebay.core.projects import DEFAULT_PROJECT
from forebay.lanes.catalogue import Catalogue, Served
from forebay.store.projects import Projects

STORE_PATIENCE_S = 2.0
"""How long the store may take: less than a usual probe's own time-out."""


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ModelState(msgspec.Struct, frozen=True):
    """How a model stands: it can be asked while any of its replicas is up.

    One that is up pauses after failures or when it is busy, until a turn on trial is answered; work
    that can wait does so meanwhile.
    """

    is_ready: bool
    replicas: Count
    replicas_up: Count
    replicas_paused: Count


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether calls can be served, and if not, why."""

    status: Literal["ready", "not_ready"]
    reason: str | None
    store: Literal["up", "down"]
    models: dict[str, ModelState]


OPERATIONS = (
    Operation(
        method="GET",
        path="/health",
        group=Group.SERVICE,
        summary="Tell that the process lives",
        answer=Answer(what="It does.", shape=Health),
        key=Key.NONE,
    ),
    Operation(
        method="GET",
        path="/ready",
        group=Group.SERVICE,
        summary="Tell whether calls can be served",
        what="Ready is who has a store that answers and a model with a replica that is up.",
        answer=Answer(what="They can.", shape=Readiness),
        more_answers=(
            Answer(what="They cannot; the reason is said.", shape=Readiness, status=503),
        ),
        key=Key.NONE,
    ),
)


def health_routes(catalogue: Catalogue, projects: Projects) -> list[Route]:
    """Return the routes of the two probes."""

    async def health(_: Request) -> Response:
        return json_response(Health())

    async def ready(_: Request) -> Response:
        found = readiness(catalogue, is_store_up=await _answers(projects))
        return json_response(found, status=200 if found.status == "ready" else 503)

    return [
        Route("/health", health, methods=["GET"]),
        Route("/ready", ready, methods=["GET"]),
    ]


def readiness(catalogue: Catalogue, *, is_store_up: bool) -> Readiness:
    """Return how the service stands."""
    models = {served.model.name: _state(served) for served in catalogue.all()}
    reason = None
    if not is_store_up:
        reason = "the store does not answer"
    elif not models:
        reason = "no engine has told which models it serves"
    elif not any(state.is_ready for state in models.values()):
        reason = "no replica of any model is up"
    return Readiness(
        status="ready" if reason is None else "not_ready",
        reason=reason,
        store="up" if is_store_up else "down",
        models=models,
    )


def _state(served: Served) -> ModelState:
    members = served.pool.members
    return ModelState(
        is_ready=served.pool.is_up,
        replicas=len(members),
        replicas_up=sum(member.replica.is_up for member in members),
        replicas_paused=sum(member.replica.is_paused for member in members),
    )


async def _answers(projects: Projects) -> bool:
    """Tell whether the store answers a small question in time."""
    try:
        async with asyncio.timeout(STORE_PATIENCE_S):
            await projects.has_project(DEFAULT_PROJECT)
    except (ForebayError, TimeoutError):
        return False
    return True
