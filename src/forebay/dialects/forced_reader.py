"""The way back from forced JSON to text and tool calls, piece by piece.

The engine writes `{"message": ...}`, `{"tool_calls": [...]}` or both in one object, held to it by
the schema of `forced_tools`. An engine that ignored the schema is found out, never passed on.
"""

from __future__ import annotations

import re
from itertools import groupby

from forebay.core.engine_errors import EngineFailed
from forebay.dialects.forced_json import JsonPieces, Reading
from forebay.dialects.forced_plan import ForcedPlan, plan_of
from forebay.dialects.forced_stop import StopStrings
from forebay.dialects.turn import Delta, JsonObject, ToolCallPiece, Turn


class ForcedReader:
    """Reads the deltas that answer `forced(turn)` as those that `turn` itself asks for.

    Text comes decoded; arguments come as the engine wrote them. Logprobs are kept for the tokens
    that add to the text, in the engine's own spelling (a line feed is `\\n` there); those of the
    JSON around it and of tool calls are dropped. The ids of calls follow from `call_id`. Where
    `turn` lets no tool be called, everything passes unchanged.
    """

    def __init__(self, turn: Turn, *, call_id: str) -> None:
        self._plan = plan_of(turn)
        self._id_head = "call_" + re.sub(r"^[A-Za-z]+[_-]", "", call_id)
        self._stop = StopStrings(turn.sampling.get("stop"))
        self._json = JsonPieces()
        self._reading = None if self._plan is None else self._answer(self._plan)
        self._pieces: list[str | ToolCallPiece] = []
        self._call_count = 0
        self._is_whole = False
        self._has_finished = False

    def feed(self, deltas: list[Delta]) -> list[Delta]:
        """Return what these deltas add; raises `EngineFailed` for text that is not the JSON."""
        if self._plan is None:
            return deltas
        return [out for delta in deltas for out in self._read(delta)]

    def end(self) -> list[Delta]:
        """Return what is left when the stream has ended; some engines give no finish reason."""
        if self._plan is None or self._has_finished:
            return []
        return self._read(Delta(finish_reason="stop"))

    def _read(self, delta: Delta) -> list[Delta]:
        if delta.tool_calls:
            raise EngineFailed("the engine made a tool call of its own, and none was asked for")
        out: list[Delta] = []
        if delta.reasoning or delta.refusal:
            out.append(Delta(reasoning=delta.reasoning, refusal=delta.refusal))
        for text, logprobs in _tokens(delta):
            self._read_text(text)
            out.extend(self._taken(logprobs))
        if delta.finish_reason is not None:
            out.extend(self._finish(delta.finish_reason, delta.stop_sequence))
        if delta.usage is not None:
            out.append(Delta(usage=delta.usage))
        return out

    def _read_text(self, text: str) -> None:
        assert self._reading is not None
        self._json.add(text)
        # It has no end: after the JSON it still waits for space.
        next(self._reading)

    def _finish(self, reason: str, stop_sequence: str | None) -> list[Delta]:
        self._has_finished = True
        self._add_text_end()
        if self._stop.matched is not None:
            reason, stop_sequence = "stop", self._stop.matched
        elif reason in ("stop", "tool_calls"):
            if not self._is_whole:
                raise EngineFailed(
                    "the engine ended its answer before the JSON was whole that was to force its "
                    "tool calls"
                )
            reason = "tool_calls" if self._call_count else "stop"
        return [*self._taken(()), Delta(finish_reason=reason, stop_sequence=stop_sequence)]

    def _taken(self, logprobs: tuple[JsonObject, ...]) -> list[Delta]:
        """Return what was read since the last time, in as few deltas as keep its order."""
        pieces, self._pieces = self._pieces, []
        deltas = []
        for is_text, run in groupby(pieces, key=lambda piece: isinstance(piece, str)):
            if is_text:
                deltas.append(Delta(text="".join(map(str, run)), logprobs=logprobs))
            else:
                calls = [piece for piece in run if isinstance(piece, ToolCallPiece)]
                deltas.append(Delta(tool_calls=_joined(calls)))
        return deltas

    def _answer(self, plan: ForcedPlan) -> Reading[None]:
        keys = {"tool_calls", "message"} if plan.is_message_allowed else {"tool_calls"}
        yield from self._json.take("{")
        end = ""
        while end != "}":
            key = yield from self._json.word()
            if key not in keys:
                raise self._json.not_wanted("a key of the schema")
            keys.remove(key)
            yield from self._json.take(":")
            yield from self._message(plan) if key == "message" else self._calls(plan)
            end = yield from self._json.take(",}")
        self._is_whole = True
        yield from self._json.nothing_more()

    def _message(self, plan: ForcedPlan) -> Reading[None]:
        if plan.message_schema is None:
            yield from self._json.string(self._add_text)
        else:
            yield from self._json.value(self._add_text)
        self._add_text_end()

    def _calls(self, plan: ForcedPlan) -> Reading[None]:
        yield from self._json.take("[")
        end = ""
        while end != "]":
            yield from self._call(plan)
            end = yield from self._json.take(",]")

    def _call(self, plan: ForcedPlan) -> Reading[None]:
        if self._call_count == plan.max_calls:
            raise self._json.not_wanted("no more calls")
        yield from self._json.take("{")
        yield from self._key("name")
        name = yield from self._json.word()
        if all(name != tool.name for tool in plan.tools):
            raise self._json.not_wanted("the name of a tool")
        yield from self._json.take(",")
        yield from self._key("arguments")
        # With the name and before the arguments have ended: a caller may already act on it.
        index = self._call_count
        self._call_count += 1
        self._add_piece(ToolCallPiece(index, f"{self._id_head}{index}", name))
        arguments = yield from self._json.value(
            lambda text: self._add_piece(ToolCallPiece(index, arguments=text))
        )
        if not isinstance(arguments, dict):
            raise self._json.not_wanted("arguments that are a JSON object")
        yield from self._json.take("}")

    def _key(self, wanted: str) -> Reading[None]:
        key = yield from self._json.word()
        if key != wanted:
            raise self._json.not_wanted(f"the key '{wanted}'")
        yield from self._json.take(":")

    def _add_text(self, text: str) -> None:
        text = self._stop.feed(text)
        if text:
            self._pieces.append(text)

    def _add_text_end(self) -> None:
        rest = self._stop.rest()
        if rest:
            self._pieces.append(rest)

    def _add_piece(self, piece: ToolCallPiece) -> None:
        # A stop string ends the answer, and the engine does not know.
        if self._stop.matched is None:
            self._pieces.append(piece)


def _tokens(delta: Delta) -> list[tuple[str, tuple[JsonObject, ...]]]:
    """Return the delta's text token by token where its logprobs tell them, else whole."""
    texts: list[tuple[str, tuple[JsonObject, ...]]] = [
        (text, (token,)) for token in delta.logprobs if isinstance(text := token.get("token"), str)
    ]
    if texts and "".join([text for text, _ in texts]) == delta.text:
        return texts
    return [(delta.text, delta.logprobs)] if delta.text else []


def _joined(pieces: list[ToolCallPiece]) -> tuple[ToolCallPiece, ...]:
    joined: list[ToolCallPiece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last is not None and last.index == piece.index:
            arguments = last.arguments + piece.arguments
            joined[-1] = ToolCallPiece(last.index, last.id, last.name, arguments)
        else:
            joined.append(piece)
    return tuple(joined)
