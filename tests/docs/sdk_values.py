"""The values that the official SDKs know, by the path and the place of the page's table."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from anthropic.types import (
    document_block_param,
    image_block_param,
    message_create_params,
    metadata_param,
    output_config_param,
    thinking_config_enabled_param,
    tool_choice_param,
    tool_union_param,
)
from anthropic.types.beta import beta_output_config_param, beta_tool_union_param
from anthropic.types.beta.beta_content_block_param import BetaContentBlockParam
from anthropic.types.beta.beta_thinking_config_param import BetaThinkingConfigParam
from anthropic.types.beta.beta_tool_result_block_param import Content as ToolResultContent
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import chat_completion_stream_options_param
from openai.types.chat.chat_completion_content_part_param import ChatCompletionContentPartParam
from openai.types.chat.chat_completion_message_param import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsBase as ChatParams
from openai.types.responses import response_create_params, response_text_config_param
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from openai.types.responses.response_includable import ResponseIncludable
from openai.types.responses.response_input_content_param import ResponseInputContentParam
from openai.types.responses.response_input_item_param import ResponseInputItemParam
from openai.types.responses.tool_param import ToolParam
from openai.types.shared_params import reasoning


def literals(annotation: Any, *, key: str = "type") -> set[str]:
    """Return the strings that a type allows; of an object, those of its field `key`."""
    origin = get_origin(annotation)
    if origin is Literal:
        return {value for value in get_args(annotation) if isinstance(value, str)}
    if origin in (Union, types.UnionType):
        return {found for one in get_args(annotation) for found in literals(one, key=key)}
    if origin is not None:
        return literals(get_args(annotation)[0], key=key)
    if hasattr(annotation, "model_fields"):
        return literals(annotation.model_fields[key].annotation)
    if hasattr(annotation, "__annotations__"):
        return literals(get_type_hints(annotation).get(key))
    return set()


def _hints(params: Any) -> dict[str, Any]:
    return get_type_hints(params)


CHAT = _hints(ChatParams)
RESPONSES = _hints(ResponseCreateParamsBase)
MESSAGES = _hints(message_create_params.MessageCreateParamsBase)
COMPLETIONS = _hints(completion_create_params.CompletionCreateParamsBase)
REASONING = _hints(reasoning.Reasoning)
TEXT = _hints(response_text_config_param.ResponseTextConfigParam)
STREAM_OPTIONS = set(_hints(chat_completion_stream_options_param.ChatCompletionStreamOptionsParam))
BLOCKS = literals(BetaContentBlockParam)

OFFICIAL: dict[tuple[str, str], set[str]] = {
    ("/v1/chat/completions", "messages[].role"): literals(ChatCompletionMessageParam, key="role"),
    ("/v1/chat/completions", "messages[].content[].type"): literals(ChatCompletionContentPartParam),
    ("/v1/chat/completions", "tools[].type"): literals(CHAT["tools"]),
    ("/v1/chat/completions", "tool_choice"): literals(CHAT["tool_choice"]),
    ("/v1/chat/completions", "response_format.type"): literals(CHAT["response_format"]),
    ("/v1/chat/completions", "reasoning_effort"): literals(CHAT["reasoning_effort"]),
    ("/v1/chat/completions", "stream_options.*"): STREAM_OPTIONS,
    ("/v1/chat/completions", "service_tier"): literals(CHAT["service_tier"]),
    ("/v1/responses", "input[].type"): literals(ResponseInputItemParam),
    ("/v1/responses", "input[].content[].type"): literals(ResponseInputContentParam),
    ("/v1/responses", "tools[].type"): literals(ToolParam),
    ("/v1/responses", "tool_choice"): literals(RESPONSES["tool_choice"]),
    ("/v1/responses", "include"): literals(ResponseIncludable),
    ("/v1/responses", "text.*"): set(TEXT),
    ("/v1/responses", "text.format.type"): literals(TEXT["format"]),
    ("/v1/responses", "reasoning.*"): set(REASONING),
    ("/v1/responses", "reasoning.effort"): literals(REASONING["effort"]),
    ("/v1/responses", "truncation"): literals(RESPONSES["truncation"]),
    ("/v1/responses", "stream_options.*"): set(_hints(response_create_params.StreamOptions)),
    ("/v1/responses", "service_tier"): literals(RESPONSES["service_tier"]),
    ("/v1/messages", "user's content[].type"): BLOCKS,
    ("/v1/messages", "assistant's content[].type"): BLOCKS,
    ("/v1/messages", "tool_result.content[].type"): literals(ToolResultContent),
    ("/v1/messages", "image.source.type"): literals(
        _hints(image_block_param.ImageBlockParam)["source"]
    ),
    ("/v1/messages", "document.source.type"): literals(
        _hints(document_block_param.DocumentBlockParam)["source"]
    ),
    ("/v1/messages", "tools[].type"): literals(tool_union_param.ToolUnionParam)
    | literals(beta_tool_union_param.BetaToolUnionParam),
    ("/v1/messages", "tool_choice.type"): literals(tool_choice_param.ToolChoiceParam),
    ("/v1/messages", "thinking.type"): literals(BetaThinkingConfigParam),
    ("/v1/messages", "thinking.*"): set(
        _hints(thinking_config_enabled_param.ThinkingConfigEnabledParam)
    )
    - {"type"},
    ("/v1/messages", "output_config.*"): set(_hints(output_config_param.OutputConfigParam))
    | set(_hints(beta_output_config_param.BetaOutputConfigParam)),
    ("/v1/messages", "metadata.*"): set(_hints(metadata_param.MetadataParam)),
    ("/v1/messages", "service_tier"): literals(MESSAGES["service_tier"]),
    ("/v1/completions", "stream_options.*"): STREAM_OPTIONS,
    ("/v1/completions", "service_tier"): set(),  # OpenAI's has none
    ("/v1/embeddings", "encoding_format"): literals(
        _hints(embedding_create_params.EmbeddingCreateParams)["encoding_format"]
    ),
}
