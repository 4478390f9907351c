"""The output items of a response, and the response object in every status.

The ids of items follow from the response's id and the item's place, so a stream and every later
rendering of the same answer agree to the byte.
"""

from __future__ import annotations

from typing import assert_never

from forebay.core import errors
from forebay.core.clock import seconds_of
from forebay.core.errors import ForebayError
from forebay.core.money import Usage
from forebay.core.requests import RequestStatus
from forebay.dialects.dialect import Call, Outcome, openai_tier
from forebay.dialects.metadata import shown
from forebay.dialects.turn import Answer, JsonObject, OutputKind, Segment, ToolCall

COMPLETED = "completed"
INCOMPLETE = "incomplete"
IN_PROGRESS = "in_progress"


def item_id(prefix: str, response_id: str, index: int) -> str:
    """Return the id of the item at `index` of the response's output."""
    return f"{prefix}{response_id.partition('_')[2] or response_id}{index}"


def reasoning_item(response_id: str, index: int, text: str | None, *, status: str) -> JsonObject:
    """Return a reasoning item; a text of None is one that has not begun."""
    content = [] if text is None else [reasoning_part(text)]
    return {
        "id": item_id("rs_", response_id, index),
        "type": "reasoning",
        "status": status,
        "summary": [],
        "content": content,
        "encrypted_content": None,
    }


def message_item(
    response_id: str, index: int, content: list[JsonObject], *, status: str
) -> JsonObject:
    """Return the assistant's message."""
    return {
        "id": item_id("msg_", response_id, index),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def function_call_item(response_id: str, index: int, call: ToolCall, *, status: str) -> JsonObject:
    """Return a function call; one to which the engine gave no id gets its own from its place."""
    return {
        "id": item_id("fc_", response_id, index),
        "type": "function_call",
        "status": status,
        "call_id": call.id or item_id("call_", response_id, index),
        "name": call.name,
        "arguments": call.arguments,
    }


def reasoning_part(text: str) -> JsonObject:
    """Return the content part of a reasoning item."""
    return {"type": "reasoning_text", "text": text}


def text_part(text: str, logprobs: list[JsonObject]) -> JsonObject:
    """Return a text part of a message; the logprobs are taken as `response_logprobs` gave them."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def refusal_part(text: str) -> JsonObject:
    """Return a refusal part of a message."""
    return {"type": "refusal", "refusal": text}


def response_logprobs(tokens: list[JsonObject]) -> list[JsonObject]:
    """Return chat's logprobs with `bytes` everywhere: Responses does not allow null there."""
    return [
        _with_bytes(token)
        | {"top_logprobs": [_with_bytes(top) for top in _objects(token.get("top_logprobs"))]}
        for token in tokens
    ]


def output_items(response_id: str, answer: Answer, *, last_status: str) -> list[JsonObject]:
    """Return the items of an answer; only the last one can be other than completed."""
    groups: list[list[Segment]] = []
    for segment in answer.segments():
        if groups and _is_message(segment) and _is_message(groups[-1][0]):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [
        _item(
            response_id,
            index,
            group,
            status=last_status if index == len(groups) - 1 else COMPLETED,
        )
        for index, group in enumerate(groups)
    ]


def response_object(call: Call, outcome: Outcome) -> JsonObject:
    """Return the whole response object, with every field that the strictest client demands."""
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
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": call.model,
        "output": _output(call, outcome),
        "parallel_tool_calls": _or(body.get("parallel_tool_calls"), True),
        "presence_penalty": _or(body.get("presence_penalty"), 0),
        "frequency_penalty": _or(body.get("frequency_penalty"), 0),
        "previous_response_id": None,
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": _reasoning(body),
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": openai_tier(call.band),
        "store": call.wishes.is_stored,
        "temperature": _or(body.get("temperature"), 1),
        "text": _text(body),
        "tool_choice": _or(body.get("tool_choice"), "auto"),
        "tools": [_tool(tool) for tool in _objects(body.get("tools"))],
        "top_logprobs": _or(body.get("top_logprobs"), 0),
        "top_p": _or(body.get("top_p"), 1),
        "truncation": "disabled",
        "usage": _usage(outcome),
        "user": body.get("user"),
        "metadata": shown(call.wishes.metadata),
    }
    if outcome.extension:
        response["forebay"] = outcome.extension
    return response


def _output(call: Call, outcome: Outcome) -> list[JsonObject]:
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
    return output_items(call.id, outcome.answer, last_status=last_status)


def _item(response_id: str, index: int, group: list[Segment], *, status: str) -> JsonObject:
    first = group[0]
    if first.call is not None:
        return function_call_item(response_id, index, first.call, status=status)
    if first.kind is OutputKind.REASONING:
        return reasoning_item(response_id, index, first.text, status=status)
    content = [
        refusal_part(segment.text)
        if segment.kind is OutputKind.REFUSAL
        else text_part(segment.text, response_logprobs(segment.logprobs))
        for segment in group
    ]
    return message_item(response_id, index, content, status=status)


def _is_message(segment: Segment) -> bool:
    return segment.kind in (OutputKind.TEXT, OutputKind.REFUSAL)


def _seconds(outcome: Outcome) -> int | None:
    return None if outcome.finished_at is None else seconds_of(outcome.finished_at)


def _error(error: ForebayError | None) -> JsonObject:
    """Return the error in the vendor's few codes, which are all that strict clients know."""
    assert error is not None
    if isinstance(error, errors.RequestRejected):
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
    names = ("name", "description", "parameters", "strict")
    return {"type": "function"} | {name: tool.get(name) for name in names}


def _with_bytes(token: JsonObject) -> JsonObject:
    text = token.get("token")
    given = token.get("bytes")
    if given is None and isinstance(text, str):
        given = list(text.encode())
    return {"token": text, "logprob": token.get("logprob"), "bytes": given}


def _objects(value: object) -> list[JsonObject]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _or(value: object, default: object) -> object:
    return default if value is None else value
