"""What becomes of a batch: single results, the report, verdicts from downstream, a retry."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forebay.api.batches import ONE
from forebay.api.body import BodyLimits, whole_body
from forebay.api.idempotency import idempotency_key, key_use
from forebay.api.keys import KeyRing
from forebay.api.openapi import parameters
from forebay.api.openapi.answers.batches import BatchReport, BatchResult
from forebay.api.openapi.answers.files import BatchObject
from forebay.api.openapi.answers.shared import Metadata
from forebay.api.openapi.operation import Answer, Group, JsonBody, Operation
from forebay.api.routes import json_body, json_response
from forebay.core.errors import Conflict, RequestRejected, ResultNotReady, WindowNotOffered
from forebay.dialects.batch_report import RetryBody, VerdictsBody
from forebay.dialects.wire import decode_object
from forebay.lanes.batch.batches import BATCH, BatchDesk
from forebay.lanes.batch.one_result import SingleResults
from forebay.lanes.batch.report import Reports
from forebay.lanes.batch.retry import Retries
from forebay.lanes.batch.verdicts import MAX_VERDICTS, VerdictDesk
from forebay.lanes.idempotency import Idempotency

RESULT = ONE + "/results/{custom_id}"
REPORT = ONE + "/report"
ACCEPT = ONE + "/accept"
RETRY = ONE + "/retry"

OPERATIONS = (
    Operation(
        method="GET",
        path=RESULT,
        group=Group.BATCHES,
        summary="Read one result of a batch",
        what="As soon as it is recorded, also while the batch runs. A `custom_id` may have slashes "
        "and any other character, percent-encoded.",
        answer=Answer(what="The result.", shape=BatchResult),
        raises=(ResultNotReady,),
    ),
    Operation(
        method="GET",
        path=REPORT,
        group=Group.BATCHES,
        summary="Read what a batch came to",
        what="In lines, tokens, money and time; also while it runs.",
        answer=Answer(what="The report.", shape=BatchReport),
    ),
    Operation(
        method="POST",
        path=ACCEPT,
        group=Group.BATCHES,
        summary="Say which results of a batch were of use",
        what="`accepted` and `rejected` are lists of custom ids; `verdicts` says the same by each "
        f"id. There may be {MAX_VERDICTS} in a call. A later verdict replaces an earlier one. If "
        "one of them is of no answered request, none is kept.",
        body=JsonBody(VerdictsBody),
        answer=Answer(what="The report, which counts them.", shape=BatchReport),
        raises=(RequestRejected,),
    ),
    Operation(
        method="POST",
        path=RETRY,
        group=Group.BATCHES,
        summary="Run what failed in a batch again",
        what="As a new batch of the requests that failed, expired or were cancelled, which keep "
        "their custom ids; its `forebay.retry_of` names the one before. The body may name another "
        "window or other metadata, and may be left out.",
        parameters=(parameters.IDEMPOTENCY_KEY,),
        body=JsonBody(RetryBody, also={"metadata": Metadata | None}),
        answer=Answer(what="The new batch.", shape=BatchObject),
        raises=(RequestRejected, WindowNotOffered, Conflict),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What the routes call."""

    results: SingleResults
    reports: Reports
    verdicts: VerdictDesk
    retries: Retries


def batch_outcome_routes(
    keys: KeyRing,
    outcomes: Outcomes,
    batches: BatchDesk,
    idempotency: Idempotency,
    limits: BodyLimits,
) -> list[Route]:
    """Return the routes under `/v1/batches/{id}` that no vendor has."""

    async def result(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        batch_id, custom_id = request.path_params["id"], request.path_params["custom_id"]
        return json_response(await outcomes.results.get(caller, batch_id, custom_id))

    async def report(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        return json_response(await outcomes.reports.get(caller, request.path_params["id"]))

    async def accept(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        body = await json_body(request, limits)
        batch_id = request.path_params["id"]
        return json_response(await outcomes.verdicts.accept(caller, batch_id, body))

    async def retry(request: Request) -> Response:
        caller = keys.authenticate(request.headers.raw)
        key = idempotency_key(request.headers.raw)
        content = await whole_body(request.headers.raw, request.receive, limits)
        body = decode_object(content) if content.strip() else {}
        batch_id = request.path_params["id"]
        return json_response(
            await idempotency.once(
                key_use(key, caller, request.url.path, content),
                BATCH,
                make=lambda birth: outcomes.retries.retry(caller, batch_id, body, birth=birth),
                show=lambda made_id: batches.get(caller, made_id),
            )
        )

    return [
        Route(RESULT.replace("{custom_id}", "{custom_id:path}"), result, methods=["GET"]),
        Route(REPORT, report, methods=["GET"]),
        Route(ACCEPT, accept, methods=["POST"]),
        Route(RETRY, retry, methods=["POST"]),
    ]
