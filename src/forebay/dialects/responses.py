"""OpenAI's Responses: body to turn, answer to the response object.

Sources: OpenAI's API reference and OpenAPI document, and the Open Responses specification for what
must never be null. Fields that the API does not define are ignored, as OpenAI does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from forebay.core.errors import ForebayError, InvalidParameter
from forebay.dialects.cipher import Cipher
from forebay.dialects.dialect import Call, DialectName, ErrorReply, Outcome, Wishes, Writer
from forebay.dialects.errors import openai_error
from forebay.dialects.kept_stream import read_kept
from forebay.dialects.metadata import read_metadata
from forebay.dialects.parameters import Parameters, Refusal
from forebay.dialects.responses_input import chat_messages
from forebay.dialects.responses_items import Events
from forebay.dialects.responses_object import response_object
from forebay.dialects.responses_stream import ResponsesWriter, queued_events, terminal_event
from forebay.dialects.responses_tools import chat_tools, chosen, response_format
from forebay.dialects.turn import JsonObject, Turn
from forebay.dialects.wire import read

PARAMETERS = Parameters(
    honoured=frozenset(
        {
            "background",
            "conversation",
            "frequency_penalty",
            "instructions",
            "max_output_tokens",
            "metadata",
            "model",
            "parallel_tool_calls",
            "presence_penalty",
            "previous_response_id",
            "service_tier",
            "store",
            "stream",
            "temperature",
            "tool_choice",
            "top_logprobs",
            "top_p",
            "truncation",
        }
    ),
    partly={
        "include": "what it names of tools that do not run here has no effect, nor what is shown "
        "anyway",
        "input": "what tools that ran elsewhere left behind is left out; files are refused, and "
        "items of tools that no model here knows",
        "reasoning": "`effort` is passed on; nothing else has an effect, and no summary is made",
        "text": "`format` is; `verbosity` has no effect",
        "tools": "those that run on OpenAI's servers are left out; `allowed_callers`, "
        "`defer_loading` and `output_schema` have no effect",
    },
    refused={
        "context_management": Refusal(reason="compact with /v1/responses/compact", neutral=([],)),
        "max_tool_calls": Refusal(reason="no tool runs on this server, so there is none to count"),
        "moderation": Refusal(reason="no moderation runs here"),
        "prompt": Refusal(reason="prompt templates are not kept here"),
    },
    without_effect=frozenset(
        {
            "access_programs",
            "image",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "stream_options",
            "user",
        }
    ),
)

_LOGPROBS = "message.output_text.logprobs"

INCLUDED = frozenset({_LOGPROBS, "reasoning.encrypted_content"})

# These speak of tools that do not run here, or of what is shown anyway.
INCLUDED_ANYWAY = frozenset(
    {
        "code_interpreter_call.outputs",
        "computer_call_output.output.image_url",
        "file_search_call.results",
        "message.input_image.image_url",
        "web_search_call.action.sources",
        "web_search_call.results",
    }
)
INCLUDABLE = INCLUDED | INCLUDED_ANYWAY

_Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
_Detail = Literal["auto", "concise", "detailed"]


class _Reasoning(msgspec.Struct):
    effort: _Effort | None = None
    summary: _Detail | None = None


class _ConversationId(msgspec.Struct):
    id: str


class ResponsesBody(msgspec.Struct):
    """A call of Responses."""

    model: str
    instructions: str | None = None
    tools: list[JsonObject] | None = None
    parallel_tool_calls: bool | None = None
    text: JsonObject | None = None
    reasoning: _Reasoning | None = None
    include: list[str] | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    store: bool | None = None
    background: bool | None = None
    stream: bool | None = None
    service_tier: str | None = None
    # Echoed, so their types must be right.
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    previous_response_id: str | None = None
    conversation: str | _ConversationId | None = None
    truncation: Literal["auto", "disabled"] | None = None


class ResponsesDialect:
    """Responses. `cipher` seals the reasoning that a caller wants back encrypted."""

    name = DialectName.RESPONSES

    def __init__(self, cipher: Cipher | None = None) -> None:
        self._cipher = cipher

    def within(self, project_id: str) -> ResponsesDialect:
        """Return the dialect for one project's calls: what is sealed in them is its own."""
        return self if self._cipher is None else ResponsesDialect(self._cipher.within(project_id))

    def id_prefix(self) -> str:
        """Return the prefix of response ids."""
        return "resp_"

    def parse(self, body: JsonObject) -> tuple[Turn, Wishes]:
        """Return what the body asks for; raises `RequestRejected` with the field's name."""
        PARAMETERS.check(body)
        shape = read(body, ResponsesBody)
        _check_values(shape)
        tool_choice, tools = chosen(body.get("tool_choice"), chat_tools(shape.tools or []))
        turn = Turn(
            model=shape.model,
            messages=chat_messages(body, self._cipher),
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=shape.parallel_tool_calls,
            response_format=response_format(shape.text),
            sampling=_sampling(shape),
            max_output_tokens=shape.max_output_tokens,
            is_truncatable=shape.truncation == "auto",
        )
        return turn, _wishes(shape, body)

    def wishes(self, body: JsonObject) -> Wishes:
        """Return the wishes alone of a body that was parsed before."""
        return _wishes(read(body, ResponsesBody), body)

    def final(self, call: Call, outcome: Outcome) -> JsonObject:
        """Return the `response` object, in whatever status it is."""
        return response_object(call, outcome, self._cipher)

    def writer(self, call: Call) -> Writer:
        """Return a writer of `response.*` events."""
        return ResponsesWriter(call, self._cipher)

    def queued(self, call: Call, outcome: Outcome) -> bytes:
        """Return the events 0 and 1 of a background stream, which say that it was taken on."""
        return queued_events(call, outcome)

    def resumed(self, call: Call, kept: bytes, *, goes_on: bool) -> ResponsesWriter:
        """Return a writer that goes on behind the kept events of a background stream.

        Its attempt `goes_on` with the kept text (there must be one: `text_so_far`), or starts over.
        """
        return ResponsesWriter(call, self._cipher, kept=read_kept(kept), goes_on=goes_on)

    def last_event(self, call: Call, outcome: Outcome, number: int) -> bytes:
        """Return the one event that ends the stream of what ended without a worker."""
        return terminal_event(call, outcome, Events(call.id, number), self._cipher)

    def error(self, error: ForebayError, *, request_id: str) -> ErrorReply:
        """Return the error in OpenAI's words."""
        return openai_error(error)


