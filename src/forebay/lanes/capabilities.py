"""What a model can do, against what a turn asks: refused at the door, before anything is run."""

from __future__ import annotations

from typing import assert_never

from forebay.core.errors import InvalidParameter, PromptRejected, UnsupportedParameter
from forebay.core.models import Model, ModelKind, ToolCalling
from forebay.dialects.forced_tools import forced
from forebay.dialects.turn import AnyTurn, EmbeddingTurn, TextTurn, Turn


def check_capabilities(model: Model, turn: AnyTurn) -> None:
    """Raise a `RequestRejected` for a turn that the model, or its engine, cannot run."""
    match turn:
        case EmbeddingTurn():
            if model.kind is ModelKind.CHAT:
                raise InvalidParameter(
                    f"The model '{turn.model}' does not make embeddings.", param="model"
                )
        case Turn() | TextTurn():
            if model.kind is ModelKind.EMBEDDING:
                raise InvalidParameter(
                    f"The model '{turn.model}' makes embeddings only.", param="model"
                )
            if isinstance(turn, Turn):
                _check_chat(model, turn)
            elif "suffix" in turn.sampling and not model.takes_suffix:
                raise UnsupportedParameter(
                    "suffix", f"the engine of '{turn.model}' completes texts at their end only"
                )
        case _:
            assert_never(turn)


def _check_chat(model: Model, turn: Turn) -> None:
    can_call = model.tool_calling is ToolCalling.NATIVE or (
        model.tool_calling is ToolCalling.FORCED and model.has_grammar
    )
    if turn.tools and not can_call:
        raise UnsupportedParameter("tools", f"the model '{turn.model}' cannot call tools")
    if turn.tools and model.tool_calling is ToolCalling.FORCED:
        forced(turn)  # raises for a schema that no grammar can follow
    if turn.response_format is not None and not model.has_grammar:
        kind = turn.response_format.get("type")
        if kind != "text":
            raise UnsupportedParameter(
                "response_format", f"the engine of '{turn.model}' cannot be held to '{kind}'"
            )
    if not model.takes_images and turn.has_images:
        raise PromptRejected(f"the model '{turn.model}' cannot see images")
