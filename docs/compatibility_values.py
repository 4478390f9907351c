"""The values that may stand within parameters, where they are of several kinds: for the page.

Where the code has a table of them, it stands here; what the code says in other ways is said again,
and the tests parse every one.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from forebay.dialects import messages_vendor_tools
from forebay.dialects.chat import ROLES
from forebay.dialects.messages_input import LEFT_OUT
from forebay.dialects.responses import INCLUDED, INCLUDED_ANYWAY
from forebay.dialects.responses_input import RECORDS
from forebay.dialects.responses_tools import RUN_BY_THE_VENDOR

NONE: Set[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values in one place: honoured, accepted without effect, refused with a 400.

    The `usual` ones among those that are honoured ask for what is done anyway. A `*` at the end of
    a value stands for whatever comes there.
    """

    place: str
    honoured: Set[str] = NONE
    usual: Set[str] = NONE
    dropped: Set[str] = NONE
    refused: Set[str] = NONE
    remark: str = ""


EFFORTS = {"none", "minimal", "low", "medium", "high", "xhigh", "max"}
TIERS = {"auto", "default", "fast", "flex", "priority"}

CHAT = (
    Values(place="messages[].role", honoured={*ROLES}),
    Values(
        place="messages[].content[].type",
        honoured={"text", "refusal", "image_url", "input_audio"},
        refused={"file"},
        remark="images and sounds where the model takes them",
    ),
    Values(place="tools[].type", honoured={"function"}, refused={"custom"}),
    Values(
        place="tool_choice",
        honoured={"none", "auto", "required", "function", "allowed_tools"},
        refused={"custom"},
    ),
    Values(
        place="response_format.type",
        honoured={"text", "json_object", "json_schema"},
    ),
    Values(place="reasoning_effort", honoured=EFFORTS, remark="the engine gets them as they are"),
    Values(place="stream_options.*", honoured={"include_usage"}, dropped={"include_obfuscation"}),
    Values(
        place="service_tier",
        honoured=TIERS,
        usual=TIERS - {"flex"},
        refused={"scale"},
        remark="`flex` is the window `standard`; the others are `asap`",
    ),
)

RESPONSES = (
    Values(
        place="input[].type",
        honoured={
            "compaction",
            "custom_tool_call",
            "custom_tool_call_output",
            "function_call",
            "function_call_output",
            "item_reference",
            "message",
            "reasoning",
        },
        dropped=RECORDS,
        refused={
            "additional_tools",
            "apply_patch_call",
            "apply_patch_call_output",
            "compaction_trigger",
            "computer_call",
            "computer_call_output",
            "configuration_update",
            "local_shell_call",
            "local_shell_call_output",
            "program",
            "program_output",
            "shell_call",
            "shell_call_output",
        },
        remark="what tools that ran elsewhere left behind is left out",
    ),
    Values(
        place="input[].content[].type",
        honoured={"input_text", "input_image", "output_text", "refusal"},
        refused={"input_file", "input_audio"},
    ),
    Values(
        place="tools[].type",
        honoured={"function", "custom", "namespace"},
        dropped=RUN_BY_THE_VENDOR,
        refused={
            "apply_patch",
            "computer",
            "computer_use_preview",
            "local_shell",
            "programmatic_tool_calling",
            "shell",
        },
        remark="models do without the tools that run on the vendor's servers",
    ),
    Values(
        place="tool_choice",
        honoured={"none", "auto", "required", "function", "custom", "allowed_tools"},
        refused={
            "apply_patch",
            "code_interpreter",
            "computer",
            "computer_use",
            "computer_use_preview",
            "file_search",
            "image_generation",
            "mcp",
            "programmatic_tool_calling",
            "shell",
            "web_search_preview",
            "web_search_preview_2025_03_11",
        },
    ),
    Values(place="include", honoured=INCLUDED, dropped=INCLUDED_ANYWAY),
    Values(place="text.*", honoured={"format"}, dropped={"verbosity"}),
    Values(
        place="text.format.type",
        honoured={"text", "json_object", "json_schema"},
        usual={"text"},
    ),
    Values(
        place="reasoning.*",
        honoured={"effort"},
        dropped={"context", "generate_summary", "mode", "summary"},
    ),
    Values(place="reasoning.effort", honoured=EFFORTS, remark="the engine gets them as they are"),
    Values(place="truncation", honoured={"auto", "disabled"}, usual={"disabled"}),
    Values(place="stream_options.*", dropped={"include_obfuscation"}),
    Values(
        place="service_tier",
        honoured=TIERS,
        usual=TIERS - {"flex"},
        refused={"scale", "ultrafast"},
        remark="as in Chat Completions; in the background all but `priority` and `fast` are "
        "`standard`",
    ),
)

_NEVER_READ = {"compaction", "container_upload", "tool_addition", "tool_removal"}

MESSAGES = (
    Values(
        place="user's content[].type",
        honoured={"text", "image", "document", "search_result", "tool_result"},
        dropped=LEFT_OUT,
        refused={*_NEVER_READ, "thinking", "tool_use"},
        remark="what tools that ran elsewhere left behind is left out",
    ),
    Values(
        place="assistant's content[].type",
        honoured={"text", "document", "search_result", "thinking", "tool_use"},
        dropped=LEFT_OUT,
        refused={*_NEVER_READ, "image", "tool_result"},
        remark="thinking that only another maker can read is left out",
    ),
    Values(
        place="tool_result.content[].type",
        honoured={"text", "image", "document", "search_result", "tool_reference"},
        refused={"browser_state"},
    ),
    Values(place="image.source.type", honoured={"base64", "url"}, refused={"file"}),
    Values(
        place="document.source.type",
        honoured={"text", "content", "base64"},
        refused={"file", "url"},
        remark="of `base64` only text is read: PDFs are refused",
    ),
    Values(
        place="tools[].type",
        honoured={"custom", *messages_vendor_tools.CLIENT_SIDE},
        dropped={f"{kind}*" for kind in messages_vendor_tools.SERVER_SIDE},
        refused={"browser_toolset_*", "computer_*"},
        remark="models do without the tools that run on the vendor's servers",
    ),
    Values(
        place="tool_choice.type",
        honoured={"auto", "any", "tool", "none"},
        remark="a `tool` that runs on the vendor's servers is refused",
    ),
    Values(
        place="thinking.type",
        honoured={"adaptive", "between_tools", "disabled", "enabled"},
        remark="`adaptive` and `between_tools` show the thinking, and leave it to the model",
    ),
    Values(
        place="thinking.*",
        honoured={"display"},
        dropped={"budget_tokens"},
    ),
    Values(place="output_config.*", honoured={"effort", "format"}, dropped={"task_budget"}),
    Values(place="metadata.*", honoured={"completion_window"}, dropped={"user_id"}),
    Values(place="service_tier", dropped={"auto", "standard_only"}),
)

COMPLETIONS = (
    Values(place="stream_options.*", honoured={"include_usage"}, dropped={"include_obfuscation"}),
    Values(place="service_tier", honoured=TIERS, usual=TIERS - {"flex"}),
)

EMBEDDINGS = (Values(place="encoding_format", honoured={"float", "base64"}, usual={"float"}),)

VALUES: dict[str, tuple[Values, ...]] = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
    "/v1/completions": COMPLETIONS,
    "/v1/embeddings": EMBEDDINGS,
}
