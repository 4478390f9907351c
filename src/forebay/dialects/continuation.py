"""Going on with a text that an attempt before left unfinished, instead of starting over.

The engine gets the text as the beginning of the assistant's answer (a prefill), with the white
space at its end: without that, the text would end within a token, and models go on differently.
Some chat templates strip it; what the engine then repeats is dropped where both texts join.
"""

from __future__ import annotations

import msgspec

from forebay.dialects.messages_thinking import template_fields
from forebay.dialects.turn import Delta, JsonObject, Turn

_ACROSS_THE_JOINT = ("logprobs", "stop")


def continued(turn: Turn, text: str, *, text_tokens: int) -> Turn | None:
    """Return the turn whose answer goes on behind `text`, None where that cannot be asked for.

    `text_tokens` is what of the cap the text has used up.
    """
    cap = turn.max_output_tokens
    if not text.strip() or not _can_go_on(turn) or (cap is not None and cap <= text_tokens):
        return None
    return msgspec.structs.replace(
        turn,
        messages=[*turn.messages, {"role": "assistant", "content": text}],
        max_output_tokens=None if cap is None else cap - text_tokens,
        extra=_with_prefill(turn.extra),
    )


class Joint:
    """The place where new text joins the text that it goes on with."""

    def __init__(self, text: str) -> None:
        self._space = text[len(text.rstrip()) :]

    def trim(self, deltas: list[Delta]) -> list[Delta]:
        """Return the deltas without what their first text repeats of the white space before it."""
        if not self._space:
            return deltas
        trimmed = [self._trimmed(delta) if delta.text else delta for delta in deltas]
        return [delta for delta in trimmed if delta != _NOTHING]

    def _trimmed(self, delta: Delta) -> Delta:
        if not self._space:
            return delta
        count = _common(delta.text, self._space)
        rest = delta.text[count:]
        # White space may come in several deltas; with the first other character it is over.
        self._space = "" if rest else self._space[count:]
        return msgspec.structs.replace(delta, text=rest) if count else delta


_NOTHING = Delta()


def _can_go_on(turn: Turn) -> bool:
    """Tell whether an answer of plain text can be gone on with.

    In the middle of a grammar no engine goes on, and it would give the text itself no logprobs; a
    stop string would not be found where one half of it is in the text.
    """
    is_begun = not turn.messages or turn.messages[-1].get("role") == "assistant"
    is_plain = not turn.tools and turn.response_format is None and turn.choices == 1
    return is_plain and not is_begun and not any(map(turn.sampling.get, _ACROSS_THE_JOINT))


def _with_prefill(extra: JsonObject) -> JsonObject:
    fields = template_fields(None, is_prefilled=True)
    given, ours = extra.get("chat_template_kwargs"), fields["chat_template_kwargs"]
    if isinstance(given, dict) and isinstance(ours, dict):
        fields["chat_template_kwargs"] = given | ours
    return extra | fields


def _common(text: str, other: str) -> int:
    count = 0
    while count < min(len(text), len(other)) and text[count] == other[count]:
        count += 1
    return count
