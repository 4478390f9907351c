"""Compaction: a conversation made shorter by a turn of the model, charged like any other."""

from __future__ import annotations

from forebay.core.clock import Clock
from forebay.core.engine_errors import EngineFailed
from forebay.dialects.cipher import Cipher
from forebay.dialects.compaction import PARAMETERS, compaction_object, summary_body
from forebay.dialects.dialect import DialectName
from forebay.dialects.turn import JsonObject
from forebay.lanes.admission import Admission, Caller
from forebay.lanes.contexts import Contexts
from forebay.lanes.realtime import Realtime


class Compaction:
    """Compacts conversations; nothing of one is kept here."""

    def __init__(
        self,
        admission: Admission,
        contexts: Contexts,
        realtime: Realtime,
        *,
        cipher: Cipher,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._contexts = contexts
        self._realtime = realtime
        self._cipher = cipher
        self._clock = clock

    async def compact(
        self,
        caller: Caller,
        body: JsonObject,
        *,
        id: str,
        request_id: str,
        header_window: str | None,
    ) -> JsonObject:
        """Return the `response.compaction` of that id; raises what admission and the turn do."""
        PARAMETERS.check(body)
        context = await self._contexts.of(caller, body)
        own = body if context is None else context.own
        wanted = summary_body(own, [] if context is None else context.before)
        accepted = self._admission.admit(
            DialectName.RESPONSES,
            wanted,
            caller,
            request_id=request_id,
            header_window=header_window,
        )
        final = await self._realtime.answer(accepted)
        summary = text_of(final)
        if final["status"] != "completed" or not summary.strip():
            # The caller will drop what it holds: half a summary would lose the rest of that.
            raise EngineFailed("the model did not bring its summary to an end")
        items = wanted["input"]
        assert isinstance(items, list)
        return compaction_object(
            items[:-1],
            summary,
            id=id,
            created_at=self._clock.now(),
            usage=final["usage"],
            extension=final["forebay"],
            cipher=self._cipher.within(caller.project_id),
        )


def text_of(response: JsonObject) -> str:
    """Return all the text of a response object's messages."""
    output = response["output"]
    assert isinstance(output, list)
    return "".join(
        str(part.get("text", ""))
        for item in output
        if item["type"] == "message"
        for part in item["content"]
    )
