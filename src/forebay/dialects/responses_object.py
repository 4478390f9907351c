"""The response object, in every status, with every field that the strictest client demands."""

from __future__ import annotations

from typing import assert_never

from forebay.core import errors
from forebay.core.clock import seconds_of
from forebay.core.errors import ForebayError
from forebay.core.money import Usage
from forebay.core.requests import RequestStatus
from forebay.dialects.answer import Answer
from forebay.dialects.cipher import Cipher
from forebay.dialects.dialect import Call, Outcome, openai_tier
from forebay.dialects.metadata import shown
from forebay.dialects.responses_output import COMPLETED, IN_PROGRESS, INCOMPLETE, output_items
from forebay.dialects.turn import JsonObject


def response_object(call: Call, outcome: Outcome, cipher: Cipher | None = None) -> JsonObject:
    """Return the whole response object; `cipher` seals the reasoning where that is wanted."""
    body = call.body
    status = outcome.status
    is_completed = status is RequestStatus.COMPLETED and outcome.finished_at is not None
    response: JsonObject = {
        "id": call.id,
        "object": "response",
        "created_at": seconds_of(call.created_at),
        "status": status.value,
        "background": call.wishes.is_background,
        "completed_at": _seconds(outcome) if is_completed else None,
        "error": _error(outcome.error) if status is RequestStatus.FAILED else None,
        "incomplete_details": (
            _incomplete_details(outcome.answer) if status is RequestStatus.INCOMPLETE else None
        ),
        "model": call.model,
        "output": _output(call, outcome, cipher),
        "service_tier": openai_tier(call.band),
        "store": call.wishes.is_stored,
        "usage": _usage(outcome),
        "metadata": shown(call.wishes.metadata),
        **_echoed(body),
    }
    if body.get("conversation") is not None:
        response["conversation"] = {"id": conversation_id(body)}
    if outcome.extension:
        response["forebay"] = outcome.extension
    return response


def _echoed(body: JsonObject) -> JsonObject:
    """Return what is shown of the body, with the vendor's defaults."""
    return {
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": None,
        "parallel_tool_calls": _or(body.get("parallel_tool_calls"), True),
        "presence_penalty": _or(body.get("presence_penalty"), 0),
        "frequency_penalty": _or(body.get("frequency_penalty"), 0),
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": _reasoning(body),
        "safety_identifier": body.get("safety_identifier"),
        "temperature": _or(body.get("temperature"), 1),
        "text": _text(body),
        "tool_choice": _or(body.get("tool_choice"), "auto"),
        "tools": [_tool(tool) for tool in _objects(body.get("tools"))],
        "top_logprobs": _or(body.get("top_logprobs"), 0),
        "top_p": _or(body.get("top_p"), 1),
        "truncation": _or(body.get("truncation"), "disabled"),
        "user": body.get("user"),
    }


def conversation_id(body: JsonObject) -> str | None:
    """Return the id of the conversation that the body names, which may stand in an object."""
    named = body.get("conversation")
    found = named.get("id") if isinstance(named, dict) else named
    return found if isinstance(found, str) else None


def _output(call: Call, outcome: Outcome, cipher: Cipher | None) -> list[JsonObject]:
    match outcome.status:
        case RequestStatus.QUEUED | RequestStatus.CANCELLED:
            return []
        case RequestStatus.IN_PROGRESS:
            last_status = IN_PROGRESS
        case RequestStatus.COMPLETED:
            last_status = COMPLETED
        case RequestStatus.INCOMPLETE | RequestStatus.FAILED:
            last_status = INCOMPLETE
        case _:
            assert_never(outcome.status)
    return output_items(
        call,
        outcome.answer,
        last_status=last_status,
        first_index=outcome.first_index,
        cipher=cipher,
    )


def _seconds(outcome: Outcome) -> int | None:
    return None if outcome.finished_at is None else seconds_of(outcome.finished_at)


def _error(error: ForebayError | None) -> JsonObject:
    """Return the error in the vendor's few codes, which are all that strict clients know."""
    assert error is not None
    if isinstance(error, errors.InvalidParameter) and "image" in error.code:
        code = error.code  # the vendor's own family of words
    elif isinstance(error, errors.RequestRejected):
        code = "invalid_prompt"
    elif isinstance(error, errors.Overloaded):
        code = "rate_limit_exceeded"
    elif isinstance(error, errors.Expired):
        code = error.code  # Forebay's own: there is no vendor's word for it
    else:
        code = "server_error"
    return {"code": code, "message": str(error)}


def _incomplete_details(answer: Answer) -> JsonObject:
    is_filtered = answer.finish_reason == "content_filter"
    return {"reason": "content_filter" if is_filtered else "max_output_tokens"}


def _usage(outcome: Outcome) -> JsonObject | None:
    usage = outcome.answer.usage
    if outcome.status in (RequestStatus.COMPLETED, RequestStatus.INCOMPLETE):
        usage = usage or Usage()
    elif outcome.status in (RequestStatus.QUEUED, RequestStatus.IN_PROGRESS):
        usage = None
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _reasoning(body: JsonObject) -> JsonObject:
    wanted = body.get("reasoning")
    given: JsonObject = wanted if isinstance(wanted, dict) else {}
    return {"effort": given.get("effort"), "summary": given.get("summary")}


def _text(body: JsonObject) -> JsonObject:
    wanted = body.get("text")
    given: JsonObject = wanted if isinstance(wanted, dict) else {}
    shape = given.get("format")
    text: JsonObject = {"format": shape if isinstance(shape, dict) else {"type": "text"}}
    if isinstance(shape, dict) and shape.get("type") == "json_schema":
        text["format"] = {"description": None, "strict": False} | shape
    if given.get("verbosity") is not None:
        text["verbosity"] = given["verbosity"]
    return text


def _tool(tool: JsonObject) -> JsonObject:
    if tool.get("type") != "function":
        return tool
    names = ("name", "description", "parameters", "strict")
    return {"type": "function"} | {name: tool.get(name) for name in names}


def _objects(value: object) -> list[JsonObject]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _or(value: object, default: object) -> object:
    return default if value is None else value
