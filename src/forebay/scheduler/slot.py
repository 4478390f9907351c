"""A slot: room for one turn on a replica, and the word of how the turn went there."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from forebay.core.engine_errors import EngineError
from forebay.engines.breaker import BreakerState
from forebay.engines.engine import Engine
from forebay.engines.pool import Member, Pool, Replica
from forebay.scheduler.breakers import Breakers


class Slot:
    """Room for one turn on a replica. Leaving the `with` block gives it back; so does `release`.

    Whoever runs a turn tells how it goes: a replica on trial stays there until one does.
    """

    __slots__ = (
        "_breakers",
        "_is_held",
        "_is_trial",
        "_on_released",
        "_opening",
        "_pool",
        "model",
        "replica",
    )

    def __init__(
        self,
        pool: Pool,
        member: Member,
        breakers: Breakers,
        *,
        on_released: Callable[[Replica], None],
    ) -> None:
        self.replica = member.replica
        self.model = member.model
        self._pool = pool
        self._breakers = breakers
        self._on_released = on_released
        breaker = self.replica.breaker
        self._is_held = True
        self._is_trial = breaker.state is BreakerState.HALF_OPEN and not breaker.has_trial
        self._opening = breaker.opening
        self.replica.in_flight += 1
        self.replica.breaker = breaker.tried()

    @property
    def engine(self) -> Engine:
        """The engine to run the turn on, under the name `model`."""
        return self.replica.engine

    @property
    def takes_prefill(self) -> bool:
        """Whether the model goes on here with an assistant's message that ends the turn."""
        setting = self._pool.takes_prefill
        return self.engine.takes_prefill if setting is None else setting

    def answering(self) -> None:
        """Tell that the turn brings output."""
        breaker = self.replica.breaker
        if breaker.state is BreakerState.HALF_OPEN:  # asked at every read of every turn
            self._breakers.move(self.replica, breaker.answering(self._opening))

    def worked(self) -> None:
        """Tell that the turn was answered to its end."""
        self._breakers.move(self.replica, self.replica.breaker.worked(self._opening))

    def failed(self, error: EngineError) -> None:
        """Tell that the turn ended with this error."""
        breaker = self.replica.breaker.failed(
            error, self._opening, is_trial=self._is_trial, now_s=self._breakers.now_s()
        )
        self._breakers.move(self.replica, breaker)

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the slot back; a second time changes nothing."""
        if not self._is_held:
            return
        self._is_held = False
        replica = self.replica
        replica.in_flight -= 1
        if self._is_trial:
            replica.breaker = replica.breaker.untried(self._opening)
        self._on_released(replica)
