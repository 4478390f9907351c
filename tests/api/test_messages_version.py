"""Messages under both versions of Anthropic's API, and under none."""

from __future__ import annotations

import anthropic
import msgspec
import pytest

from forebay.dialects.turn import JsonObject
from forebay.settings import Settings
from tests.api.conftest import KEY, Front
from tests.api.errors import MESSAGES_API, said
from tests.fakes import ScriptedEngine

OLD: dict[str, str] = {"anthropic-version": "2023-06-01"}
NEW: dict[str, str] = {"anthropic-version": "2026-10-21"}

SAMPLED: JsonObject = {**MESSAGES_API.body, "temperature": 0.5, "top_k": 5}
MISPLACED: JsonObject = {
    **MESSAGES_API.body,
    "messages": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [{"type": "document", "source": {"type": "text", "data": "Tides."}}],
        },
        {"role": "user", "content": "so"},
    ],
}


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """The usual settings, or those of an operator who is strict about sampling."""
    is_strict = getattr(request, "param", False)
    return msgspec.structs.replace(settings, strict_anthropic_sampling=is_strict)


STRICT = pytest.mark.parametrize("settings", [True], indirect=True)


@pytest.mark.parametrize("version", [OLD, NEW, {}])
@pytest.mark.parametrize("key", [{"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
async def test_every_version_and_either_header_of_the_key_will_do(
    front: Front, engine: ScriptedEngine, version: dict[str, str], key: dict[str, str]
) -> None:
    headers = {"authorization": "", **version, **key}
    answer = await front.http.post(MESSAGES_API.path, json=SAMPLED, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["request-id"].startswith("req_")
    assert engine.turns[0].sampling == {"temperature": 0.5}
    assert engine.turns[0].extra == {"top_k": 5}


@STRICT
async def test_a_strict_operator_has_the_new_version_refuse_sampling_parameters(
    front: Front, engine: ScriptedEngine
) -> None:
    answer = await front.http.post(MESSAGES_API.path, json=SAMPLED, headers=NEW)
    said(MESSAGES_API, answer, 400, "invalid_request_error", None)
    assert "'temperature'" in answer.json()["error"]["message"]
    for headers in (OLD, {}):
        answer = await front.http.post(MESSAGES_API.path, json=SAMPLED, headers=headers)
        assert answer.status_code == 200
    assert len(engine.turns) == 2


@STRICT
async def test_the_client_raises_what_the_strict_operator_refuses(front: Front) -> None:
    with pytest.raises(anthropic.BadRequestError, match="top_p"):
        await front.anthropic.messages.create(
            model="small",
            max_tokens=9,
            messages=[{"role": "user", "content": "hi"}],
            extra_body={"top_p": 0.5},
        )


async def test_a_document_has_no_place_in_an_answer_under_the_new_version(front: Front) -> None:
    answer = await front.http.post(MESSAGES_API.path, json=MISPLACED, headers=NEW)
    said(MESSAGES_API, answer, 400, "invalid_request_error", None)
    assert "messages[1].content[0]" in answer.json()["error"]["message"]
    answer = await front.http.post(MESSAGES_API.path, json=MISPLACED, headers=OLD)
    assert answer.status_code == 200
