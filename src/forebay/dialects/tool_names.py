"""The names of a response's tools among callers, and the one name that each has for the engine.

Tools may stand in namespaces, which engines do not know: there the namespace goes into the name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from forebay.dialects.turn import JsonObject

SEPARATOR = "__"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolName:
    """A tool as its caller knows it; the input of a custom one is free text."""

    name: str
    namespace: str | None = None
    is_custom: bool = False

    @property
    def for_engine(self) -> str:
        """The one name that the engine sees."""
        return engine_name(self.name, self.namespace)


def engine_name(name: str, namespace: str | None) -> str:
    """Return the name of a tool for the engine."""
    return name if not namespace else f"{namespace}{SEPARATOR}{name}"


def tool_names(tools: object) -> dict[str, ToolName]:
    """Return the tools that a model may call, by their names for the engine."""
    return {found.for_engine: found for found in _named(tools, None)}


def ambiguous_name(tools: object) -> str | None:
    """Return a name for the engine that tools of different namespaces have, if there is one."""
    seen: dict[str, ToolName] = {}
    for found in _named(tools, None):
        if seen.setdefault(found.for_engine, found).namespace != found.namespace:
            return found.for_engine
    return None


def _named(tools: object, namespace: str | None) -> Iterator[ToolName]:
    for tool in _objects(tools):
        kind, name = tool.get("type"), tool.get("name")
        if not isinstance(name, str):
            continue
        if kind == "namespace" and namespace is None:
            yield from _named(tool.get("tools"), name)
        elif kind in ("function", "custom"):
            yield ToolName(name=name, namespace=namespace, is_custom=kind == "custom")


def _objects(value: object) -> list[JsonObject]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
