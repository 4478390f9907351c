"""The door: from a caller's body to an accepted call with its model, lane, window and deadline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from forebay.core.clock import Clock, Instant
from forebay.core.errors import InvalidParameter, UnsupportedParameter
from forebay.core.ids import NewId
from forebay.core.lanes import Lane
from forebay.core.windows import (
    ASAP,
    BAND_RANK,
    BANDS,
    STANDARD,
    CompletionWindow,
    choose_window,
)
from forebay.dialects.dialect import Call, Dialect, DialectName, Wishes
from forebay.dialects.messages import MessagesDialect
from forebay.dialects.metadata import refuse_reserved, refuse_reserved_of_batch
from forebay.dialects.responses_history import continued
from forebay.dialects.turn import AnyTurn, JsonObject
from forebay.dialects.wire import decode_kept
from forebay.lanes.capabilities import check_capabilities
from forebay.lanes.catalogue import Catalogue, Served
from forebay.store.request_records import RequestRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: the key, and the project that it acts for."""

    project_id: str
    key_id: str
    is_admin: bool = False


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a response continues: the items `before` its own input, oldest first.

    `own` is the caller's body with the items in it that were only referred to.
    """

    own: JsonObject
    before: list[JsonObject] = []
    previous_id: str | None = None
    conversation_id: str | None = None

    @property
    def body(self) -> JsonObject:
        """The body with everything in its input."""
        return continued(self.own, self.before)


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A call that may run."""

    call: Call
    turn: AnyTurn
    caller: Caller
    dialect: Dialect
    served: Served
    lane: Lane
    window: CompletionWindow
    deadline_at: Instant
    context: Context | None = None

    @property
    def conversation_id(self) -> str | None:
        """The conversation that the answer is added to, if there is one."""
        return None if self.context is None else self.context.conversation_id

    @property
    def band_rank(self) -> int:
        """The rank of the window's band, most urgent first."""
        return BAND_RANK[self.window.band]


