"""Walls between projects: every id of one is, for another, like an id that nobody has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from forebay.dialects.turn import JsonObject
from tests.api.conftest import MODEL, Front
from tests.api.conversation_calls import begun, message
from tests.api.response_calls import output_id, reference, say
from tests.api.socket import connected
from tests.api.test_responses import ended
from tests.fakes import ScriptedEngine

ITEM = "msg_mine"

KINDS = (
    "a response",
    "a background response",
    "an item of an output",
    "an item of an input",
    "a conversation",
)

ROUTES: dict[str, tuple[str, JsonObject]] = {
    "whole": ("/v1/responses", {}),
    "streamed": ("/v1/responses", {"stream": True}),
    "background": ("/v1/responses", {"background": True}),
    "counted": ("/v1/responses/input_tokens", {}),
    "compacted": ("/v1/responses/compact", {}),
}

# The vendor's compaction takes no conversation, whoever's it is.
CASES = [
    (route, kind)
    for route in ROUTES
    for kind in KINDS
    if (route, kind) != ("compacted", "a conversation")
]

LOOKUPS = (
    ("GET", "/v1/responses/{response}", None),
    ("GET", "/v1/responses/{background}?wait=600", None),
    ("GET", "/v1/responses/{response}/input_items", None),
    ("POST", "/v1/responses/{background}/cancel", None),
    ("POST", "/v1/responses/{background}/retry", None),
    ("DELETE", "/v1/responses/{response}", None),
    ("GET", "/v1/conversations/{conversation}", None),
    ("POST", "/v1/conversations/{conversation}", {"metadata": {"a": "b"}}),
    ("GET", "/v1/conversations/{conversation}/items", None),
    ("POST", "/v1/conversations/{conversation}/items", {"items": [message("more")]}),
    ("GET", "/v1/conversations/{conversation}/items/msg_mine", None),
    ("DELETE", "/v1/conversations/{conversation}/items/msg_mine", None),
    ("DELETE", "/v1/conversations/{conversation}", None),
    ("GET", "/v1/chat/completions/{chat}", None),
    ("GET", "/v1/chat/completions/{chat}/messages", None),
    ("POST", "/v1/chat/completions/{chat}", {"metadata": {"a": "b"}}),
    ("DELETE", "/v1/chat/completions/{chat}", None),
)

UNKNOWN = {
    "response": "resp_unknown",
    "background": "resp_unknown",
    "conversation": "conv_unknown",
    "chat": "chatcmpl-unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The fields of a body that name something of a project, and the same with an unknown id."""

    body: JsonObject
    unknown: JsonObject


async def named(front: Front, kind: str) -> Reference:
    """Return a reference to something of this kind, of the default project."""
    match kind:
        case "a conversation":
            conversation = await begun(front, message("secret"))
            return Reference(
                body={"conversation": conversation, "input": "hi"},
                unknown={"conversation": "conv_unknown", "input": "hi"},
            )
        case "a response" | "a background response":
            is_background = kind == "a background response"
            response = await say(front, "secret", background=is_background)
            await ended(front, response)
            return Reference(
                body={"previous_response_id": response, "input": "hi"},
                unknown={"previous_response_id": "resp_unknown", "input": "hi"},
            )
        case _:
            item = await output_id(front, await say(front, "secret"))
            if kind == "an item of an input":
                item = f"{item[:-1]}i0"
            return Reference(
                body={"input": [reference(item)]},
                unknown={"input": [reference("msg_unknown_0")]},
            )


def told(answer: httpx2.Response, ids: dict[str, str]) -> tuple[int, str]:
    """Return the status and the words of a refusal, without the ids in it."""
    words = answer.json()["error"]["message"]
    for id in ids.values():
        words = words.replace(id, "ID")
    return answer.status_code, words


def ids_of(fields: JsonObject) -> dict[str, str]:
    """Return the ids that a body names."""
    items: Any = fields["input"]
    found = {"item": items[0]["id"]} if isinstance(items, list) else {}
    return found | {
        name: str(fields[name])
        for name in ("previous_response_id", "conversation")
        if name in fields
    }


@pytest.mark.parametrize(("route", "kind"), CASES)
async def test_no_body_names_what_another_project_has(
    front: Front, engine: ScriptedEngine, route: str, kind: str
) -> None:
    path, others = ROUTES[route]
    mine = await named(front, kind)
    foreign = {"authorization": f"Bearer {await front.key_of_another_project()}"}
    turns = len(engine.turns)
    refused = [
        told(
            await front.http.post(path, headers=foreign, json={"model": MODEL, **others, **fields}),
            ids_of(fields),
        )
        for fields in (mine.body, mine.unknown)
    ]
    assert refused[0] == refused[1]
    assert refused[0][0] in (400, 404)
    assert (len(engine.turns), engine.counted) == (turns, [])


@pytest.mark.parametrize(("route", "kind"), CASES)
async def test_the_project_itself_may_name_it(front: Front, route: str, kind: str) -> None:
    path, others = ROUTES[route]
    mine = await named(front, kind)
    answer = await front.http.post(path, json={"model": MODEL, **others, **mine.body})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", KINDS)
async def test_no_message_on_a_socket_names_what_another_project_has(
    front: Front, engine: ScriptedEngine, kind: str
) -> None:
    mine = await named(front, kind)
    turns = len(engine.turns)
    async with connected(front.service.app, key=await front.key_of_another_project()) as socket:
        socket.create(model=MODEL, **mine.body)
        assert (await socket.answer())["status"] in (400, 404)
    assert len(engine.turns) == turns
    async with connected(front.service.app) as socket:
        socket.create(model=MODEL, **mine.body)
        assert (await socket.answer())["type"] == "response.completed"


async def test_an_item_of_another_projects_conversation_cannot_be_referred_to(
    front: Front, engine: ScriptedEngine
) -> None:
    await begun(front, message("secret", id=ITEM))
    foreign = front.openai_as(await front.key_of_another_project())
    conversation = await foreign.conversations.create()
    answer = await front.http.post(
        "/v1/responses",
        headers={"authorization": f"Bearer {foreign.api_key}"},
        json={"model": MODEL, "conversation": conversation.id, "input": [reference(ITEM)]},
    )
    assert answer.status_code == 400
    assert engine.turns == []


@pytest.mark.parametrize(("method", "path", "body"), LOOKUPS)
async def test_nothing_of_another_project_is_looked_up(
    front: Front, method: str, path: str, body: JsonObject | None
) -> None:
    background = await say(front, "secret", background=True)
    await ended(front, background)
    chat = await front.openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "secret"}], store=True
    )
    mine = {
        "response": await say(front, "secret"),
        "background": background,
        "conversation": await begun(front, message("secret", id=ITEM)),
        "chat": chat.id,
    }
    foreign = {"authorization": f"Bearer {await front.key_of_another_project()}"}
    refused = [
        told(await front.http.request(method, path.format(**ids), headers=foreign, json=body), ids)
        for ids in (mine, UNKNOWN)
    ]
    assert refused[0] == refused[1]
    assert refused[0][0] == 404
    own = await front.http.request(method, path.format(**mine), json=body)
    # What has ended is cancelled by nobody; but its own project is told so.
    assert own.status_code == (400 if path.endswith("/cancel") else 200), own.text


async def test_no_list_shows_what_another_project_has(front: Front) -> None:
    await front.openai.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "secret"}], store=True
    )
    foreign = front.openai_as(await front.key_of_another_project())
    assert [chat async for chat in foreign.chat.completions.list()] == []
