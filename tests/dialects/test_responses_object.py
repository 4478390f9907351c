"""Responses: the response object in every status, as the strictest client reads it."""

from __future__ import annotations

import pytest
from openai.types.responses import Response

from forebay.core.engine_errors import EngineFailed
from forebay.core.errors import Expired, ForebayError, Overloaded, PromptRejected
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Outcome
from forebay.dialects.wire import encode
from tests.dialects.calls import ID_BODY, call_of, finish, outcome_of, reasoning, text
from tests.dialects.responses_calls import DIALECT, TOOL, body, final, read

# What Open Responses wants present and not null.
NEVER_NULL = [
    "id",
    "object",
    "created_at",
    "status",
    "model",
    "output",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "store",
    "background",
    "service_tier",
    "metadata",
]
NULLABLE = [
    "completed_at",
    "incomplete_details",
    "previous_response_id",
    "instructions",
    "error",
    "reasoning",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "safety_identifier",
    "prompt_cache_key",
]


@pytest.mark.parametrize("status", list(RequestStatus))
def test_the_object_has_every_field_in_every_status(status: RequestStatus) -> None:
    error = EngineFailed("broken") if status is RequestStatus.FAILED else None
    response = final(outcome_of([*text("a"), *finish()], status, error=error))
    assert set(NEVER_NULL + NULLABLE) <= set(response)
    assert [name for name in NEVER_NULL if response[name] is None] == []
    assert response["status"] == status.value
    Response.model_validate(response, strict=True)


def test_the_sdk_reads_a_completed_response() -> None:
    response = read(outcome_of([*text("Hel", "lo"), *finish()]))
    assert response.id == f"resp_{ID_BODY}"
    assert response.output_text == "Hello"
    assert (response.created_at, response.completed_at) == (1_760_000_000, 1_760_000_009)
    assert response.usage is not None
    assert response.usage.model_dump(exclude_none=True) == {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0},
        "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 32,
    }


def test_a_response_renders_to_the_same_bytes_every_time() -> None:
    outcome = outcome_of([*reasoning("r"), *text("a"), *finish()])
    assert encode(final(outcome)) == encode(final(outcome))


def test_usage_is_null_while_a_response_runs() -> None:
    assert final(Outcome(status=RequestStatus.QUEUED))["usage"] is None
    assert final(Outcome(status=RequestStatus.IN_PROGRESS))["usage"] is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineFailed("broken"), "server_error"),
        (Overloaded("full"), "rate_limit_exceeded"),
        (PromptRejected("bad image"), "invalid_prompt"),
    ],
)
def test_a_failed_response_has_one_of_the_vendors_codes(error: ForebayError, code: str) -> None:
    response = read(Outcome(status=RequestStatus.FAILED, error=error))
    assert response.error is not None
    assert (response.error.code, response.error.message) == (code, str(error))


def test_an_expired_response_says_so_in_forebays_own_code() -> None:
    response = final(Outcome(status=RequestStatus.FAILED, error=Expired("late")))
    assert response["error"] == {"code": "expired", "message": "late"}


def test_what_was_asked_is_echoed() -> None:
    given = body(
        instructions="be brief",
        tools=[TOOL],
        tool_choice="auto",
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=64,
        parallel_tool_calls=False,
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
        prompt_cache_key="k",
        safety_identifier="s",
        store=False,
        metadata={"a": "b"},
    )
    response = final(outcome_of(text("a")), given)
    assert response["instructions"] == "be brief"
    assert response["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": None,
            "parameters": None,
            "strict": None,
        }
    ]
    assert (response["temperature"], response["top_p"]) == (0.5, 0.9)
    assert (response["max_output_tokens"], response["parallel_tool_calls"]) == (64, False)
    assert response["reasoning"] == {"effort": "low", "summary": None}
    assert response["text"]["format"]["name"] == "n"
    assert response["text"]["verbosity"] == "low"
    assert (response["prompt_cache_key"], response["safety_identifier"]) == ("k", "s")
    assert (response["store"], response["metadata"]) == (False, {"a": "b"})
    read(outcome_of(text("a")), given)


def test_the_token_of_a_webhook_is_never_shown() -> None:
    given = body(metadata={"webhook_token": "secret", "completion_webhook": "https://x/y"})
    response = final(outcome_of(text("a")), given)
    assert response["metadata"] == {"completion_webhook": "https://x/y"}
    assert b"secret" not in encode(response)


def test_our_own_fields_are_under_one_key_and_absent_where_empty() -> None:
    assert "forebay" not in final(outcome_of(text("a")))
    shown = final(outcome_of(text("a"), extension={"window": "asap"}))
    assert shown["forebay"] == {"window": "asap"}


def test_penalties_are_echoed() -> None:
    call = call_of(DIALECT, body(presence_penalty=0.5, frequency_penalty=-1))
    shown = DIALECT.final(call, outcome_of(finish()))
    assert (shown["presence_penalty"], shown["frequency_penalty"]) == (0.5, -1)
