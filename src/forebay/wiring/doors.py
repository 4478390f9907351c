"""The doors: what comes into the house from outside, so that a test can stand at each of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from forebay.core.clock import Clock, SystemClock
from forebay.core.ids import NewId, RandomIds
from forebay.engines.engine import Engine
from forebay.engines.http import HttpEngine, HttpEngineOptions
from forebay.lanes.retries import Chance

OpenEngine = Callable[[HttpEngineOptions], Engine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where time, ids and chance come from, and how an engine is reached."""

    clock: Clock = field(default_factory=SystemClock)
    new_id: NewId = field(default_factory=RandomIds)
    chance: Chance = random.SystemRandom().random
    open_engine: OpenEngine = HttpEngine
