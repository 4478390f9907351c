"""Anthropic's own tools: those that a client runs, with schemas that its models know by heart.

Here every model is told them. Tools that run on Anthropic's servers are known by type alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.dialects.turn import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorTool:
    """What a model must be told of a tool that a type alone stands for."""

    description: str
    properties: JsonObject
    required: tuple[str, ...] = ()

    @property
    def schema(self) -> JsonObject:
        """The schema of the tool's input."""
        schema: JsonObject = {"type": "object", "properties": self.properties}
        return schema | {"required": list(self.required)} if self.required else schema


SERVER_SIDE = (
    "advisor_",
    "code_execution_",
    "mcp_toolset",
    "tool_search_tool_",
    "web_fetch_",
    "web_search_",
)


def is_server_side(kind: str) -> bool:
    """Tell whether tools of this type run on the vendor's servers."""
    return kind.startswith(SERVER_SIDE)


def _text(description: str) -> JsonObject:
    return {"type": "string", "description": description}


_VIEW_RANGE: JsonObject = {
    "type": "array",
    "items": {"type": "integer"},
    "description": "For view: the first and the last line to show, counted from 1; -1 is the end.",
}
_INSERT_LINE: JsonObject = {
    "type": "integer",
    "description": "For insert: the line after which the text goes; 0 is the top.",
}
_FILE_TEXT = _text("For create: the file's text.")
_OLD_STR = _text("For str_replace: the text to replace, which must occur exactly once.")


def _commands(*names: str) -> JsonObject:
    return {"type": "string", "enum": list(names), "description": "What to do."}


_BASH = VendorTool(
    description="Run a command in a bash shell that lives on between calls, and return its output. "
    "Give either a command or restart.",
    properties={
        "command": _text("The command to run."),
        "restart": {"type": "boolean", "description": "Whether to restart the shell instead."},
    },
)

_EDITOR = VendorTool(
    description="View, create and edit text files: view shows a file or lists a directory, create "
    "writes a whole file, str_replace replaces one passage, insert adds text after a line.",
    properties={
        "command": _commands("view", "create", "str_replace", "insert"),
        "path": _text("The absolute path of the file or directory."),
        "file_text": _FILE_TEXT,
        "old_str": _OLD_STR,
        "new_str": _text("For str_replace: the text that takes its place."),
        "insert_line": _INSERT_LINE,
        "insert_text": _text("For insert: the text to insert."),
        "view_range": _VIEW_RANGE,
    },
    required=("command", "path"),
)

_OLDER_EDITOR = VendorTool(
    description=f"{_EDITOR.description} undo_edit takes back the last edit of a file.",
    properties={
        **{name: shape for name, shape in _EDITOR.properties.items() if name != "insert_text"},
        "command": _commands("view", "create", "str_replace", "insert", "undo_edit"),
        "new_str": _text("For str_replace: the text that takes its place; for insert: the text."),
    },
    required=("command", "path"),
)

_MEMORY = VendorTool(
    description="Keep notes from one conversation to the next, as files under /memories. View that "
    "directory before you begin, and write down what will be of use later.",
    properties={
        "command": _commands("view", "create", "str_replace", "insert", "delete", "rename"),
        "path": _text("The path of the file or directory, for all commands but rename."),
        "file_text": _FILE_TEXT,
        "old_str": _OLD_STR,
        "new_str": _text("For str_replace: the text that takes its place."),
        "insert_line": _INSERT_LINE,
        "insert_text": _text("For insert: the text to insert."),
        "view_range": _VIEW_RANGE,
        "old_path": _text("For rename: the path until now."),
        "new_path": _text("For rename: the new path."),
    },
    required=("command",),
)

CLIENT_SIDE: dict[str, VendorTool] = {
    "bash_20241022": _BASH,
    "bash_20250124": _BASH,
    "memory_20250818": _MEMORY,
    "text_editor_20241022": _OLDER_EDITOR,
    "text_editor_20250124": _OLDER_EDITOR,
    "text_editor_20250429": _EDITOR,
    "text_editor_20250728": _EDITOR,
}
"""The tools that clients run, by their types."""
