"""The counting of a prompt's tokens, as OpenAI and Anthropic ask for it and are answered."""

from __future__ import annotations

from collections.abc import Set

from forebay.dialects import messages, responses
from forebay.dialects.dialect import DialectName
from forebay.dialects.parameters import Parameters
from forebay.dialects.turn import JsonObject


def _counted(of: Parameters, *, taken: Set[str], without_effect: Set[str]) -> Parameters:
    """Return the classes of those that the counting of these parameters' prompts takes."""
    return Parameters(
        honoured=of.honoured & taken,
        partly={name: what for name, what in of.partly.items() if name in taken},
        refused={name: refusal for name, refusal in of.refused.items() if name in taken},
        without_effect=of.without_effect & taken | without_effect,
    )


# A count is that of the whole prompt, and no model here has manners to choose from.
RESPONSE_PARAMETERS = _counted(
    responses.PARAMETERS,
    taken={
        "conversation",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "reasoning",
        "text",
        "tool_choice",
        "tools",
    },
    without_effect={"personality", "truncation"},
)

MESSAGE_PARAMETERS = _counted(
    messages.PARAMETERS,
    taken={
        "billing_policy",
        "cache_control",
        "compaction",
        "context_management",
        "mcp_servers",
        "messages",
        "model",
        "output_config",
        "output_format",
        "speed",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    },
    without_effect=frozenset(),
)


def countable(name: DialectName, body: JsonObject) -> JsonObject:
    """Return the body as one that its dialect can parse: counting needs no cap of the output."""
    return {**body, "max_tokens": 1} if name is DialectName.MESSAGES else body


def count_object(name: DialectName, tokens: int) -> JsonObject:
    """Return the answer in this API's words."""
    if name is DialectName.RESPONSES:
        return {"object": "response.input_tokens", "input_tokens": tokens}
    return {"input_tokens": tokens}
