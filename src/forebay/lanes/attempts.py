"""One attempt at a request: the call as it is run, the answer so far, and its kept stream.

An attempt whose predecessor had streamed nothing but text goes on from there where the engine can:
the engine is given that text as the beginning of its answer. Any other attempt starts over.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from forebay.core.money import Usage
from forebay.dialects.answer import Answer
from forebay.dialects.continuation import Joint, continued
from forebay.dialects.kept_stream import KeptText, text_so_far
from forebay.dialects.responses import ResponsesDialect
from forebay.dialects.responses_stream import ResponsesWriter
from forebay.dialects.turn import Delta, Turn
from forebay.lanes.admission import Accepted


class Attempt:
    """An attempt under way. `so_far` is the text from which it goes on, if it does."""

    def __init__(
        self,
        accepted: Accepted,
        writer: ResponsesWriter | None = None,
        *,
        so_far: KeptText | None = None,
    ) -> None:
        self.accepted = accepted
        self.writer = writer
        self.answer = Answer() if so_far is None else _answered(so_far)
        self._join = None if so_far is None else _Join(Joint(so_far.text), so_far.delta_count)
        self.folded = self.answer if so_far is None else Answer()
        """Where the running of the turn folds the engine's deltas."""

    def take(self, deltas: list[Delta]) -> bytes:
        """Return the events of these deltas, which the engine has just given."""
        if self._join is not None:
            deltas = self._join.joined(deltas)
            for delta in deltas:
                self.answer.add(delta)
        return b"" if self.writer is None else self.writer.write(deltas)

    @property
    def goes_on(self) -> bool:
        """Whether it goes on from the text of the one before."""
        return self._join is not None

    @property
    def has_more(self) -> bool:
        """Whether the engine has given any output in this attempt."""
        return self.folded.has_output

    @property
    def is_plain(self) -> bool:
        """Whether it has given nothing but text, so that another attempt may go on from there."""
        answer = self.answer
        return bool(answer.text_parts) and not (
            answer.reasoning_parts or answer.refusal_parts or answer.tool_calls or answer.logprobs
        )

    @property
    def first_index(self) -> int:
        """Where the items of this attempt begin in the stream."""
        return 0 if self.writer is None else self.writer.first_index


@dataclass(frozen=True, slots=True)
class _Join:
    """Makes what an engine said after `token_count` tokens of ours look like all one answer."""

    joint: Joint
    token_count: int

    def joined(self, deltas: list[Delta]) -> list[Delta]:
        return [self._counted(delta) for delta in self.joint.trim(deltas)]

    def _counted(self, delta: Delta) -> Delta:
        """Return the delta with the tokens that were sent as prompt counted as what they are."""
        usage = delta.usage
        if usage is None:
            return delta
        moved = min(self.token_count, usage.input_tokens)
        input_tokens = usage.input_tokens - moved
        counted = Usage(
            input_tokens=input_tokens,
            cached_tokens=min(usage.cached_tokens, input_tokens),
            output_tokens=usage.output_tokens + moved,
            reasoning_tokens=usage.reasoning_tokens,
        )
        return msgspec.structs.replace(delta, usage=counted)


def shown_before(kept: bytes) -> Answer | None:
    """Return what the last attempt had shown, as far as another one might go on from there."""
    so_far = text_so_far(kept)
    return None if so_far is None else _answered(so_far)


def _answered(so_far: KeptText) -> Answer:
    answer = Answer()
    answer.add(Delta(text=so_far.text))
    answer.delta_count = so_far.delta_count
    return answer


def begun(accepted: Accepted, kept: bytes, *, takes_prefill: bool) -> Attempt:
    """Return an attempt that goes on with the stream of which these events are kept."""
    assert isinstance(accepted.dialect, ResponsesDialect), "no other API has a background"
    so_far = text_so_far(kept) if takes_prefill else None
    turn = None
    if so_far is not None and isinstance(accepted.turn, Turn):
        turn = continued(accepted.turn, so_far.text, text_tokens=so_far.delta_count)
    if so_far is None or turn is None:
        writer = accepted.dialect.resumed(accepted.call, kept, goes_on=False)
        return Attempt(accepted, writer)
    writer = accepted.dialect.resumed(accepted.call, kept, goes_on=True)
    accepted = msgspec.structs.replace(accepted, turn=turn)
    return Attempt(accepted, writer, so_far=so_far)
