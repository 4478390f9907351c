"""What the inference APIs say of themselves: their bodies with the class of every parameter."""

from __future__ import annotations

from forebay.api.openapi import parameters
from forebay.api.openapi.answers.chat import ChatCompletion, ChatCompletionChunk
from forebay.api.openapi.answers.completions import Completion
from forebay.api.openapi.answers.messages import Message, MessageEvent
from forebay.api.openapi.answers.models import EmbeddingList
from forebay.api.openapi.answers.response_events import ResponseEvent
from forebay.api.openapi.answers.responses import Response
from forebay.api.openapi.answers.shared import Metadata
from forebay.api.openapi.bodies import (
    EmbeddingInput,
    Includes,
    Input,
    Prompt,
    ServiceTier,
    ToolChoice,
)
from forebay.api.openapi.errors import OpenAIError
from forebay.api.openapi.operation import MODEL, Answer, Group, JsonBody, Operation, Words
from forebay.core.errors import Conflict, NotFound, PreviousResponseNotFound
from forebay.dialects import chat, completions, embeddings, messages, responses
from forebay.dialects.turn import JsonObject

HELLO: list[JsonObject] = [{"role": "user", "content": "Hello!"}]

COMMON: dict[str, object] = {"service_tier": ServiceTier, "metadata": Metadata | None}

MESSAGES_BODY = JsonBody(
    messages.MessagesBody, messages.PARAMETERS, also={"metadata": JsonObject | None}
)
RESPONSES_BODY = JsonBody(
    responses.ResponsesBody,
    responses.PARAMETERS,
    also={
        "input": Input,
        "include": Includes | None,
        "tool_choice": ToolChoice,
        "service_tier": ServiceTier,
        "metadata": Metadata | None,
    },
)

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/chat/completions",
        group=Group.CHAT,
        summary="Complete a chat",
        what="Fields that this API does not define are passed on to the engine.",
        parameters=(parameters.WINDOW, parameters.IDEMPOTENCY_KEY),
        body=JsonBody(chat.ChatBody, chat.PARAMETERS, also=COMMON),
        example={"model": MODEL, "messages": HELLO},
        answer=Answer(
            what="The completion, or with `stream` its events.",
            shape=ChatCompletion,
            event=(ChatCompletionChunk, OpenAIError),
        ),
        runs=True,
    ),
    Operation(
        method="POST",
        path="/v1/responses",
        group=Group.RESPONSES,
        summary="Ask for a response",
        what="With `background: true` the answer comes at once, `queued`, and is durable by then: "
        "poll `GET /v1/responses/{id}`, or name a `metadata.completion_webhook`.",
        parameters=(parameters.WINDOW, parameters.IDEMPOTENCY_KEY),
        body=RESPONSES_BODY,
        example={"model": MODEL, "input": "Hello!"},
        answer=Answer(
            what="The response, or with `stream` its events.", shape=Response, event=ResponseEvent
        ),
        runs=True,
        raises=(PreviousResponseNotFound, NotFound, Conflict),
    ),
    Operation(
        method="POST",
        path="/v1/messages",
        group=Group.MESSAGES,
        summary="Ask for a message",
        parameters=(parameters.WINDOW, parameters.VERSION, parameters.IDEMPOTENCY_KEY),
        body=MESSAGES_BODY,
        example={"model": MODEL, "max_tokens": 64, "messages": HELLO},
        answer=Answer(
            what="The message, or with `stream` its events.",
            shape=Message,
            event=MessageEvent,
            has_end=False,
        ),
        words=Words.ANTHROPIC,
        runs=True,
    ),
    Operation(
        method="POST",
        path="/v1/completions",
        group=Group.COMPLETIONS,
        summary="Complete a text",
        what="Fields that this API does not define are passed on to the engine.",
        parameters=(parameters.WINDOW, parameters.IDEMPOTENCY_KEY),
        body=JsonBody(
            completions.CompletionsBody,
            completions.PARAMETERS,
            also={**COMMON, "prompt": Prompt},
            required=frozenset({"prompt"}),
        ),
        example={"model": MODEL, "prompt": "Once upon a time", "max_tokens": 32},
        answer=Answer(
            what="The completion, or with `stream` its events, which have the same shape.",
            shape=Completion,
            event=(Completion, OpenAIError),
        ),
        runs=True,
    ),
    Operation(
        method="POST",
        path="/v1/embeddings",
        group=Group.EMBEDDINGS,
        summary="Make vectors of texts",
        parameters=(parameters.WINDOW, parameters.IDEMPOTENCY_KEY),
        body=JsonBody(
            embeddings.EmbeddingsBody,
            embeddings.PARAMETERS,
            also={"input": EmbeddingInput, "metadata": Metadata | None},
        ),
        example={"model": MODEL, "input": ["Hello!", "Good evening!"]},
        answer=Answer(what="A vector for each input.", shape=EmbeddingList),
        runs=True,
    ),
)