def _wishes(shape: ResponsesBody, body: JsonObject) -> Wishes:
    return Wishes(
        is_streamed=bool(shape.stream),
        is_background=bool(shape.background),
        is_stored=shape.store is not False,
        service_tier=shape.service_tier,
        metadata=read_metadata(body),
    )


def _check_values(shape: ResponsesBody) -> None:
    if shape.previous_response_id is not None and shape.conversation is not None:
        raise InvalidParameter(
            "Only one of 'previous_response_id' and 'conversation' can be given.",
            param="previous_response_id",
        )
    check_include(shape.include or [])
    if shape.top_logprobs and _LOGPROBS not in (shape.include or []):
        raise InvalidParameter(
            f"The 'top_logprobs' parameter is only allowed when 'include' names '{_LOGPROBS}'.",
            param="top_logprobs",
        )


def check_include(names: Sequence[str]) -> None:
    """Raise `InvalidParameter` for a name that no response can include."""
    for index, name in enumerate(names):
        if name not in INCLUDABLE:
            raise InvalidParameter(
                f"Invalid value: '{name}'. Supported values are: "
                f"{', '.join([repr(known) for known in sorted(INCLUDABLE)])}.",
                param=f"include[{index}]",
            )


def _sampling(shape: ResponsesBody) -> JsonObject:
    given: JsonObject = {
        "temperature": shape.temperature,
        "top_p": shape.top_p,
        "presence_penalty": shape.presence_penalty,
        "frequency_penalty": shape.frequency_penalty,
    }
    sampling = {name: value for name, value in given.items() if value is not None}
    if _LOGPROBS in (shape.include or []):
        sampling["logprobs"] = True
        if shape.top_logprobs:
            sampling["top_logprobs"] = shape.top_logprobs
    if shape.reasoning is not None and shape.reasoning.effort is not None:
        sampling["reasoning_effort"] = shape.reasoning.effort
    return sampling
