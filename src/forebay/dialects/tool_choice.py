"""What every API asks of a choice among tools: that there are some, and that it names one of them.

The tools are those of chat already, whatever words the caller used.
"""

from __future__ import annotations

from forebay.core.errors import InvalidParameter
from forebay.dialects.turn import JsonObject


def require_tools(tools: list[JsonObject]) -> None:
    """Raise `InvalidParameter` when a call is demanded and there is nothing to call."""
    if not tools:
        raise InvalidParameter(
            "Tool choices other than 'none' and 'auto' need 'tools'.", param="tool_choice"
        )


def named_tool(name: object, tools: list[JsonObject], *, param: str = "tool_choice") -> JsonObject:
    """Return the tool of this name; raises `InvalidParameter` when there is none."""
    for tool in tools:
        function = tool["function"]
        if isinstance(function, dict) and function.get("name") == name:
            return tool
    raise InvalidParameter(f"Tool choice '{name}' not found in 'tools'.", param=param)
