"""What tests of webhooks do through OpenAI's client, and how they look at what arrived."""

from __future__ import annotations

from typing import Any

import openai
from openai.types.webhooks import WebhookEndpointWithSecret

from tests.api.conftest import MODEL, Front
from tests.fakes import until
from tests.lanes.receivers import Call

PATH = "/v1/webhook_endpoints"
COMPLETED: Any = ["response.completed"]


async def registered(front: Front, url: str, *types: str) -> WebhookEndpointWithSecret:
    """Register an endpoint, for the end of well-done responses if nothing else is said."""
    event_types: Any = types or COMPLETED
    return await front.openai.webhooks.create(name="hooks", url=url, event_types=event_types)


async def asked(front: Front, **others: Any) -> str:
    """Ask for a background response and return its id."""
    made = await front.openai.responses.create(model=MODEL, input="hi", background=True, **others)
    return str(made.id)


async def log_of(front: Front, endpoint_id: str) -> list[Any]:
    """Return the deliveries of an endpoint once none of them is pending."""

    async def look() -> list[Any]:
        answer = await front.http.get(f"{PATH}/{endpoint_id}/deliveries")
        found: list[Any] = answer.json()["data"]
        return [] if any(entry["status"] == "pending" for entry in found) else found

    return await until(look)


def unwrapped(front: Front, call: Call, secret: str) -> Any:
    """Return the event of a call, which the client verifies."""
    return front.openai.webhooks.unwrap(call.body, call.headers, secret=secret)


def is_good(front: Front, call: Call, secret: str) -> bool:
    """Tell whether a call verifies with this secret."""
    try:
        unwrapped(front, call, secret)
    except openai.InvalidWebhookSignatureError:
        return False
    return True