class Admission:
    """Accepts calls."""

    def __init__(
        self,
        catalogue: Catalogue,
        dialects: Mapping[DialectName, Dialect],
        *,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._catalogue = catalogue
        self._dialects = dialects
        self._clock = clock
        self._new_id = new_id

    def admit(
        self,
        name: DialectName,
        body: JsonObject,
        caller: Caller,
        *,
        context: Context | None = None,
        request_id: str = "",
        header_window: str | None = None,
    ) -> Accepted:
        """Return the accepted call; raises `RequestRejected` that names what is wrong.

        `request_id` is that of the exchange, which a stream's error names.
        """
        dialect = self._dialects[name].within(caller.project_id)
        turn, wishes = dialect.parse(body if context is None else context.body)
        lane = Lane.BACKGROUND if wishes.is_background else Lane.REALTIME
        refuse_reserved(wishes.metadata, is_background=wishes.is_background)
        served = self._served(turn)
        window = _window(lane, wishes, header_window, served.model.windows)
        accepted = self._accept(
            dialect, body, turn, wishes, caller, served, lane, window, request_id=request_id
        )
        return msgspec.structs.replace(accepted, context=context)

    def admit_line(
        self,
        name: DialectName,
        body: JsonObject,
        caller: Caller,
        *,
        window_name: str,
        version: str | None = None,
    ) -> Accepted:
        """Return the accepted call of a batch line, whose window is the batch's.

        `version` is that of Anthropic's API by which a Message Batch was made.
        """
        dialect = self._dialects[name].within(caller.project_id)
        if isinstance(dialect, MessagesDialect):
            dialect.check_version(body, version)
        turn, wishes = dialect.parse(body)
        if wishes.is_streamed:
            raise UnsupportedParameter("stream", "the answers of a batch are not streamed")
        if wishes.is_background:
            raise UnsupportedParameter("background", "a batch line is not a background response")
        for name_of_context in ("previous_response_id", "conversation"):
            if name is DialectName.RESPONSES and body.get(name_of_context) is not None:
                raise UnsupportedParameter(name_of_context, "a batch line stands for itself")
        refuse_reserved_of_batch(wishes.metadata, window=window_name)
        served = self._served(turn)
        window = choose_window(
            Lane.BATCH, window_name, served.model.windows, param="completion_window"
        )
        return self._accept(dialect, body, turn, wishes, caller, served, Lane.BATCH, window)

    def readmit(self, request: RequestRecord, context: Context | None = None) -> Accepted:
        """Return a stored request as the accepted call that it was, to be run (again).

        Raises `RequestRejected` when the configuration has changed so that it cannot run.
        """
        dialect = self._dialects[DialectName(request.dialect)].within(request.project_id)
        body = decode_kept(request.body)
        turn, wishes = dialect.parse(body if context is None else context.body)
        served = self._served(turn)
        window = choose_window(request.lane, request.completion_window, served.model.windows)
        return Accepted(
            call=_recalled(request, body, wishes),
            turn=turn,
            caller=Caller(project_id=request.project_id, key_id=request.key_id),
            dialect=dialect,
            served=served,
            lane=request.lane,
            window=window,
            deadline_at=request.deadline_at,
            context=context,
        )

    def admit_again(
        self,
        request: RequestRecord,
        caller: Caller,
        context: Context | None,
        *,
        request_id: str | None = None,
    ) -> Accepted:
        """Return a stored request as a new call of the same body, its window counted from now.

        Raises as `readmit`.
        """
        accepted = self.readmit(request, context)
        now = self._clock.now()
        new_id = request_id or self._new_id(accepted.dialect.id_prefix())
        return msgspec.structs.replace(
            accepted,
            call=msgspec.structs.replace(accepted.call, id=new_id, created_at=now),
            caller=caller,
            deadline_at=accepted.window.deadline(now),
        )

    def recall(self, request: RequestRecord) -> tuple[Call, Dialect]:
        """Return a stored request as the call that it was, to be shown.

        That needs no model: it works however the configuration has changed.
        """
        dialect = self._dialects[DialectName(request.dialect)].within(request.project_id)
        body = decode_kept(request.body)
        return _recalled(request, body, dialect.wishes(body)), dialect

    def _served(self, turn: AnyTurn) -> Served:
        served = self._catalogue.resolve(turn.model)
        check_capabilities(served.model, turn)
        return served

    def _accept(
        self,
        dialect: Dialect,
        body: JsonObject,
        turn: AnyTurn,
        wishes: Wishes,
        caller: Caller,
        served: Served,
        lane: Lane,
        window: CompletionWindow,
        *,
        request_id: str = "",
    ) -> Accepted:
        now = self._clock.now()
        call = Call(
            id=self._new_id(dialect.id_prefix()),
            created_at=now,
            body=body,
            model=served.model.name,
            wishes=wishes,
            window=window.name,
            band=window.band,
            request_id=request_id,
        )
        return Accepted(
            call=call,
            turn=turn,
            caller=caller,
            dialect=dialect,
            served=served,
            lane=lane,
            window=window,
            deadline_at=window.deadline(now),
        )


def _recalled(request: RequestRecord, body: JsonObject, wishes: Wishes) -> Call:
    return Call(
        id=request.id,
        created_at=request.accepted_at,
        body=body,
        model=request.model,
        wishes=wishes,
        window=request.completion_window,
        band=BANDS[request.band_rank],
    )


def _window(
    lane: Lane,
    wishes: Wishes,
    header: str | None,
    offered: tuple[CompletionWindow, ...],
) -> CompletionWindow:
    """Return the window that was named most explicitly: metadata, then header, then tier."""
    named = wishes.metadata.get("completion_window")
    if named is not None:
        return choose_window(lane, named, offered)
    if header is not None:
        return choose_window(lane, header, offered, param="X-Completion-Window")
    return choose_window(lane, _tier_window(wishes.service_tier), offered, param="service_tier")


def _tier_window(tier: str | None) -> str | None:
    match tier:
        case None | "auto" | "default" | "standard_only":
            return None
        case "flex":
            return STANDARD
        case "priority" | "fast":
            return ASAP
        case _:
            raise InvalidParameter(
                f"Invalid value: '{tier}'. Supported values are: 'auto', 'default', 'flex', "
                "'priority' and 'fast'.",
                param="service_tier",
            )
