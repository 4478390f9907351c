"""What stands in for the world in tests: a clock moved by hand, counted ids, a scripted engine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from forebay.core.clock import Instant, after
from forebay.core.money import Usage
from forebay.dialects.turn import AnyTurn, Delta, EmbeddingTurn, TextTurn, Turn

T = TypeVar("T")

START = Instant(1_760_000_000_000)
USAGE = Usage(input_tokens=10, cached_tokens=4, output_tokens=2)


class ManualTimer:
    """A call to come, for whoever thinks better of it."""

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Let it not come."""
        self.is_cancelled = True


class ManualClock:
    """A clock that stands still until it is moved, and the timers that go by it."""

    def __init__(self, now: Instant = START) -> None:
        self._now = now
        self._timers: list[ManualTimer] = []

    def now(self) -> Instant:
        """Return the instant to which the clock was moved last."""
        return self._now

    def move(self, seconds: float) -> None:
        """Go forward, calling everything that is due then, the earliest first."""
        self._now = after(self._now, seconds)
        while due := [timer for timer in self.timers if timer.when <= self.time()]:
            timer = min(due, key=lambda each: each.when)
            self._timers.remove(timer)
            timer.callback()

    def time(self) -> float:
        """Return the seconds of an event loop that goes by this clock."""
        return self._now / 1000

    def call_at(self, when: float, callback: Callable[[], object], /) -> ManualTimer:
        """Call back when the clock is moved to that time."""
        timer = ManualTimer(when, callback)
        self._timers.append(timer)
        return timer

    @property
    def timers(self) -> list[ManualTimer]:
        """The timers that are still to come."""
        return [timer for timer in self._timers if not timer.is_cancelled]


class CountingIds:
    """Makes ids that count up, so that later ones sort after earlier ones."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:036x}"


class Gate:
    """A point in a script where the engine stops until the test opens it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._is_open = asyncio.Event()

    def open(self) -> None:
        """Let the engine go on."""
        self._is_open.set()

    async def pass_through(self) -> None:
        """Tell that the engine is here, and wait."""
        self.reached.set()
        await self._is_open.wait()


Step = list[Delta] | Gate | Exception
Script = Sequence[Step]


def says(*pieces: str, finish_reason: str = "stop", usage: Usage | None = USAGE) -> list[Step]:
    """Return the script of an answer in these pieces, one read each."""
    end = Delta(finish_reason=finish_reason)
    last = [end] if usage is None else [end, Delta(usage=usage)]
    return [*[[Delta(text=piece)] for piece in pieces], last]


class ScriptedEngine:
    """An `Engine` that does what the test says.

    A turn takes the script of its prompt's text, else the next of `queue`, else it says "Hello.".
    It counts every chat's prompt as `tokens`, or raises those.
    """

    def __init__(self, *, models: Sequence[str] = ("tiny",)) -> None:
        self.queue: deque[Script] = deque()
        self.by_prompt: dict[str, Script] = {}
        self.served = list(models)
        self.takes_prefill = True
        self.probe_error: Exception | None = None
        self.turns: list[Any] = []  # of the kind that the test knows it asked for
        self.counted: list[Turn] = []
        self.tokens: int | Exception | None = USAGE.input_tokens
        self.models_used: list[str] = []
        self.ended: list[str] = []
        self.cancelled: list[str] = []
        self.has_ended = asyncio.Event()
        self.was_cancelled = asyncio.Event()
        self.in_flight = 0
        self.most_in_flight = 0
        self.is_closed = False

    @property
    def prompts(self) -> list[str]:
        """The prompts of all turns, in the order of their beginning."""
        return [prompt_of(turn) for turn in self.turns]

    async def stream(self, turn: AnyTurn, *, model: str) -> AsyncGenerator[list[Delta], None]:
        """Play a script; see `Engine.stream`."""
        self.turns.append(turn)
        self.models_used.append(model)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            for step in self._script(turn):
                match step:
                    case Gate():
                        await step.pass_through()
                    case Exception():
                        raise step
                    case deltas:
                        yield deltas
            self.ended.append(prompt_of(turn))
            self.has_ended.set()
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append(prompt_of(turn))
            self.was_cancelled.set()
            raise
        finally:
            self.in_flight -= 1

    def _script(self, turn: AnyTurn) -> Script:
        script = self.by_prompt.get(prompt_of(turn))
        if script is not None:
            return script
        return self.queue.popleft() if self.queue else says("Hel", "lo.")

    async def count(self, turn: Turn, *, model: str) -> int | None:
        """Return what the test put there, or raise it."""
        self.counted.append(turn)
        self.models_used.append(model)
        if isinstance(self.tokens, Exception):
            raise self.tokens
        return self.tokens

    async def models(self) -> list[str]:
        """Return the served names, or raise what the test put there."""
        if self.probe_error is not None:
            raise self.probe_error
        return list(self.served)

    async def close(self) -> None:
        """Note that nothing is held any more."""
        self.is_closed = True


def prompt_of(turn: AnyTurn) -> str:
    """Return the text of the turn's last message, or all of what has no messages."""
    if isinstance(turn, TextTurn):
        return " ".join(str(prompt) for prompt in turn.prompts)
    if isinstance(turn, EmbeddingTurn):
        return " ".join(str(text) for text in turn.inputs)
    content = turn.messages[-1].get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content)


async def looped(times: int = 20) -> None:
    """Let everything that is ready run, and what that makes ready, so many times over."""
    for _ in range(times):
        await asyncio.sleep(0)


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """Return what `look` finds, looking until there is something; it must wait for something."""
    while True:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0)
